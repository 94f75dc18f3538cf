/** Signatures of tokens, verified at once for few and on the thread pool for many. */
import type { KeyObject } from 'node:crypto'
import { type Alg, isSigned, isSignedPooled } from '../trust/jwk.ts'
import type { Jwt } from './jwt.ts'

/** Verifications within one turn of the event loop that are made at once: half a millisecond at most. The next ones go to the thread pool. */
const AT_ONCE = 4

export class Signatures {
  #inTurn = 0

  /** Whether the signature is this key's. Never throws. @param key one that the issuer has for `alg`. */
  isGood({ signed, signature }: Jwt, alg: Alg, key: KeyObject): boolean | Promise<boolean> {
    if (this.#inTurn >= AT_ONCE) return isSignedPooled(alg, key, signed, signature)
    if (this.#inTurn++ === 0) {
      setImmediate(() => {
        this.#inTurn = 0
      })
    }
    return isSigned(alg, key, signed, signature)
  }
}
