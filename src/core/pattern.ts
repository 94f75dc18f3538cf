/** Patterns over names, as in an API key's allow-list and the `access:` section: `*`, `get_*`, `files/read_*`. */

/** A pattern split once. Without `server` it is of every server. */
export interface Pattern {
  readonly text: string
  readonly server: string | undefined
  readonly name: string
}

/** Longest pattern accepted; more is a mistake, and matching is linear in it. */
export const PATTERN_MAX_CHARS = 512

/**
 * `server/name` or `name` (any server). `*` stands for any characters within its part, also none.
 * @returns undefined when the text is empty, too long, or has an empty part.
 */
export function parsePattern(text: string): Pattern | undefined {
  if (text.length === 0 || text.length > PATTERN_MAX_CHARS) return undefined
  const slash = text.indexOf('/')
  if (slash === -1) return { text, server: undefined, name: text }
  const server = text.slice(0, slash)
  const name = text.slice(slash + 1)
  return server === '' || name === '' ? undefined : { text, server, name }
}

/** Whether the pattern covers `name` on `server`. Exact and case-sensitive: no normalisation, no prefix match. */
export function isCovered(pattern: Pattern, server: string, name: string): boolean {
  return (pattern.server === undefined || isLike(pattern.server, server)) && isLike(pattern.name, name)
}

/** Whether the pattern could cover something on `server`. */
export function isServerCovered(pattern: Pattern, server: string): boolean {
  return pattern.server === undefined || isLike(pattern.server, server)
}

/** Glob with `*` only, in time linear in `text` for each star; no regular expression, so none can be slow. */
export function isLike(glob: string, text: string): boolean {
  const star = glob.indexOf('*')
  if (star === -1) return glob === text
  const parts = glob.split('*')
  const first = parts[0] ?? ''
  const last = parts[parts.length - 1] ?? ''
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false
  const end = text.length - last.length
  let position = first.length
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, position)
    if (found === -1 || found + part.length > end) return false
    position = found + part.length
  }
  return true
}
