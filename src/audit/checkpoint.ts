/** Checkpoints: signed words on where chains stood. The chain shows a change in the middle, they show a missing end. */
import { type KeyObject, sign, verify } from 'node:crypto'
import { canonical, isObject, type JsonValue } from '../core/json.ts'

/** Where a chain stood: `head` is the digest of its event `seq`; seq 0 and the empty head before the first. */
export interface Head {
  readonly node: string
  readonly seq: number
  readonly head: string
}

export interface Checkpoint extends Head {
  readonly type: 'checkpoint'
  /** Which checkpoint of its node this is, from 1, without gaps. */
  readonly count: number
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Other chains as their writer saw them: a chain that is gone whole is missed by its neighbours. */
  readonly chains: readonly Head[]
  /** Whether the chain ended here: whatever claims to follow does not come from us. */
  readonly closed: boolean
  /** Ed25519 over the canonical form of all the rest, base64url. */
  readonly signature: string
}

const SIGNATURE_BYTES = 64

export function signCheckpoint(unsigned: Omit<Checkpoint, 'signature'>, key: KeyObject): Checkpoint {
  return { ...unsigned, signature: sign(null, signedBytes(unsigned), key).toString('base64url') }
}

export function isSigned(checkpoint: Checkpoint, key: KeyObject): boolean {
  const { signature, ...rest } = checkpoint
  const bytes = Buffer.from(signature, 'base64url')
  return bytes.length === SIGNATURE_BYTES && verify(null, signedBytes(rest), key, bytes)
}

export function checkpointText(checkpoint: Checkpoint): string {
  return canonical(jsonOf(checkpoint))
}

/** Whether a line of a log or an export is a checkpoint by its form; nothing is said of its signature. */
export function isCheckpoint(value: JsonValue): value is JsonValue & Checkpoint {
  return (
    isHead(value) &&
    value['type'] === 'checkpoint' &&
    typeof value['count'] === 'number' &&
    typeof value['at'] === 'number' &&
    typeof value['closed'] === 'boolean' &&
    typeof value['signature'] === 'string' &&
    Array.isArray(value['chains']) &&
    value['chains'].every(isHead)
  )
}

function isHead(value: JsonValue): value is JsonValue & Head & { readonly [name: string]: JsonValue | undefined } {
  return isObject(value) && typeof value['node'] === 'string' && typeof value['seq'] === 'number' && typeof value['head'] === 'string'
}

function signedBytes(unsigned: Omit<Checkpoint, 'signature'>): Buffer {
  return Buffer.from(canonical(jsonOf(unsigned)))
}

function jsonOf(checkpoint: Omit<Checkpoint, 'signature'> | Checkpoint): JsonValue {
  return { ...checkpoint, chains: checkpoint.chains.map(({ node, seq, head }) => ({ node, seq, head })) }
}
