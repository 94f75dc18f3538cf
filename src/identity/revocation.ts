/** Revocation: what was said to end, ends on every process at the next call, and is remembered as long as it could have lived. */
import { sha256 } from '../core/secret.ts'
import type { Clock } from '../core/time.ts'
import { KEYS } from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import { isJwtLike, outlived } from './jwt.ts'

/** All tokens that came from one sign-in or one grant. */
export interface Family {
  readonly issuer: string
  readonly id: string
}

/**
 * What a token is called in the store. Of a JWT it is the digest of what was signed: an ECDSA signature can be written in a second way
 * by anybody (s becomes n - s), and a deny-list by whole texts would let that way in.
 */
export function tokenDigest(text: string): string {
  return sha256(isJwtLike(text) ? text.slice(0, text.lastIndexOf('.')) : text)
}

export class Revocations {
  readonly #store: Store
  readonly #clock: Clock

  constructor(store: Store, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  /**
   * For good, on every process. Revoking twice is as good as once.
   * @param expiresAt until when the token lives, milliseconds since the epoch; what has expired already needs no record.
   * @throws Fault `FAULT_STORE`
   */
  async revoke(digest: string, expiresAt: number): Promise<void> {
    await this.#write(KEYS.revokedToken(digest), expiresAt)
  }

  /** @param expiresAt until when the longest-lived token of the family lives. @throws Fault `FAULT_STORE` */
  async revokeFamily({ issuer, id }: Family, expiresAt: number): Promise<void> {
    await this.#write(KEYS.revokedFamily(issuer, id), expiresAt)
  }

  /**
   * Asked at every call; nothing is remembered here.
   * @param keys what the token was given by `revocationKeys`.
   * @throws Denial `invalid_token`; a Fault `FAULT_STORE` when the store is away, which denies.
   */
  async check(keys: readonly string[]): Promise<void> {
    // All at once: one way to the store.
    const found = await Promise.all(keys.map((key) => this.#store.get(key)))
    if (found.some((record) => record !== undefined)) throw outlived('the token is revoked')
  }

  async #write(key: string, expiresAt: number): Promise<void> {
    const now = this.#clock()
    if (expiresAt > now) await this.#store.put(key, now, { expiresAt })
  }
}

/** Under which keys a token would be found revoked. */
export function revocationKeys(text: string, family: Family | undefined): readonly string[] {
  const own = KEYS.revokedToken(tokenDigest(text))
  return family === undefined ? [own] : [own, KEYS.revokedFamily(family.issuer, family.id)]
}
