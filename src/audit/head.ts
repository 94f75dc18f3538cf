/** Seals, of a key that only this house has, on the end of every append and on where the chain stands after it: so its last events cannot be changed unseen either. */
import type { AuditEvent } from '../core/event.ts'
import { canonical, isObject, type JsonValue } from '../core/json.ts'
import { isEqual, type KeyedHash } from '../core/secret.ts'
import type { Mark } from '../store/store.ts'
import type { Head } from './checkpoint.ts'
import { withoutSeal } from './event-text.ts'

/*
 * Two seals, because an append is two writes, the lines and then the mark, and whoever is killed in between leaves a log that is ahead of its
 * mark by one append. In front of the mark everything has to be there; behind it an event counts only when a seal is on it or behind it.
 */

/** The mark that goes with an append. A signature would cost thirty times this keyed hash; checkpoints have one. */
export function sealHead(head: Head, hash: KeyedHash): Mark {
  return { by: head.node, value: { head: head.head, node: head.node, seal: hash(textOf(head)), seq: head.seq } }
}

/** The head in a mark, if this key sealed it. */
export function openHead(value: JsonValue, hash: KeyedHash): Head | undefined {
  if (!isObject(value)) return undefined
  const { node, seq, head, seal } = value
  if (typeof node !== 'string' || typeof seq !== 'number' || typeof head !== 'string' || typeof seal !== 'string') return undefined
  const opened = { node, seq, head }
  return isEqual(seal, hash(textOf(opened))) ? opened : undefined
}

/**
 * What the seal of an event says of the rest of it.
 * @param text of the event in canonical form, where it is at hand
 */
export function isSealed(event: JsonValue & AuditEvent, hash: KeyedHash, text?: string): 'yes' | 'no' | 'wrongly' {
  if (!isObject(event) || event.seal === undefined) return 'no'
  const { seal, ...rest } = event
  if (typeof seal !== 'string') return 'wrongly'
  return isEqual(seal, hash(text === undefined ? canonical(rest) : withoutSeal(text, seal))) ? 'yes' : 'wrongly'
}

/** A node has no space in it, so two heads never make one text; and none that an event makes, which ends in a brace. */
function textOf({ node, seq, head }: Head): string {
  return `${node} ${seq} ${head}`
}
