/** Two definitions, line by line: what went, what came, and the lines around it. */
import { canonical, type JsonValue } from './json.ts'

/** Lines of the one times lines of the other, up to which the shortest difference is looked for; beyond, all goes and all comes. */
const CELLS_MAX = 4_000_000
/** Unchanged lines that are shown around a change. */
const AROUND = 2

export interface DiffLine {
  readonly sign: ' ' | '-' | '+' | '…'
  readonly text: string
}

/** Of the canonical forms, so that what is no change is not shown. */
export function diffOf(before: JsonValue | undefined, after: JsonValue | undefined): readonly DiffLine[] {
  return around(compare(linesOf(before), linesOf(after)))
}

/** One member a line, in canonical order. */
export function linesOf(value: JsonValue | undefined): readonly string[] {
  return value === undefined ? [] : JSON.stringify(JSON.parse(canonical(value)), null, 2).split('\n')
}

function compare(before: readonly string[], after: readonly string[]): readonly DiffLine[] {
  let start = 0
  while (start < before.length && start < after.length && before[start] === after[start]) start++
  let end = 0
  while (end < before.length - start && end < after.length - start && before.at(-1 - end) === after.at(-1 - end)) end++
  const same = (lines: readonly string[]): DiffLine[] => lines.map((text) => ({ sign: ' ', text }))
  return [
    ...same(before.slice(0, start)),
    ...middle(before.slice(start, before.length - end), after.slice(start, after.length - end)),
    ...same(before.slice(before.length - end)),
  ]
}

/** By the longest common subsequence. */
function middle(before: readonly string[], after: readonly string[]): readonly DiffLine[] {
  if (before.length * after.length > CELLS_MAX) {
    return [...before.map((text): DiffLine => ({ sign: '-', text })), ...after.map((text): DiffLine => ({ sign: '+', text }))]
  }
  const width = after.length + 1
  const lengths = new Uint32Array((before.length + 1) * width)
  const at = (row: number, column: number): number => lengths[row * width + column] ?? 0
  for (let row = before.length - 1; row >= 0; row--) {
    for (let column = after.length - 1; column >= 0; column--)
      lengths[row * width + column] =
        before[row] === after[column] ? at(row + 1, column + 1) + 1 : Math.max(at(row + 1, column), at(row, column + 1))
  }
  const lines: DiffLine[] = []
  let [row, column] = [0, 0]
  while (row < before.length || column < after.length) {
    const [went, came] = [before[row], after[column]]
    if (went !== undefined && went === came) {
      lines.push({ sign: ' ', text: went })
      row++
      column++
    } else if (went !== undefined && (came === undefined || at(row + 1, column) >= at(row, column + 1))) {
      lines.push({ sign: '-', text: went })
      row++
    } else {
      lines.push({ sign: '+', text: came ?? '' })
      column++
    }
  }
  return lines
}

function around(lines: readonly DiffLine[]): readonly DiffLine[] {
  const shown = lines.map((_, index) => lines.slice(Math.max(0, index - AROUND), index + AROUND + 1).some(({ sign }) => sign !== ' '))
  return lines.flatMap((line, index): DiffLine[] => {
    if (shown[index] === true) return [line]
    return index === 0 || shown[index - 1] === true ? [{ sign: '…', text: '' }] : []
  })
}
