/** Texts sealed with AES-256-GCM, each to the place where it lies: moved elsewhere it does not open. */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { Fault } from '../core/denial.ts'

/** NIST SP 800-38D §8.2.2: 96 random bits, safe for 2^32 texts under one key. */
const NONCE_BYTES = 12
const TAG_BYTES = 16
const KEY_BYTES = 32

export interface Seal {
  /** @param place bound to the text, not hidden. */
  seal(text: string, place: string): string
  /** @throws Fault `FAULT_OAUTH` when it was changed, moved, or sealed with another key. */
  open(sealed: string, place: string): string
}

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
        throw new Fault('FAULT_OAUTH', 'A sealed record does not open: it was changed, or the key file is another one', { cause: error })
      }
    },
  }
}

/** 32 bytes for one use of a key (HKDF-SHA-256, RFC 5869): a key never serves two. */
export function deriveKey(key: Uint8Array, use: string): Buffer {
  return Buffer.from(hkdfSync('sha256', key, '', `portcullis oauth ${use} v1`, KEY_BYTES))
}
