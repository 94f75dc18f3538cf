/** Secrets that are known by the line they stand in: a table whose header names them, a jar of cookies, a file of passwords. */
import { type Span, secretUnderName } from './assigned.ts'

/** Where a header may be: words that names of secrets are made of. */
const NAMED = /passw|pwd|secret|token|api[_ ]?key/gi
/** As many lines are looked at for a header; under one, all rows. */
const HEADERS_MAX = 64
const LINE_MAX_CHARS = 4_096
const CELLS_MAX = 64
const DELIMITERS = [',', '\t', '|', ';'] as const
const COLUMN = /^[\p{L}_][\p{L}\p{N}_ .-]{0,47}$/u
/** Of tests, not of people. */
const OUTCOME = /^pass$/i
/** Under a header, as databases and Markdown draw it. */
const RULE = /^[\s|+:=-]{3,}$/

interface Cell {
  readonly start: number
  readonly text: string
}

/** The cells of every table in a text that stand in a column named like a secret: CSV, TSV, Markdown, what `psql` prints. */
export function secretsInColumns(text: string): readonly Span[] {
  const found: Span[] = []
  let seen = 0
  let until = 0
  NAMED.lastIndex = 0
  for (let match = NAMED.exec(text); match !== null && seen < HEADERS_MAX; match = NAMED.exec(text), seen++) {
    if (match.index < until) continue
    const [start, end] = lineAt(text, match.index)
    until = Math.max(end, NAMED.lastIndex)
    for (const delimiter of DELIMITERS) {
      const names = cellsOf(text, start, end, delimiter)
      if (names.length < 2 || !names.every((cell) => COLUMN.test(cell.text) || cell.text === '')) continue
      until = takeRows(text, end, delimiter, names, found)
      break
    }
    NAMED.lastIndex = until
  }
  return found
}

/** @returns where the table ends. */
function takeRows(text: string, header: number, delimiter: string, names: readonly Cell[], found: Span[]): number {
  let at = header
  while (at < text.length) {
    const [start, end] = lineAt(text, at + 1)
    if (RULE.test(text.slice(start, Math.min(end, start + LINE_MAX_CHARS)))) {
      at = end
      continue
    }
    const cells = cellsOf(text, start, end, delimiter)
    if (cells.length !== names.length) break
    for (const [index, { text: name }] of names.entries()) {
      const cell = cells[index]
      if (cell === undefined || OUTCOME.test(name)) continue
      const span = secretUnderName(name, cell.text)
      if (span !== undefined) found.push({ rule: span.rule, start: cell.start + span.start, end: cell.start + span.end })
    }
    at = end
  }
  return at
}

/** The line that a place is in, without its end. */
function lineAt(text: string, at: number): readonly [start: number, end: number] {
  const start = text.lastIndexOf('\n', at - 1) + 1
  const end = text.indexOf('\n', at)
  return [start, end === -1 ? text.length : end]
}

/** Trimmed, and out of their quotes (RFC 4180 section 2); none of a line that is too long, or has too many. */
function cellsOf(text: string, start: number, end: number, delimiter: string): readonly Cell[] {
  if (end - start > LINE_MAX_CHARS) return []
  const cells: Cell[] = []
  let from = start
  let isQuoted = false
  for (let at = start; at <= end; at++) {
    if (text[at] === '"') isQuoted = !isQuoted
    if (at < end && (isQuoted || text[at] !== delimiter)) continue
    cells.push(bared(text, from, at))
    if (cells.length > CELLS_MAX) return []
    from = at + 1
  }
  return cells
}

/** Without the blanks and quotes around it. */
function bared(text: string, from: number, until: number): Cell {
  let [start, end] = [from, until]
  while (start < end && AROUND.has(text[start] ?? '')) start++
  while (end > start && AROUND.has(text[end - 1] ?? '')) end--
  return { start, text: text.slice(start, end) }
}

const AROUND = new Set([' ', '\t', '\r', '"'])

/** A line of a cookie jar as curl and browsers write it: domain, scope, path, secure, end, name; and one of `.pgpass`: host, port, database, user. */
const BEFORE =
  /(?:^|\n)(?:[^\t\n]{1,253}\t(?:TRUE|FALSE)\t[^\t\n]{1,128}\t(?:TRUE|FALSE)\t\d{1,12}\t[^\t\n]{1,64}\t|[\w.*-]{1,253}:(?:\d{2,5}|\*):[\w*-]{1,64}:[\w.*-]{1,64}:)$/
const BEFORE_CHARS = 512

/** @param start of a run. @param endOf where its word ends. */
export function listed(text: string, start: number, endOf: () => number): Span | undefined {
  const sign = text[start - 1]
  if ((sign !== '\t' && sign !== ':') || !BEFORE.test(text.slice(Math.max(0, start - BEFORE_CHARS), start))) return undefined
  return { rule: sign === '\t' ? 'cookie' : 'named/password', start, end: endOf() }
}
