/** Whether a secret that a person wrote could be guessed: length, variety, and the words that stand in tutorials. */

/** RFC 7518 §3.2: a key of HS256 has at least the size of the hash. */
const SECRET_MIN_BYTES = 32
/** 32 hexadecimal digits drawn at random hardly ever show less. */
const ENTROPY_MIN_BITS = 90

/** What secrets out of tutorials, templates and keyboards are made of; each is taken out before what is left is measured. */
const COMMON =
  /chang(e|ing)|replace|please|secret|passw(or|0r)?d|passphrase|private|default|example|sample|demo|test(ing)?|development|production|local(host)?|admin|root|user|token|jwt|json|web|auth(entication|orization)?|sign(ing|ature)?|key|salt|pepper|super|very|ultra|long|strong|secure|random|string|text|characters?|chars|bytes?|bits?|least|minimum|your?|this|that|here|some|must|should|with|from|and|the|not|for|use|only|never|share|keep|safe|(?<![a-z0-9])(me|my|is|it|in|at|of|to|be|a)(?![a-z0-9])|qwert[yz]|asdfgh?|zxcvbn?|letmein|welcome|dragon|monkey|portcullis|gateway|server|mcp|keyboard|cat|hello|world|foo|bar|baz|correct|horse|battery|staple|lorem|ipsum|dolor|amet|dead|beef|cafe|babe|feed|face|256|512|128|123/gi

/** What is weak about it, as an expectation; undefined when nothing is. The text itself is never told. */
export function weakness(secret: string): string | undefined {
  if (Buffer.byteLength(secret) < SECRET_MIN_BYTES)
    return `expected at least ${SECRET_MIN_BYTES} bytes; make them with: openssl rand -base64 32`
  if (bitsOf(withoutRuns(secret.replaceAll(COMMON, ''))) < ENTROPY_MIN_BITS || isPeriodic(secret))
    return 'expected random characters, this could be guessed; make them with: openssl rand -base64 32'
  return undefined
}

/** Shannon's estimate over the characters: an upper bound for what is drawn evenly, and low for what repeats itself. */
function bitsOf(text: string): number {
  const counts = new Map<string, number>()
  for (const letter of text) counts.set(letter, (counts.get(letter) ?? 0) + 1)
  let bits = 0
  for (const count of counts.values()) bits -= count * Math.log2(count / text.length)
  return bits
}

/** Without characters that continue a run such as `aaa`, `abc` or `987`. */
function withoutRuns(text: string): string {
  let kept = ''
  for (let at = 0; at < text.length; at++) {
    const step = text.charCodeAt(at) - text.charCodeAt(at - 1)
    const before = text.charCodeAt(at - 1) - text.charCodeAt(at - 2)
    if (step === before && Math.abs(step) <= 1) continue
    kept += text[at] ?? ''
  }
  return kept
}

/** A short text written again and again. */
function isPeriodic(text: string): boolean {
  const again = (text + text).indexOf(text, 1)
  return again < text.length || /^(.{1,24}?)\1+.{0,24}$/s.test(text)
}
