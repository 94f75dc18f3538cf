/** The first look at words behind which a secret stands without any sign between them: `the password is …`, `<password>…`. */
import type { OnMark } from './glance.ts'

/** Of `password`, `Passwort`; a search for it is native, and quicker than a pass over the bytes. In capitals it stands in front of signs. */
const WORD = Buffer.from('asswor')
/** `d` or `t`. */
const LAST = new Set([0x64, 0x74])
/** What tells that the value follows: a space and one of these. */
const TELLING = / (?:is|was|ist|:)(?= )/y
const SPACE = 0x20
const MORE = 0x3e

/** @returns whether anything was marked; without `onMark` the first mark ends the search. */
export function glanceAtWords(bytes: Uint8Array, onMark?: OnMark): boolean {
  const buffer = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let isMarked = false
  for (let at = buffer.indexOf(WORD); at !== -1; at = buffer.indexOf(WORD, at + WORD.length)) {
    const place = placeBehind(buffer, at + WORD.length)
    if (place === undefined) continue
    isMarked = true
    if (onMark === undefined) return true
    onMark('assigned', place, place + 1)
  }
  return isMarked
}

/** In front of the value. @param last where the word's last letter stands. */
function placeBehind(buffer: Buffer, last: number): number | undefined {
  if (!LAST.has(buffer[last] ?? 0)) return undefined
  const next = buffer[last + 1]
  if (next === MORE) return last + 1
  if (next !== SPACE) return undefined
  TELLING.lastIndex = 0
  const told = TELLING.exec(buffer.toString('latin1', last + 1, last + 6))
  return last + 1 + (told?.[0].length ?? 0)
}

/** `curl -u amy:…`, `--user amy:…`. @param at where a colon, or another sign, stands. */
export function isBehindUser(bytes: Uint8Array, at: number): boolean {
  if (bytes[at] !== COLON || !isOfName(bytes[at - 1])) return false
  let first = at - 1
  while (first > at - NAME_MAX && isOfName(bytes[first - 1])) first--
  const before = bytes[first - 1] === QUOTE || bytes[first - 1] === APOSTROPHE ? first - 2 : first - 1
  if (bytes[before] !== SPACE) return false
  const [mark, letter] = [bytes[before - 2], bytes[before - 1]]
  return (mark === DASH && letter === 0x75) || (mark === 0x65 && letter === 0x72)
}

const NAME_MAX = 64
const COLON = 0x3a
const DASH = 0x2d
const QUOTE = 0x22
const APOSTROPHE = 0x27

/** Letters, digits, and what stands between them in the name of a user. */
function isOfName(byte = 0): boolean {
  const letter = byte | 0x20
  return (letter >= 0x61 && letter <= 0x7a) || (byte >= 0x30 && byte <= 0x39) || byte === DASH || byte === 0x2e || byte === 0x5f
}
