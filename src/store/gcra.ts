/** The arithmetic of a token bucket (GCRA, ITU-T I.371), pure, in whole microseconds: no rounding gives or takes a token. */
import { Fault } from '../core/denial.ts'
import type { Cell, Charge } from './store.ts'

export const US_PER_MS = 1_000

export interface Arithmetic extends Charge {
  /** New arrival times (the instant at which a cell is full again) by cell key, microseconds since the epoch. When refused nothing was taken, and only cells are in it that stood further off than an empty one. */
  readonly arrivals: ReadonlyMap<string, number>
}

/**
 * Charges every cell or none.
 * @param arrivalOf the stored arrival time of a cell in microseconds, undefined when it has none and so is full
 * @param now milliseconds since the epoch
 * @throws Fault `FAULT_LIMIT` for a cell that can never allow the charge
 */
export function chargeCells(cells: readonly Cell[], arrivalOf: (key: string) => number | undefined, now: number): Arithmetic {
  const nowUs = Math.floor(now * US_PER_MS)
  const before = new Map<string, number>()
  const clamped = new Map<string, number>()
  const after = new Map<string, number>()
  let refusedBy = -1
  let waitUs = 0
  for (const [index, cell] of cells.entries()) {
    checkCell(cell)
    const intervalUs = intervalUsOf(cell)
    const depthUs = cell.burst * intervalUs
    const stored = after.has(cell.key) ? undefined : arrivalOf(cell.key)
    const start = after.get(cell.key) ?? effective(stored, nowUs, depthUs)
    if (!before.has(cell.key)) before.set(cell.key, start)
    // Or it would count as empty for the whole leap of the clock, and never fill.
    if (stored !== undefined && start < stored) clamped.set(cell.key, start)
    const arrival = start + cell.cost * intervalUs
    after.set(cell.key, arrival)
    const overUs = arrival - depthUs - nowUs
    if (overUs > waitUs) {
      waitUs = overUs
      refusedBy = index
    }
  }
  const allowed = refusedBy === -1
  const stands = allowed ? after : before
  const remaining = cells.map((cell) => {
    const intervalUs = intervalUsOf(cell)
    return Math.floor((nowUs + cell.burst * intervalUs - (stands.get(cell.key) ?? nowUs)) / intervalUs)
  })
  return { allowed, waitMs: Math.ceil(waitUs / US_PER_MS), refusedBy, remaining, arrivals: allowed ? after : clamped }
}

/**
 * The arrival time to reckon with. Never before now: a full cell does not overflow. Never further off than an empty cell's: when the clock
 * was set back the cell counts as empty, which gives no token and locks nobody out for the whole leap.
 */
function effective(storedUs: number | undefined, nowUs: number, depthUs: number): number {
  if (storedUs === undefined || storedUs < nowUs) return nowUs
  return Math.min(storedUs, nowUs + depthUs)
}

export function intervalUsOf(cell: Cell): number {
  return Math.max(1, Math.round(cell.intervalMs * US_PER_MS))
}

/** @throws Fault `FAULT_LIMIT` for a cell that can never allow the charge */
export function checkCell(cell: Cell): void {
  const isSound =
    Number.isFinite(cell.intervalMs) &&
    cell.intervalMs > 0 &&
    Number.isInteger(cell.burst) &&
    Number.isInteger(cell.cost) &&
    cell.cost >= 0 &&
    cell.cost <= cell.burst
  if (!isSound) {
    throw new Fault(
      'FAULT_LIMIT',
      `A limit can never allow this: ${cell.cost} of ${cell.burst} at once, one each ${cell.intervalMs} ms; correct the limit`,
    )
  }
}
