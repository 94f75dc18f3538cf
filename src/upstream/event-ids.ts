/** Ids of an upstream's events, as a caller is given them: hidden, because a server writes them and nobody looks at them, and good in one session alone. */
import { createCipheriv, randomBytes } from 'node:crypto'
import { createKeyedHash, isEqual } from '../core/secret.ts'

/** Of the hash that says whose an id is, and that it is hidden with: 128 bits. */
const TAG_BYTES = 16

/**
 * A hidden id is `base64url(tag, id)`: the tag is a hash of the session and the id, and what the id is encrypted under (as RFC 5297 does it),
 * so the same id is hidden in the same way each time, and nothing has to be kept.
 */
export class EventIds {
  readonly #tag = createKeyedHash(randomBytes(32))
  readonly #key = randomBytes(32)

  hide(session: string, id: string): string {
    const tag = Buffer.from(this.#tag(`${session}\u0000${id}`), 'base64url').subarray(0, TAG_BYTES)
    return Buffer.concat([tag, this.#crypt(tag, Buffer.from(id))]).toString('base64url')
  }

  /** @returns the id as it was; undefined for what this session was not given. */
  find(session: string, hidden: string): string | undefined {
    const bytes = Buffer.from(hidden, 'base64url')
    if (bytes.length < TAG_BYTES) return undefined
    const id = this.#crypt(bytes.subarray(0, TAG_BYTES), bytes.subarray(TAG_BYTES)).toString()
    return isEqual(hidden, this.hide(session, id)) ? id : undefined
  }

  /** In counter mode the one way is the other. */
  #crypt(tag: Uint8Array, text: Uint8Array): Buffer {
    return createCipheriv('aes-256-ctr', this.#key, tag).update(text)
  }
}
