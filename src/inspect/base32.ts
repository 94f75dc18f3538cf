/** Base32 of a text, and whether bytes are one: what no runtime decodes by itself. */

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
/** By its beginning it is known. */
const BEGIN_BYTES = 48
const TEXT_MIN_BYTES = 8

/** RFC 4648 §6, upper case as everybody writes it; undefined when it is of no text. */
export function textOf32(run: string): string | undefined {
  const bytes: number[] = []
  let held = 0
  let bits = 0
  for (const digit of run) {
    held = ((held << 5) | ALPHABET.indexOf(digit)) & 0xfff
    bits += 5
    if (bits < 8) continue
    bits -= 8
    bytes.push((held >> bits) & 0xff)
    if (bytes.length === BEGIN_BYTES && !isText(Buffer.from(bytes))) return undefined
  }
  const decoded = Buffer.from(bytes)
  return isText(decoded) ? decoded.toString('utf8') : undefined
}

/** Bytes that people could read: UTF-8 of any script, of which the last character may be cut, or nearly all ASCII. */
export function isText(bytes: Uint8Array): boolean {
  let strange = 0
  let count = 0
  for (let at = 0; at < bytes.length; count++) {
    const byte = bytes[at] ?? 0
    const length = lengthOf(bytes, at)
    if (length === 0 || (length === 1 && byte < 0x20 && byte !== 9 && byte !== 10 && byte !== 13)) strange++
    at += length === 0 ? 1 : length
  }
  return bytes.length >= TEXT_MIN_BYTES && strange * 10 <= count
}

/** How many bytes the character has that begins here, or could when there were more; 0 where none begins (RFC 3629 §4, by its first byte). */
function lengthOf(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] ?? 0
  if (lead < 0x7f) return 1
  if (lead < 0xc2 || lead > 0xf4) return 0
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
  for (let next = at + 1; next < Math.min(at + length, bytes.length); next++) if (((bytes[next] ?? 0) & 0xc0) !== 0x80) return 0
  return length
}
