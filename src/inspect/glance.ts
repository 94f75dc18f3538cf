/** The first look at what leaves: one pass over the bytes that says whether, and where, something may stand that must not. Most results need no second one. */
import { isDisguise, isEscaped, isNeedless } from './glance-disguise.ts'
import { glanceAtWords, isBehindUser } from './glance-words.ts'

/** Where a second look is due: a run of letters and digits, what a name is given, who or what stands before an `@`, a command that takes a password, the head of a column, a text in disguise, a picture of somebody else's. */
export type Mark = 'run' | 'assigned' | 'account' | 'command' | 'column' | 'disguise' | 'picture' | 'key-block'

export type OnMark = (mark: Mark, start: number, end: number) => void

/** Shorter credentials than this exist only behind a name that tells them. */
const RUN_MIN = 20
/** The shortest piece of a credential with a beginning of its own that is looked at: one that was broken over lines. Runs are looked for in steps of so many bytes. */
const PIECE_MIN = 10

const LOWER = 1
const UPPER = 2
const DIGIT = 4
const JOINER = 8
/** Above it: bytes that end a run and are looked at. */
const RUN_MAX = 15
const ASSIGN = 16
const AT = 17
const PERCENT = 18
const BACKSLASH = 19
const BANG = 20
const AMPERSAND = 21
const LEFT = 22
const FOREIGN = 23

const CLASS = classes()
/** The same without what runs are made of. */
const SIGNS = CLASS.map((kind) => (kind > RUN_MAX ? kind : 0))

function classes(): Uint8Array {
  const table = new Uint8Array(256)
  for (let byte = 0; byte < 256; byte++) {
    if (byte >= 0x61 && byte <= 0x7a) table[byte] = LOWER
    else if (byte >= 0x41 && byte <= 0x5a) table[byte] = UPPER
    else if (byte >= 0x30 && byte <= 0x39) table[byte] = DIGIT
    else if (byte >= 0x80) table[byte] = FOREIGN
  }
  for (const [characters, kind] of [
    ['_-', JOINER],
    ['=:', ASSIGN],
    ['@', AT],
    ['%', PERCENT],
    ['\\', BACKSLASH],
    ['!', BANG],
    ['&', AMPERSAND],
    ['<', LEFT],
  ] as const) {
    for (const character of characters) table[character.charCodeAt(0)] = kind
  }
  return table
}

/** How credentials begin, by their first three letters: `AKI`, `ghp`. */
const BEGINNINGS = new Set(
  'AKI ASI ABI ACC A3T AGP AID ARO AIP ANP ANV ghp gho ghu ghs ghr git glp glr gld glf gls glc gla gli glo xox xap sk- sk_ rk_ whs AIz GOC eyJ npm pyp hf_ api mcp dop doo dor shp ntn sec lin pat dck hvs hvb hvr SG- key figd dap NRA snt sq0 EAA PMA AGE sbp sb_ psc ATA ATC ATB dp- pul rub cio AKC LTA AKI FwO tsk ops nfp re_ lsv pcs tvl fc- phx gsk xai r8_ ppl PuT nva AQ. sgp jin e2b tgp CFP rnd sdk'
    .split(' ')
    .map((beginning) => packed(beginning.charCodeAt(0), beginning.charCodeAt(1), beginning.charCodeAt(2))),
)
/** Whether a credential may begin at a place of a text. */
export function isBeginning(text: string, at: number): boolean {
  return BEGINNINGS.has(packed(text.charCodeAt(at), text.charCodeAt(at + 1), text.charCodeAt(at + 2)))
}
/** How names of secrets end, by their last three letters in either case: `password`, `apiKey`; or ` is` behind one. By five bits of each. */
const ENDINGS = endings('ord swd pwd ass ase ret ken key als ial kie uth ion psk otp sig pat dsn wrd ort ana sse nha nic @is @pw _pw')

function endings(texts: string): Uint8Array {
  const table = new Uint8Array(1 << 15)
  for (const text of texts.split(' ')) table[ending(text.charCodeAt(0), text.charCodeAt(1), text.charCodeAt(2))] = 1
  return table
}

function ending(first: number, second: number, third: number): number {
  return ((first & 31) << 10) | ((second & 31) << 5) | (third & 31)
}

function packed(first: number, second: number, third: number): number {
  return (first << 16) | (second << 8) | third
}

/**
 * @param bytes of a text: UTF-8, or as many as it has UTF-16 units (Latin-1), so that a place in the one is a place in the other.
 * @returns whether anything was marked; without `onMark` the first mark ends the pass.
 */
