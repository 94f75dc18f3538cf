/** The whole journal as lines to be kept elsewhere, also while it is written: whatever the copy's checkpoints vouch for is in the copy. */
import type { JsonValue } from '../core/json.ts'
import { isCheckpoint } from './checkpoint.ts'
import { isEvent } from './event.ts'
import type { Source } from './verify.ts'

/**
 * Where retention has removed something, our word on it first. Events in order, then checkpoints. Memory holds the checkpoints.
 * @param since only what is not older, milliseconds since the epoch: a part of the journal, whose chains begin before it
 */
export async function* exportJournal(source: Source, since = 0): AsyncGenerator<JsonValue> {
  // Read first: one that is signed later may vouch for events that come too late for this copy.
  const cut = since === 0 ? await source.cut?.() : undefined
  const checkpoints: JsonValue[] = []
  const known = new Set<string>()
  let after: string | undefined
  for await (const { position, value } of source.checkpoints()) {
    if (!isCheckpoint(value) || value.at >= since) checkpoints.push(value)
    if (isCheckpoint(value)) known.add(value.node)
    after = position
  }
  if (cut !== undefined) yield cut
  const born = new Set<string>()
  for await (const { value } of source.events()) {
    if (isEvent(value) && !known.has(value.node)) born.add(value.node)
    if (!isEvent(value) || value.at >= since) yield value
  }
  yield* checkpoints
  if (born.size === 0) return
  // Of a chain that began meanwhile, its birth certificate, without which it would be a stranger.
  for await (const { value } of source.checkpoints(after)) {
    if (isCheckpoint(value) && value.seq === 0 && born.delete(value.node)) yield value
  }
}
