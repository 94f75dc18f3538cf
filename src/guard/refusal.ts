/** What a forbid becomes: the denial that says as much as its caller may know. */
import type { Call, Resource } from '../core/call.ts'
import type { Decision } from '../core/decision.ts'
import { Denial, type DenialCode } from '../core/denial.ts'

/** How a forbid is told: by the remedy that would help; what the caller may not know of answers like what does not exist. */
export function refusal(decision: Decision, call: Call, isVisible: boolean): Denial {
  const inside = {
    policies: decision.policies,
    remedies: decision.remedies,
    detail: reasonOf(decision),
  }
  const first = decision.remedies[0]
  if (first !== undefined) return new Denial(CODE_OF_REMEDY[first.kind], inside)
  if (HIDING.has(call.resource.kind) && !isVisible) return new Denial('not_found', inside)
  return new Denial('forbidden', inside)
}

function reasonOf({ policies, isUnpermitted }: Decision): string {
  if (policies.length === 0) return 'nothing permits it'
  return isUnpermitted === true ? 'nothing permits it, and it is forbidden by policy' : 'forbidden by policy'
}

const HIDING = new Set<Resource['kind']>(['tool', 'prompt', 'resource'])
const CODE_OF_REMEDY: Readonly<Record<Decision['remedies'][number]['kind'], DenialCode>> = {
  authenticate: 'unauthenticated',
  scope: 'insufficient_scope',
  step_up: 'step_up_required',
  approval: 'approval_required',
  confirm: 'confirmation_required',
  wait: 'rate_limited',
  connect: 'connection_required',
  redact: 'content_blocked',
}

/** The law is asked once more on the way out: what was done may still not be received. */
export function checkReceipt(decision: Decision, observing: boolean): void {
  if (decision.effect === 'permit' || observing) return
  throw new Denial('content_blocked', { policies: decision.policies, detail: 'forbidden by policy on the way out' })
}