export function glance(bytes: Uint8Array, onMark?: OnMark): boolean {
  const isMarked = glanceAtRuns(bytes, onMark)
  if (isMarked && onMark === undefined) return true
  const isToldOf = glanceAtWords(bytes, onMark)
  if (isToldOf && onMark === undefined) return true
  return glanceAtSigns(bytes, onMark) || isToldOf || isMarked
}

/** Every run of at least `PIECE_MIN` has a byte at one of the steps: what lies between them is read only where one is met. */
export function glanceAtRuns(bytes: Uint8Array, onMark?: OnMark): boolean {
  let isMarked = false
  for (let probe = PIECE_MIN - 1; probe < bytes.length; probe += PIECE_MIN) {
    if (!isOfRun(bytes[probe])) continue
    let start = probe
    while (start > 0 && isOfRun(bytes[start - 1])) start--
    let end = probe + 1
    if (end - start < PIECE_MIN) {
      while (end < bytes.length && end - start < PIECE_MIN && isOfRun(bytes[end])) end++
      if (end - start < PIECE_MIN) continue
    }
    while (end < bytes.length && isOfRun(bytes[end])) end++
    // On to the first step that is not of this run.
    probe += Math.floor((end - 1 - probe) / PIECE_MIN) * PIECE_MIN
    if (!isTelling(bytes, start, end)) continue
    isMarked = true
    if (onMark === undefined) return true
    onMark(bytes[start] === DASH && bytes[start + 4] === DASH ? 'key-block' : 'run', start, end)
  }
  return isMarked
}

const DASH = 0x2d

function isOfRun(byte: number | undefined): boolean {
  const kind = CLASS[byte ?? 0] ?? 0
  return kind > 0 && kind <= RUN_MAX
}

/** Four bytes at a time: most of them are no signs. */
function glanceAtSigns(bytes: Uint8Array, onMark: OnMark | undefined): boolean {
  let isMarked = false
  const whole = bytes.length - 3
  let at = 0
  for (; at < whole; at += 4) {
    if (
      ((SIGNS[bytes[at] ?? 0] ?? 0) |
        (SIGNS[bytes[at + 1] ?? 0] ?? 0) |
        (SIGNS[bytes[at + 2] ?? 0] ?? 0) |
        (SIGNS[bytes[at + 3] ?? 0] ?? 0)) ===
      0
    )
      continue
    if (!glanceAt(bytes, at, at + 4, onMark)) continue
    isMarked = true
    if (onMark === undefined) return true
  }
  return glanceAt(bytes, at, bytes.length, onMark) || isMarked
}

function glanceAt(bytes: Uint8Array, start: number, end: number, onMark: OnMark | undefined): boolean {
  let isMarked = false
  for (let place = start; place < end; place++) {
    const kind = SIGNS[bytes[place] ?? 0] ?? 0
    const mark = kind === 0 ? undefined : markAt(bytes, place, kind)
    if (mark === undefined) continue
    isMarked = true
    if (onMark === undefined) return true
    onMark(mark, place, place + 1)
  }
  return isMarked
}

function isTelling(bytes: Uint8Array, start: number, end: number): boolean {
  // `-----BEGIN`, `--password`: the word behind the dashes belongs to the run.
  if (bytes[start] === DASH && bytes[start + 1] === DASH) {
    if (bytes[start + 4] === DASH && bytes[start + 5] === 0x42) return true
    if (bytes[end] === 0x20) return ENDINGS[ending(bytes[end - 3] ?? 0, bytes[end - 2] ?? 0, bytes[end - 1] ?? 0)] === 1
  }
  // `-psecret`, as one program takes it.
  if (bytes[start] === DASH && bytes[start + 1] === 0x70 && bytes[start - 1] === 0x20) return true
  if (BEGINNINGS.has(packed(bytes[start] ?? 0, bytes[start + 1] ?? 0, bytes[start + 2] ?? 0))) return true
  return end - start >= RUN_MIN && isRandom(bytes, start, end)
}

/** Longer runs are random, or not, in their beginning too. */
const SAMPLE = 128

/** Letters, capitals and digits that change as often as they do by chance; digests and UUIDs do not count, but where they spell a text. */
function isRandom(bytes: Uint8Array, start: number, end: number): boolean {
  const until = Math.min(end, start + SAMPLE)
  let changes = 0
  let isHex = true
  let before = 0
  for (let at = start; at < until; at++) {
    const byte = bytes[at] ?? 0
    const kind = CLASS[byte] ?? 0
    if (kind !== before && kind !== JOINER && before !== JOINER && before !== 0) changes++
    before = kind
    if (isHex && kind !== DIGIT && kind !== JOINER) isHex = (byte | 0x20) <= 0x66
  }
  if (isHex) return spellsText(bytes, start, end)
  return changes * 7 >= until - start
}

