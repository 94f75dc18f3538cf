/** Texts sealed with AES-256-GCM, each to the place where it lies: moved elsewhere it does not open. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { Fault } from './denial.ts'

/** NIST SP 800-38D §8.2.2: 96 random bits, safe for 2^32 texts under one key. */
const NONCE_BYTES = 12
const TAG_BYTES = 16

export interface Seal {
  /** @param place bound to the text, not hidden. */
  seal(text: string, place: string): string
  /** @throws Fault `FAULT_SEAL` when it was changed, moved, or sealed with another key. */
  open(sealed: string, place: string): string
}

/** @param key 32 bytes, of no other use. */
export function createSeal(key: Uint8Array): Seal {
  return {
    seal(text, place) {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(place))
      const hidden = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
      return Buffer.concat([nonce, hidden, cipher.getAuthTag()]).toString('base64url')
    },
    open(sealed, place) {
      const bytes = Buffer.from(sealed, 'base64url')
      try {
        const opener = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
        opener.setAAD(Buffer.from(place)).setAuthTag(bytes.subarray(-TAG_BYTES))
        return Buffer.concat([opener.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), opener.final()]).toString('utf8')
      } catch (error) {
        throw new Fault('FAULT_SEAL', 'A sealed record does not open: it was changed, or the key file is another one', { cause: error })
      }
    },
  }
}
