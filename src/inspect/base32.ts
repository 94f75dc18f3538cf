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

export function isText(bytes: Uint8Array): boolean {
  let strange = 0
  for (const byte of bytes) if (byte < 0x20 ? byte !== 9 && byte !== 10 && byte !== 13 : byte >= 0x7f) strange++
  return bytes.length >= TEXT_MIN_BYTES && strange * 10 <= bytes.length
}