/** Whether hexadecimal digits are those of printable ASCII, or of characters that UTF-8 writes in more bytes. */
function spellsText(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < 24) return false
  let more = 0
  for (let at = start; at < start + 16; at += 2) {
    const high = CLASS[bytes[at] ?? 0] === DIGIT ? (bytes[at] ?? 0) & 15 : ((bytes[at] ?? 0) | 0x20) - 0x57
    if (more > 0 ? high >> 2 !== 2 : high < 2 || (high > 7 && high < 12)) return false
    more = more > 0 ? more - 1 : high < 12 ? 0 : Math.max(1, high - 12)
  }
  return true
}

function markAt(bytes: Uint8Array, at: number, kind: number): Mark | undefined {
  switch (kind) {
    case ASSIGN:
      return isNamed(bytes, at) ? 'assigned' : isBehindUser(bytes, at) ? 'command' : undefined
    case AT:
      return 'account'
    case PERCENT:
      return isNeedless(bytes, at + 1) ? 'disguise' : undefined
    case BACKSLASH:
      return isEscaped(bytes, at + 1) ? 'disguise' : undefined
    case AMPERSAND:
      return bytes[at + 1] === 0x23 ? 'disguise' : undefined
    case BANG:
      return bytes[at + 1] === 0x5b ? 'picture' : undefined
    case LEFT:
      return ((bytes[at + 1] ?? 0) | 0x20) === 0x69 && ((bytes[at + 2] ?? 0) | 0x20) === 0x6d ? 'picture' : undefined
    case FOREIGN:
      return isDisguise(bytes, at) ? 'disguise' : undefined
    default:
      return undefined
  }
}

/** Whether what stands before `=` or `:` ends as the name of a secret does. */
function isNamed(bytes: Uint8Array, at: number): boolean {
  let last = at - 1
  for (let skipped = 0; skipped < 4 && last > 1; skipped++) {
    const byte = bytes[last]
    if (byte !== 0x20 && byte !== 0x22 && byte !== 0x27 && byte !== 0x5c && byte !== 0x60) break
    last--
  }
  if (last < 1) return false
  if (bytes[last] === 0x65 && bytes[last - 1] === 0x75 && bytes[last - 2] === 0x6c) return isNamedBeside(bytes, last - 4)
  const told = ending(bytes[last - 2] ?? 0, bytes[last - 1] ?? 0, bytes[last] ?? 0)
  if (ENDINGS[told] !== 1) return false
  // `authorization`, not `description`.
  if (told === ION) return ((bytes[last - 4] ?? 0) | 0x20) === 0x61 && ((bytes[last - 5] ?? 0) | 0x20) === 0x7a
  // `Passwort`, not `port`.
  if (told === ORT) return ((bytes[last - 3] ?? 0) | 0x20) === 0x77
  // `apiKey` and `API key`, not `key`.
  return told !== KEY || isOfRun(bytes[last - 3]) || (bytes[last - 3] === 0x20 && isOfRun(bytes[last - 4]))
}
const ION = ending(0x69, 0x6f, 0x6e)
const ORT = ending(0x6f, 0x72, 0x74)
const KEY = ending(0x6b, 0x65, 0x79)

/** `"name":"DB_PASSWORD","value":`, `<add key="DB_PASSWORD" value=`, `name: DB_PASSWORD\n  value:`. @param at where `value` begins. */
function isNamedBeside(bytes: Uint8Array, at: number): boolean {
  if (((bytes[at] ?? 0) | 0x20) !== 0x76) return false
  let last = at - 1
  while (last > at - BESIDE_MAX && isBetween(bytes, last)) last--
  return last < at - 1 && ENDINGS[ending(bytes[last - 2] ?? 0, bytes[last - 1] ?? 0, bytes[last] ?? 0)] === 1
}
const BESIDE_MAX = 20

/** Space, quotes, a comma, and the end of a line as JSON writes it. */
function isBetween(bytes: Uint8Array, at: number): boolean {
  const byte = bytes[at] ?? 0
  if (byte === 0x6e) return bytes[at - 1] === 0x5c
  return byte === 0x20 || byte === 0x0a || byte === 0x22 || byte === 0x27 || byte === 0x2c || byte === 0x5c
}
