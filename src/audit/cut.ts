/** A cut: our signed word that retention has removed the beginning of the journal, and where each chain goes on. */
import { type KeyObject, sign, verify } from 'node:crypto'
import { canonical, isObject, type JsonValue } from '../core/json.ts'
import type { Head } from './checkpoint.ts'

/** Of a chain: `seq` and `head` of the last event that may be gone, 0 and the empty string where none may. */
export interface CutChain extends Head {
  /** The last of its checkpoints that may be gone; 0: none. */
  readonly count: number
  /** The event that it was closed behind, where the checkpoint that says so may be gone. */
  readonly closed?: number
}

export interface Cut {
  readonly type: 'cut'
  /** Who signed it. */
  readonly node: string
  /** Milliseconds since the epoch: when it was signed. */
  readonly at: number
  /** What may be gone is older, milliseconds since the epoch. */
  readonly before: number
  /** The policy: `audit.retain`. */
  readonly retainMs: number
  /** How many events may be gone, of all cuts together. */
  readonly removed: number
  /** Those of which something may be gone and something is left, or is spoken of. */
  readonly chains: readonly CutChain[]
  /** Ed25519 over the canonical form of all the rest, base64url. */
  readonly signature: string
}

const SIGNATURE_BYTES = 64

export function signCut(unsigned: Omit<Cut, 'signature'>, key: KeyObject): Cut {
  return { ...unsigned, signature: sign(null, signedBytes(unsigned), key).toString('base64url') }
}

/**
 * The cut that this value is; undefined when this key has not signed it, or when it removes more than its own policy allows.
 * @param key Ed25519, public
 */
export function openCut(value: JsonValue, key: KeyObject): Cut | undefined {
  if (!isCut(value)) return undefined
  const cut: Cut = value
  const { signature, ...rest } = cut
  const bytes = Buffer.from(signature, 'base64url')
  const isOurs = bytes.length === SIGNATURE_BYTES && verify(null, signedBytes(rest), key, bytes)
  return isOurs && cut.before <= cut.at - cut.retainMs ? cut : undefined
}

/** Whether a line is a cut by its form; nothing is said of its signature. */
export function isCut(value: JsonValue): value is JsonValue & Cut {
  return (
    isObject(value) &&
    value['type'] === 'cut' &&
    typeof value['node'] === 'string' &&
    typeof value['signature'] === 'string' &&
    ['at', 'before', 'retainMs', 'removed'].every((name) => typeof value[name] === 'number') &&
    Array.isArray(value['chains']) &&
    value['chains'].every(isCutChain)
  )
}

export function cutJson(cut: Omit<Cut, 'signature'> | Cut): JsonValue {
  return { ...cut, chains: cut.chains.map((chain) => ({ ...chain })) }
}

function isCutChain(value: JsonValue): boolean {
  if (!isObject(value) || typeof value['node'] !== 'string' || typeof value['head'] !== 'string') return false
  return typeof value['seq'] === 'number' && typeof value['count'] === 'number' && ['number', 'undefined'].includes(typeof value['closed'])
}

function signedBytes(unsigned: Omit<Cut, 'signature'>): Buffer {
  return Buffer.from(canonical(cutJson(unsigned)))
}
