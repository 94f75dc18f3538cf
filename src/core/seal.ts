/** Texts sealed with AES-256-GCM, each to the place where it lies: moved elsewhere it does not open. */
import { createCipheriv, createDecipheriv, hash, randomBytes } from 'node:crypto'
import { Fault } from './denial.ts'

/** NIST SP 800-38D §8.2.2: 96 random bits, safe for 2^32 texts under one key. */
const NONCE_BYTES = 12
const TAG_BYTES = 16
/** 48 bits: enough to tell the keys of one installation apart. */
const KEY_ID_CHARS = 8

/** Seals texts to the place where they are kept, and opens them there alone. */
export interface Seal {
  /** @param place bound to the text, not hidden. */
  seal(text: string, place: string): string
  /** @throws Fault `FAULT_SEAL` when it was changed, moved, or sealed with another key. */
  open(sealed: string, place: string): string
  /** Which key it was sealed with: the one that seals now, one before it, one that is not here. Says nothing of whether it opens. */
  keyOf(sealed: string): 'current' | 'previous' | 'unknown'
}

/**
 * A sealed text is `key id . base64url(nonce, what is hidden, tag)`.
 * @param key 32 bytes, of no other use: it seals.
 * @param previous keys of the same kind: what was sealed with them is still opened.
 */
export function createSeal(key: Uint8Array, previous: readonly Uint8Array[] = []): Seal {
  const current = `${keyId(key)}.`
  const keys = new Map([...previous, key].map((one) => [keyId(one), one]))
  return {
    seal(text, place) {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(place))
      const hidden = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
      return current + Buffer.concat([nonce, hidden, cipher.getAuthTag()]).toString('base64url')
    },
    open(sealed, place) {
      const [id = '', body = ''] = sealed.split('.', 2)
      const known = keys.get(id)
      if (known === undefined) throw new Fault('FAULT_SEAL', 'A sealed text does not open: it was sealed with a key that is not here')
      const bytes = Buffer.from(body, 'base64url')
      try {
        const opener = createDecipheriv('aes-256-gcm', known, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
        opener.setAAD(Buffer.from(place)).setAuthTag(bytes.subarray(-TAG_BYTES))
        return Buffer.concat([opener.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), opener.final()]).toString('utf8')
      } catch (error) {
        throw new Fault('FAULT_SEAL', 'A sealed text does not open: it was changed, or moved from another place', { cause: error })
      }
    },
    keyOf: (sealed) => (sealed.startsWith(current) ? 'current' : keys.has(sealed.split('.', 1)[0] ?? '') ? 'previous' : 'unknown'),
  }
}

/** Names a key and tells nothing of it. */
function keyId(key: Uint8Array): string {
  return hash('sha256', Buffer.concat([Buffer.from('portcullis key id '), key]), 'base64url').slice(0, KEY_ID_CHARS)
}
