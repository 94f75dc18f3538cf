/** What many legacy sessions on one process may have of it: nothing that is one session's own. */
import type { ServerFacts } from '../bridge/translate.ts'
import type { JsonObject } from '../core/json.ts'

/** A change of a list is everybody's business; whatever else a server says unasked might be somebody's. */
export const LIST_CHANGED: ReadonlySet<string> = new Set([
  'notifications/tools/list_changed',
  'notifications/prompts/list_changed',
  'notifications/resources/list_changed',
])

/** What needs a process of one's own. */
export const UNSHARED: ReadonlySet<string> = new Set(['resources/subscribe', 'resources/unsubscribe', 'logging/setLevel'])

/** The answer to `initialize` for each of them. */
export function sharedInitialize(facts: ServerFacts): JsonObject {
  const { logging: _logging, resources, ...capabilities } = facts.capabilities
  const kept = typeof resources === 'object' && resources !== null ? { resources: { ...resources, subscribe: false } } : {}
  const instructions = facts.instructions === undefined ? {} : { instructions: facts.instructions }
  return { protocolVersion: facts.revision, capabilities: { ...capabilities, ...kept }, serverInfo: facts.info, ...instructions }
}
