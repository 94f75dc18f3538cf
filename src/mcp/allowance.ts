/** What a caller has left, as HTTP headers (draft-ietf-httpapi-ratelimit-headers-10): structured fields (RFC 9651). */
import type { Allowance } from '../core/denial.ts'

const MS_PER_S = 1_000

/** Names and values in turn. Numbers are whole: of what is left the part of one is none, of what is to wait it is a whole second. */
export function allowanceHeaders(allowance: Allowance): readonly [policy: string, policyText: string, state: string, stateText: string] {
  const { limit, quota, windowMs, remaining, resetMs } = allowance
  const window = Math.max(1, Math.ceil(windowMs / MS_PER_S))
  const reset = Math.ceil(resetMs / MS_PER_S)
  return ['RateLimit-Policy', `"${limit}";q=${quota};w=${window}`, 'RateLimit', `"${limit}";r=${Math.floor(remaining)};t=${reset}`]
}
