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

/** Behind them a command line has a password, or a user and one. */
const COMMANDS = [' -u ', 'sshpass ', 'mysql'].map((word) => Buffer.from(word))

/** @returns whether anything was marked; without `onMark` the first mark ends the search. */
export function glanceAtWords(bytes: Uint8Array, onMark?: OnMark): boolean {
  const buffer = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const isCommanded = glanceAtCommands(buffer, onMark)
  if (isCommanded && onMark === undefined) return true
  let isMarked = false
  for (let at = buffer.indexOf(WORD); at !== -1; at = buffer.indexOf(WORD, at + WORD.length)) {
    const place = placeBehind(buffer, at + WORD.length)
    if (place === undefined) continue
    isMarked = true
    if (onMark === undefined) return true
    onMark('assigned', place, place + 1)
  }
  return isMarked || isCommanded
}

function glanceAtCommands(buffer: Buffer, onMark?: OnMark): boolean {
  let isMarked = false
  for (const word of COMMANDS) {
    for (let at = buffer.indexOf(word); at !== -1; at = buffer.indexOf(word, at + word.length)) {
      isMarked = true
      if (onMark === undefined) return true
      onMark('command', at, at + word.length)
    }
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
