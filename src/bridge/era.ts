/** Which era a server on stdio is of: it is asked `server/discover`, and whatever is no modern answer, silence too, means legacy (ST-10). */
import type { Body, Era } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import type { JsonObject } from '../core/json.ts'
import { LATEST_MODERN, META } from '../mcp/revision.ts'
import type { Schedule } from './alarm.ts'
import type { Ask } from './ask.ts'
import { type Implementation, MODERN_ERRORS } from './wire.ts'

/** A server that has not said anything by then is spoken to as legacy; if it was only slow to start, its answer to `initialize` tells. */
const PROBE_MS = 5_000

/** The `_meta` of a modern request of our own. */
function envelope(client: Implementation, capabilities: JsonObject = {}): JsonObject {
  return { [META.protocolVersion]: LATEST_MODERN, [META.clientCapabilities]: capabilities, [META.clientInfo]: { ...client } }
}

/** @throws Denial `upstream_failed` when the server ended instead of answering. */
export async function probeEra(ask: Ask, client: Implementation, schedule: Schedule): Promise<Era> {
  const stop = new AbortController()
  const alarm = schedule(() => stop.abort(), PROBE_MS)
  try {
    return isModernAnswer(await ask('server/discover', { _meta: envelope(client) }, stop.signal)) ? 'modern' : 'legacy'
  } catch (error) {
    if (stop.signal.aborted) return 'legacy'
    throw error
  } finally {
    alarm.close()
  }
}

/** A DiscoverResult, or an error that only modern servers know. */
export function isModernAnswer(body: Body): boolean {
  return body.error === undefined ? Array.isArray(body.result?.['supportedVersions']) : MODERN_ERRORS.has(body.error.code)
}

/** The bridge's handshake was answered with an error that only modern servers know. */
export function isModernRefusal(error: unknown): boolean {
  const cause = error instanceof Denial ? error.cause : undefined
  return typeof cause === 'object' && cause !== null && 'code' in cause && typeof cause.code === 'number' && MODERN_ERRORS.has(cause.code)
}
