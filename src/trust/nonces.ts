/** Nonces for DPoP proofs (RFC 9449 §8, §9): nothing is remembered, every replica makes and knows the same ones, and they change with the time. */
import { createKeyedHash, isEqual } from '../core/secret.ts'
import type { Clock } from '../core/time.ts'

/** A nonce lives between one and two of these: long enough that a busy client is seldom told a new one. */
const ROTATE_MS = 5 * 60_000

export interface Nonces {
  /** The one to use now. */
  current(): string
  isKnown(nonce: string): boolean
}

/** @param key 32 bytes, for this purpose alone. */
export function createNonces({ key, clock, rotateMs = ROTATE_MS }: { key: Uint8Array; clock: Clock; rotateMs?: number }): Nonces {
  const hash = createKeyedHash(key)
  const nonceOf = (period: number): string => hash(`dpop-nonce ${period}`)
  let madeFor = Number.NaN
  let present = ''
  let previous = ''
  const turn = (): void => {
    const period = Math.floor(clock() / rotateMs)
    if (period === madeFor) return
    madeFor = period
    present = nonceOf(period)
    previous = nonceOf(period - 1)
  }
  return {
    current: () => {
      turn()
      return present
    },
    isKnown: (nonce) => {
      turn()
      return isEqual(nonce, present) || isEqual(nonce, previous)
    },
  }
}
