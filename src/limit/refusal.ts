/** How a limit refuses: the operator sees which one, the caller how long to wait and, where it alone is counted, what was allowed. */
import { type Allowance, Denial } from '../core/denial.ts'
import type { Bucket, Limit } from './bucket.ts'

const US_PER_MS = 1_000

export function tooMany(bucket: Bucket, waitUs: number, nowUs: number): Denial {
  const allowance = bucket.allowance(nowUs)
  return refused(
    `${describe(bucket.limit)} is used up`,
    waitUs / US_PER_MS,
    allowance === undefined ? undefined : { ...allowance, remaining: 0, resetMs: waitUs / US_PER_MS },
  )
}

/** @param waitMs after which the same call would be allowed. */
export function refused(detail: string, waitMs: number, allowance?: Allowance): Denial {
  return new Denial('rate_limited', {
    detail,
    remedies: [{ kind: 'wait', ms: Math.max(1, Math.ceil(waitMs)) }],
    ...(allowance === undefined ? {} : { allowance }),
  })
}

/** `limits.roles.user (200 at once, one each 200 ms)` */
function describe({ name, burst, intervalUs }: Limit): string {
  return `${name} (${burst} at once, one each ${intervalUs / US_PER_MS} ms)`
}
