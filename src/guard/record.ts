/** What a walked call has come to, in the words of history. */
import { callEntry, type Description } from '../audit/record.ts'
import type { Call } from '../core/call.ts'
import type { Denial, DenialCode } from '../core/denial.ts'
import type { Entry, Outcome } from '../core/event.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import { nameOf } from '../core/principal.ts'
import type { Trail } from './guard.ts'

/** Names and shapes of arguments, and their keyed hash: never their text. */
export type Describe = (args: JsonObject) => Description

/** Refusals that say that the server failed, not that the caller was refused: also where it was only asked for its tools. */
const FAILURES: ReadonlySet<DenialCode> = new Set(['upstream_failed', 'login_failed', 'timeout'])

/** What broke before the call was let through refuses it; afterwards nobody knows any more that nothing was done. */
function isFailure({ code, isOfServer }: Denial, isBegun: boolean): boolean {
  return FAILURES.has(code) || isOfServer || (code === 'unavailable' && isBegun)
}

function outcomeOf(trail: Trail): Outcome {
  const denial = trail.denial
  if (denial !== undefined) return isFailure(denial, trail.begun === true) ? 'failed' : 'denied'
  if (trail.answered === undefined) return 'cancelled'
  if (trail.answered === 'failed') return 'failed'
  return trail.decision?.effect === 'forbid' ? 'would_deny' : 'permitted'
}

/** The one decision record of a call, however it ended. */
export function endedEntry(call: Call, trail: Trail, now: number, describe: Describe): Entry {
  const { principal, decision, denial, findings } = trail
  return callEntry('call.ended', call, {
    outcome: outcomeOf(trail),
    // What kept an answer from leaving was found on the way out.
    findings: denial?.code === 'content_blocked' ? [...denial.findings, ...findings] : findings,
    principal,
    description: principal === undefined ? undefined : describe(call.arguments),
    decision,
    denial,
    ...tracedBy(call),
    tookMs: now - call.receivedAt,
  })
}

/** That it was let through, and by whom it was asked. The rest is in its end. */
export function begunEntry(call: Call, trail: Trail): Entry {
  const { principal } = trail
  return {
    type: 'call.begun',
    call: call.id,
    method: call.method,
    resource: call.resource,
    ...(principal === undefined ? {} : { principal: nameOf(principal) }),
  }
}

/** The ids of a W3C `traceparent` in `_meta`, if it has the form: of the trace, and of the caller's span where its sampled flag says that it is recorded. */
function tracedBy(call: Call): Pick<Entry, 'trace' | 'span'> {
  const meta = call.message.body.params?.['_meta']
  const parent = isObject(meta) ? meta['traceparent'] : undefined
  const [, trace, span, flags] = (typeof parent === 'string' && TRACEPARENT.exec(parent)) || []
  if (trace === undefined || span === undefined || flags === undefined) return {}
  return (Number.parseInt(flags, 16) & SAMPLED) === 0 ? { trace } : { trace, span }
}

/** W3C Trace Context §3.2: no version ff, no id that is all zeros. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/
const SAMPLED = 1
