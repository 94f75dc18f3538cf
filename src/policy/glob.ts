/** Patterns over URIs: `*` stands for any characters but `/`, `**` for any characters. Everything else is itself. */

/** A pattern split once: literal characters and the two stars. */
export interface Glob {
  readonly text: string
  /** What every match begins with. */
  readonly head: string
  readonly rest: readonly string[]
}

/** Longest pattern accepted; matching is linear in it. */
export const GLOB_MAX_CHARS = 512
/** Longest URI matched; a longer one matches nothing, so no rule grants it. Bounds one match to some 4 million steps. */
export const URI_MAX_CHARS = 8192

/** @returns undefined when the text is empty, too long, or runs three stars together. */
export function parseGlob(text: string): Glob | undefined {
  if (text === '' || text.length > GLOB_MAX_CHARS || text.includes('***')) return undefined
  const star = text.indexOf('*')
  if (star === -1) return { text, head: text, rest: [] }
  return { text, head: text.slice(0, star), rest: text.slice(star).match(/\*\*|[\s\S]/g) ?? [] }
}

/**
 * Whether the whole URI matches. Follows all readings of the pattern at once (no backtracking), so the time is bounded
 * by the length of the pattern times the length of the URI, whatever either holds.
 */
export function isMatch(glob: Glob, uri: string): boolean {
  const { head, rest } = glob
  if (uri.length > URI_MAX_CHARS || !uri.startsWith(head)) return false
  if (rest.length === 0) return uri.length === head.length
  if (rest.length === 1 && rest[0] === '**') return true
  let reached = pastStars(rest, new Set([0]))
  for (let at = head.length; at < uri.length && reached.size > 0; at++) reached = pastStars(rest, step(rest, reached, uri.charAt(at)))
  return reached.has(rest.length)
}

/** The positions in the pattern that are reached when one more character is read. */
function step(rest: readonly string[], reached: ReadonlySet<number>, char: string): Set<number> {
  const next = new Set<number>()
  for (const position of reached) {
    const part = rest[position]
    if (part === '**' || (part === '*' && char !== '/')) next.add(position)
    else if (part === char && part !== '*') next.add(position + 1)
  }
  return next
}

/** A star may stand for nothing: whoever stands before one also stands behind it. A set yields what is added while it is walked. */
function pastStars(rest: readonly string[], reached: Set<number>): Set<number> {
  for (const position of reached) {
    if (rest[position] === '*' || rest[position] === '**') reached.add(position + 1)
  }
  return reached
}
