/** Names as names of files, whatever text and whichever file system. */
import { hash } from 'node:crypto'

/** Of the 255 bytes that a file name may have: the rest is for what stands in front of it and behind. */
const NAME_MAX_CHARS = 160
/** In front of the digest of a name that is too long: no encoded name has this. */
const DIGEST_SIGN = '%%'

/**
 * Small letters, digits, `-` and `_` as they are, every other byte of UTF-8 as `%` and two hexadecimal digits. So no name is a path or a
 * hidden file, and two that differ in case alone are two also where the file system does not tell them apart.
 */
export function encodeName(name: string): string {
  let encoded = ''
  for (const byte of Buffer.from(name)) {
    const character = String.fromCharCode(byte)
    encoded += /[a-z0-9_-]/.test(character) ? character : `%${byte.toString(16).padStart(2, '0')}`
  }
  return encoded
}

/** Likewise, and of a long name its digest. */
export function shortName(name: string): string {
  const encoded = encodeName(name)
  return encoded.length <= NAME_MAX_CHARS ? encoded : DIGEST_SIGN + hash('sha256', name, 'hex')
}

/** Undefined for what is no encoded name. */
export function decodeName(encoded: string): string | undefined {
  if (!/^(?:[a-z0-9_-]|%[0-9a-f]{2})*$/.test(encoded)) return undefined
  try {
    return decodeURIComponent(encoded)
  } catch {
    return undefined
  }
}
