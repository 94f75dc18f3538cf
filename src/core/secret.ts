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
 * On the path of a call give it a KeyObject (`createSecretKey`): taking in the bytes costs six times the hash.
 */
export function keyedHash(key: Uint8Array | KeyObject, text: string): string {
  return createHmac('sha256', key).update(text).digest('base64url')
}

/** Whether two texts are equal, in a time that depends on their length alone. */
export function isEqual(left: string, right: string): boolean {
  const a = Buffer.from(left)
  const b = Buffer.from(right)
  return a.length === b.length && timingSafeEqual(a, b)
}
