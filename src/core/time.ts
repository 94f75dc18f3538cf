/** The clock as an argument, and the spans and rates that people write: "15m", "60/m". */

/** Milliseconds since the epoch. Tests pass one that they turn by hand. */
export type Clock = () => number

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

/** `"90d"` as milliseconds; undefined when the text is not a span. Units: ms, s, m, h, d, w. */
export function parseSpan(text: string): number | undefined {
  const match = /^(\d{1,9})(ms|s|m|h|d|w)$/.exec(text)
  const unit = match?.[2] === undefined ? undefined : UNIT_MS[match[2]]
  return unit === undefined ? undefined : Number(match?.[1]) * unit
}

/** A `Retry-After` (RFC 9110 §10.2.3), seconds or an instant, as milliseconds from now; undefined when it is neither. */
export function parseRetryAfter(said: string, now: number): number | undefined {
  const text = said.trim()
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000
  // What else Date.parse takes for a date is none of HTTP's (RFC 9110 §5.6.7).
  const ms = /^(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,? /i.test(text) ? Date.parse(text) - now : Number.NaN
  return Number.isNaN(ms) ? undefined : Math.max(0, ms)
}

/** How many in which span. */
export interface Rate {
  readonly count: number
  readonly perMs: number
}

/** `"60/m"`, `"5/s"`, `"100/15m"`; undefined when the text is not a rate. */
export function parseRate(text: string): Rate | undefined {
  const match = /^([1-9]\d{0,8})\/(\d{0,9}[a-z]{1,2})$/.exec(text)
  const span = match?.[2] ?? ''
  const perMs = parseSpan(/^\d/.test(span) ? span : `1${span}`)
  return perMs === undefined || perMs === 0 ? undefined : { count: Number(match?.[1]), perMs }
}

/** A size such as `"1MiB"` in bytes; undefined when the text is not a size. Units: B, KiB, MiB, GiB, KB, MB, GB. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d{1,9})(B|KiB|MiB|GiB|KB|MB|GB)$/.exec(text)
  const unit = match?.[2] === undefined ? undefined : UNIT_BYTES[match[2]]
  return unit === undefined ? undefined : Number(match?.[1]) * unit
}

const UNIT_BYTES: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  KB: 1_000,
  MB: 1_000_000,
  GB: 1_000_000_000,
}

/** A size for people: in the largest unit of which there is one. */
export function howLarge(bytes: number): string {
  const unit = (['GiB', 'MiB', 'KiB'] as const).find((one) => bytes >= (UNIT_BYTES[one] ?? 0))
  if (unit === undefined) return `${bytes} B`
  const count = bytes / (UNIT_BYTES[unit] ?? 1)
  return `${count.toFixed(count < 10 ? 1 : 0)} ${unit}`
}

/** An instant for people: UTC to the second. */
export function when(at: number | undefined): string {
  return at === undefined
    ? '-'
    : new Date(at)
        .toISOString()
        .replace('T', ' ')
        .replace(/\.\d+Z$/, 'Z')
}

/** A span for people: its two largest units. */
export function howLong(ms: number): string {
  const units = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1_000],
  ] as const
  let rest = Math.max(0, ms)
  const parts: string[] = []
  for (const [unit, size] of units) {
    const count = Math.floor(rest / size)
    rest -= count * size
    if (count > 0) parts.push(`${count}${unit}`)
    if (parts.length === 2) break
  }
  return parts.length === 0 ? '0s' : parts.join(' ')
}
