/** The first look at a text in disguise: bytes that are written as others than they stand for, without need. */

/** A letter or digit that nobody had to encode, an encoded `%`, or an encoded `=`, `:` or `@`. */
export function isNeedless(bytes: Uint8Array, at: number): boolean {
  const high = bytes[at] ?? 0
  const low = (bytes[at + 1] ?? 0) | 0x20
  if (high < 0x32 || high > 0x37 || !((low >= 0x30 && low <= 0x39) || (low >= 0x61 && low <= 0x66))) return false
  if (high >= 0x34) return true
  return high === 0x33
    ? low !== 0x63 && low !== 0x65 && low !== 0x66 && low !== 0x62
    : low === 0x35 && ((bytes[at + 2] ?? 0) & 0xf8) === 0x30
}

/** `\u0041`, `\x41`, `\u200b`: letters and digits that nobody had to escape, and what cannot be seen. */
export function isEscaped(bytes: Uint8Array, at: number): boolean {
  const sign = bytes[at]
  if (sign === 0x78) return isNeedless(bytes, at + 1)
  if (sign !== 0x75) return false
  const [first, second] = [bytes[at + 1], bytes[at + 2]]
  if (first === 0x30 && second === 0x30) return isNeedless(bytes, at + 3) || (bytes[at + 3] === 0x61 && (bytes[at + 4] ?? 0) === 0x64)
  if (first === 0x32 && second === 0x30) return bytes[at + 3] === 0x30 || bytes[at + 3] === 0x36
  return ((first ?? 0) | 0x20) === 0x66 && (((second ?? 0) | 0x20) === 0x66 || ((second ?? 0) | 0x20) === 0x65)
}

/** UTF-8 of what is not seen, or looks like a plain letter: zero width, full width, tags, letters of mathematics. */
export function isDisguise(bytes: Uint8Array, at: number): boolean {
  const [lead, second, third] = [bytes[at] ?? 0, bytes[at + 1] ?? 0, bytes[at + 2] ?? 0]
  switch (lead) {
    case 0xc2:
      return second === 0xad
    case 0xe2:
      if (second === 0x80) return third >= 0x8b && third <= 0x8f
      return second === 0x81 && third >= 0xa0 && third <= 0xa4
    case 0xef:
      return (second === 0xbb && third === 0xbf) || second === 0xbc || second === 0xbd || (second === 0xb8 && third < 0x8f)
    case 0xf0:
      return second === 0x9d && third >= 0x90 && third <= 0x9f
    case 0xf3:
      return second === 0xa0
    default:
      return false
  }
}
