/** A pattern of ECMA-262, as JSON Schema has them (2020-12 Core §6.4), in the words of the linear engine, which has other blanks and other ends of lines. */

/** A class, an escape or a single character. */
const TOKEN = /\[\^?(?:\\[\s\S]|[^\]\\])*\]?|\\(?:[pP]\{[^}]{0,64}\}|[\s\S])|[\s\S]/g
/** ECMA-262 §12.2 and §12.3. A range stands last: a `-` behind it begins no other. */
const BLANKS = '\\t-\\r \\x{a0}\\x{1680}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}\\x{2000}-\\x{200a}'
const NO_BLANKS =
  '\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{fefe}\\x{ff00}-\\x{10ffff}'
const OUTSIDE: Readonly<Record<string, string>> = { '\\s': `[${BLANKS}]`, '\\S': `[^${BLANKS}]`, '.': '[^\\n\\r\\x{2028}\\x{2029}]' }
/** There `\b` is a backspace, `[` itself, and what would be a range to a class is none. */
const INSIDE: Readonly<Record<string, string>> = { '\\s': BLANKS, '\\S': NO_BLANKS, '\\b': '\\x08', '[': '\\[', '-': '\\-' }
const WHOLE: Readonly<Record<string, string>> = { '[]': '[^\\x00-\\x{10FFFF}]', '[^]': '[\\x00-\\x{10FFFF}]' }

/** @returns undefined for a reference to a named group: the engine would read the letters of it. */
export function translated(pattern: string): string | undefined {
  let isKnown = true
  const text = pattern.replace(TOKEN, (token) => {
    if (token === '\\k') isKnown = false
    return token.startsWith('[') ? ofClass(token) : (OUTSIDE[token] ?? token)
  })
  return isKnown ? text : undefined
}

function ofClass(token: string): string {
  const whole = WHOLE[token]
  if (whole !== undefined) return whole
  const start = token.startsWith('[^') ? 2 : 1
  return token.slice(0, start) + token.slice(start).replace(/\\[\s\S]|-(?=\\[sSdDwW])|\[/g, (part) => INSIDE[part] ?? part)
}
