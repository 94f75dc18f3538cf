/** The text of an API key: `mcp_<12 character id>_<32 character secret><6 character checksum>`. */
import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const ID_CHARS = 12
/** 190 bits. */
const SECRET_CHARS = 32
/** 62^6 exceeds the 2^32 values of CRC-32. */
const CHECKSUM_CHARS = 6
/** The largest multiple of 62 in a byte: bytes from here on are thrown away, or the first letters would be likelier. */
const BYTE_LIMIT = 248

/** An API key taken apart. Only `parseKey` and `mintKey` make one. */
export interface KeyText {
  /** Public: it may be shown, logged and asked for. */
  readonly id: string
  readonly secret: string
}

/** Fresh random bytes. */
export type Random = (size: number) => Uint8Array

export function mintId(random: Random = randomBytes): string {
  return letters(ID_CHARS, random)
}

export function mintSecret(random: Random = randomBytes): string {
  return letters(SECRET_CHARS, random)
}

/** The text that is shown once. The checksum lets scanners and us tell a key from what only looks like one, without a look-up. */
export function writeKey(prefix: string, { id, secret }: KeyText): string {
  const text = `${prefix}_${id}_${secret}`
  return text + checksum(text)
}

/** @returns undefined when the text is not a key with this prefix, to the letter. */
export function parseKey(prefix: string, text: string): KeyText | undefined {
  const idAt = prefix.length + 1
  const secretAt = idAt + ID_CHARS + 1
  const checksumAt = secretAt + SECRET_CHARS
  if (text.length !== checksumAt + CHECKSUM_CHARS || !isKeyLike(prefix, text) || text[secretAt - 1] !== '_') return undefined
  for (let at = idAt; at < text.length; at++) {
    if (at !== secretAt - 1 && !isLetter(text.charCodeAt(at))) return undefined
  }
  if (checksum(text.slice(0, checksumAt)) !== text.slice(checksumAt)) return undefined
  return { id: text.slice(idAt, secretAt - 1), secret: text.slice(secretAt, checksumAt) }
}

/** Whether a bearer token means to be an API key. */
export function isKeyLike(prefix: string, text: string): boolean {
  return text.startsWith(prefix) && text[prefix.length] === '_'
}

export function isKeyId(text: string): boolean {
  return text.length === ID_CHARS && [...text].every((letter) => isLetter(letter.charCodeAt(0)))
}

function isLetter(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || (code >= 0x30 && code <= 0x39)
}

function letters(count: number, random: Random): string {
  let text = ''
  while (text.length < count) {
    for (const byte of random(count - text.length)) if (byte < BYTE_LIMIT) text += ALPHABET[byte % ALPHABET.length] ?? ''
  }
  return text
}

function checksum(text: string): string {
  let rest = crc32(text)
  let written = ''
  for (let place = 0; place < CHECKSUM_CHARS; place++) {
    written = (ALPHABET[rest % ALPHABET.length] ?? '') + written
    rest = Math.floor(rest / ALPHABET.length)
  }
  return written
}
