/** Charts as lines of SVG: a path for each series, so that a live page changes one attribute. */
import type { Bar } from './tally.ts'

export const WIDTH = 720
export const HEIGHT = 144
/** Between two bars, as a share of a bar. */
const GAP = 0.2

/** Bars from the ground up. */
function barsPath(values: readonly number[], most: number): string {
  const step = WIDTH / Math.max(values.length, 1)
  const width = round(step * (1 - GAP))
  return values
    .map((value, at) =>
      value === 0
        ? ''
        : `M${round(at * step + (step * GAP) / 2)} ${HEIGHT}v${round(-Math.max((value / most) * HEIGHT, 1.5))}h${width}V${HEIGHT}z`,
    )
    .join('')
}

/** A line through the middles of the bars, broken where there is no value. */
function linePath(values: readonly (number | undefined)[], most: number): string {
  const step = WIDTH / Math.max(values.length, 1)
  let isBroken = true
  return values
    .map((value, at) => {
      if (value === undefined) {
        isBroken = true
        return ''
      }
      const y = round(HEIGHT - (value / most) * (HEIGHT - 2) - 1)
      const point = isBroken
        ? `M${round(at * step + step * GAP)} ${y}H${round((at + 1) * step - step * GAP)}`
        : `L${round(at * step + step / 2)} ${y}`
      isBroken = false
      return point
    })
    .join('')
}

/** What the charts of an overview are made of, by the ids of their parts. */
export function pathsOf(bars: readonly Bar[]): Readonly<Record<'calls' | 'refused' | 'median' | 'p95', string>> {
  const most = mostOf(bars)
  return {
    calls: barsPath(
      bars.map(({ calls }) => calls),
      most.calls,
    ),
    refused: barsPath(
      bars.map(({ refused }) => refused),
      most.calls,
    ),
    median: linePath(
      bars.map(({ medianMs }) => medianMs),
      most.ms,
    ),
    p95: linePath(
      bars.map(({ p95Ms }) => p95Ms),
      most.ms,
    ),
  }
}

/** The top of each chart; never nothing. */
export function mostOf(bars: readonly Bar[]): { readonly calls: number; readonly ms: number } {
  return { calls: Math.max(1, ...bars.map(({ calls }) => calls)), ms: Math.max(0.1, ...bars.map(({ p95Ms = 0 }) => p95Ms)) }
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
