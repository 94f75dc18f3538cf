/** The first look at words behind which a secret stands without any sign between them: `the password is …`, `<password>…`. */
import type { OnMark } from './glance.ts'

/** Of `password`, `Passwort`; a search for it is native, and quicker than a pass over the bytes. In capitals it stands in front of signs. */
const WORD = Buffer.from('asswor')
const CAPITALS = Buffer.from('ASSWOR')
/** A command whose password stands behind a space. */
const COMMAND = Buffer.from('sshpass -p')
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
  for (const word of [WORD, CAPITALS, COMMAND]) {
    for (let at = buffer.indexOf(word); at !== -1; at = buffer.indexOf(word, at + word.length)) {
      const place = word === COMMAND ? at + COMMAND.length - 2 : placeBehind(buffer, at + word.length, word === WORD)
      if (place === undefined) continue
      isMarked = true
      if (onMark === undefined) return true
      onMark(word === COMMAND ? 'command' : isColumn(buffer, place) ? 'column' : 'assigned', place, place + 1)
    }
  }
  return isMarked
}

/** In front of the value. @param last where the word's last letter stands. @param isTold whether no sign need stand between them. */
function placeBehind(buffer: Buffer, last: number, isTold: boolean): number | undefined {
  if (!LAST.has((buffer[last] ?? 0) | 0x20)) return undefined
  let next = last + 1
  while (next < last + QUOTES_MAX && (isQuote(buffer[next]) || (buffer[next] === BACKSLASH && isQuote(buffer[next + 1])))) next++
  // `'DB_PASSWORD', '…'`, and the head of a column.
  if (buffer[next] === COMMA || isColumn(buffer, next)) return next
  if (!isTold) return undefined
  if (buffer[last + 1] === MORE) return last + 1
  if (buffer[last + 1] !== SPACE) return undefined
  if (buffer[last + 2] === BAR) return last + 2
  TELLING.lastIndex = 0
  const told = TELLING.exec(buffer.toString('latin1', last + 1, last + 6))
  return last + 1 + (told?.[0].length ?? 0)
}

/** What parts columns, or ends a line; in JSON with a backslash in front. */
function isColumn(buffer: Buffer, at: number): boolean {
  const byte = buffer[at]
  if (byte === BACKSLASH) return buffer[at + 1] === 0x6e || buffer[at + 1] === 0x74 || buffer[at + 1] === 0x72
  return byte === BAR || byte === 0x09 || byte === 0x0a || byte === 0x0d || byte === 0x3b || byte === COMMA
}

const isQuote = (byte = 0): boolean => byte === QUOTE || byte === APOSTROPHE || byte === 0x60
/** One, and the backslash that JSON writes in front of it. */
const QUOTES_MAX = 3
const BACKSLASH = 0x5c
const COMMA = 0x2c
const BAR = 0x7c

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
