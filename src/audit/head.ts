/** Sealed heads: where a chain stands after each append, written in the same transaction, so that not even its last event can be changed or cut unseen. */
import type { AuditEvent } from '../core/event.ts'
import { canonical, isObject, type JsonValue } from '../core/json.ts'
import { isEqual, type KeyedHash } from '../core/secret.ts'
import { KEYS } from '../store/keys.ts'
import type { Record } from '../store/store.ts'
import type { Head } from './checkpoint.ts'

/** The record that goes with an append. A signature would cost thirty times this keyed hash; checkpoints have one. */
export function sealHead(head: Head, hash: KeyedHash): Record {
  // In canonical order, which the store then need not make.
  const value = { head: head.head, node: head.node, seal: hash(textOf(head)), seq: head.seq }
  return { key: KEYS.chainHead(head.node), value }
}

/** The head in a record, if this key sealed it. */
export function openHead(value: JsonValue, hash: KeyedHash): Head | undefined {
  if (!isObject(value)) return undefined
  const { node, seq, head, seal } = value
  if (typeof node !== 'string' || typeof seq !== 'number' || typeof head !== 'string' || typeof seal !== 'string') return undefined
  const opened = { node, seq, head }
  return isEqual(seal, hash(textOf(opened))) ? opened : undefined
}

/** What the seal of an event says of the rest of it. */
export function isSealed(event: JsonValue & AuditEvent, hash: KeyedHash): 'yes' | 'no' | 'wrongly' {
  if (!isObject(event)) return 'no'
  const { seal, ...rest } = event
  if (seal === undefined) return 'no'
  return typeof seal === 'string' && isEqual(seal, hash(canonical(rest))) ? 'yes' : 'wrongly'
}

/** A node has no space in it, so two heads never make one text; and none that an event makes, which ends in a brace. */
function textOf({ node, seq, head }: Head): string {
  return `${node} ${seq} ${head}`
}
