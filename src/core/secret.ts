/** Strings that must not be printed, and the two things done with them: hash, compare. */
import { createHmac, hash, type KeyObject, timingSafeEqual } from 'node:crypto'
import { inspect } from 'node:util'

/** A string that shows as `[secret]` wherever it is printed, logged or serialised. `reveal()` is the only way to it. */
export class Secret {
  readonly #text: string
  constructor(text: string) {
    this.#text = text
  }
  reveal(): string {
    return this.#text
  }
  toString(): string {
    return '[secret]'
  }
  toJSON(): string {
    return '[secret]'
  }
  [inspect.custom](): string {
    return '[secret]'
  }
}

/** SHA-256 of the text, base64url. For texts of high entropy only. */
export function sha256(text: string): string {
  return hash('sha256', text, 'base64url')
}

/**
 * HMAC-SHA-256 of the text, base64url: a hash that nobody can search without the key.
 * Often, give it a KeyObject (`createSecretKey`): taking in the bytes costs six times the hash.
 */
export function keyedHash(key: Uint8Array | KeyObject, text: string): string {
  return createHmac('sha256', key).update(text).digest('base64url')
}

export type KeyedHash = (text: string) => string

/** Of SHA-256, in bytes. */
const BLOCK_BYTES = 64
const DIGEST_BYTES = 32

/**
 * `keyedHash` for the path of a call: the same answer (RFC 2104 §2, FIPS 198-1) by two one-shot hashes, which cost half of an Hmac object
 * and leave none behind to be collected.
 * @param key at most 64 bytes.
 */
export function createKeyedHash(key: Uint8Array): KeyedHash {
  if (key.length > BLOCK_BYTES) throw new RangeError(`A key has at most ${BLOCK_BYTES} bytes`)
  const inner = Buffer.alloc(BLOCK_BYTES, 0x36)
  const outer = Buffer.alloc(BLOCK_BYTES + DIGEST_BYTES, 0x5c)
  for (const [at, byte] of key.entries()) {
    inner[at] = byte ^ 0x36
    outer[at] = byte ^ 0x5c
  }
  return (text) => {
    const message = Buffer.allocUnsafe(BLOCK_BYTES + Buffer.byteLength(text))
    inner.copy(message)
    message.write(text, BLOCK_BYTES)
    outer.write(hash('sha256', message, 'binary'), BLOCK_BYTES, 'latin1')
    return hash('sha256', outer, 'base64url')
  }
}

/** Whether two texts are equal, in a time that depends on their length alone. */
export function isEqual(left: string, right: string): boolean {
  const a = Buffer.from(left)
  const b = Buffer.from(right)
  return a.length === b.length && timingSafeEqual(a, b)
}
