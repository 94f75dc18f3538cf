/** An approval as it is remembered: sealed whole, so that who reads the store learns nothing, and who writes to it approves nothing. */
import { Fault } from '../core/denial.ts'
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import type { Seal } from '../core/seal.ts'
import type { Bound } from './bound.ts'

/** One person's yes or no. */
export interface Word {
  /** `local#alice`, `cli:alice` */
  readonly by: string
  /** What whoever said so is called, here and elsewhere: one person is one, by whichever way they come. */
  readonly names?: readonly string[]
  readonly says: 'approve' | 'deny'
  /** Milliseconds since the epoch. */
  readonly at: number
}

/** Who asks, and for what. Instants are milliseconds since the epoch. */
export interface Approval extends Bound {
  /** A UUIDv7. */
  readonly id: string
  /** Of all that it is bound to. */
  readonly digest: string
  /** Who asks, by the names that people have: its subject, and the owner of its key. */
  readonly people: readonly string[]
  /** The policies that want a person. */
  readonly policies: readonly string[]
  /** How many people must say yes. */
  readonly needs: number
  readonly status: 'pending' | 'approved' | 'denied'
  readonly words: readonly Word[]
  readonly createdAt: number
  /** Until then it can be settled; once settled, until then it stands. */
  readonly expiresAt: number
}

/** An approval, and what lies in the store in its place: a change is made to this and to nothing that came after. */
export interface Found {
  readonly key: string
  readonly stored: JsonValue
  readonly approval: Approval
}

export function write(approval: Approval, key: string, seal: Seal): string {
  return seal.seal(JSON.stringify(approval), key)
}

/** @throws Fault `FAULT_SEAL`, `FAULT_STORE` when it is not what we wrote: what is damaged approves nothing. */
export function read(key: string, stored: JsonValue, seal: Seal): Found {
  const value: JsonValue = typeof stored === 'string' ? JSON.parse(seal.open(stored, key)) : null
  if (!isApproval(value)) throw new Fault('FAULT_STORE', `The record of an approval is damaged: ${key}`)
  return { key, stored, approval: value }
}

function isApproval(value: JsonValue): value is JsonObject & Approval {
  return isObject(value) && typeof value['id'] === 'string' && isObject(value['arguments']) && Array.isArray(value['words'])
}
