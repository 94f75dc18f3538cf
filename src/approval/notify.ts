/** Tells a webhook that somebody must approve: signed, a few times until it is heard, and never in the way of the call. */
import { Fault } from '../core/denial.ts'
import type { Secret } from '../core/secret.ts'
import { signedHeaders } from '../core/signature.ts'
import type { Clock } from '../core/time.ts'
import type { GuardedFetch } from '../net/fetch.ts'
import type { Approval } from './record.ts'
import { visibleJson } from './shown.ts'

/** Waits before the second and the third try: a restart of the other side is over by then. */
const WAITS_MS = [1_000, 5_000] as const
/** Notices under way at once; a webhook that hangs must not keep more of them. */
const UNDERWAY_MAX = 64

export interface NotifierParts {
  readonly webhook: string
  readonly secret: Secret
  readonly fetch: Pick<GuardedFetch, 'request'>
  readonly clock: Clock
  /** Told once of each approval that could not be told. */
  readonly onFault: (fault: Fault) => void
  readonly wait: (ms: number) => Promise<unknown>
}

/** @param url the page where it can be settled. */
export type Notify = (approval: Approval, url: string | undefined) => Promise<void>

export function createNotifier({ webhook, secret, fetch, clock, onFault, wait }: NotifierParts): Notify {
  let underway = 0
  const post = async (body: string): Promise<boolean> => {
    const headers = { 'content-type': 'application/json', ...signedHeaders(secret, body, clock()) }
    try {
      const { status } = await fetch.request(webhook, { method: 'POST', headers, body })
      return status >= 200 && status < 300
    } catch {
      return false
    }
  }
  return async (approval, url) => {
    const body = JSON.stringify(noticeOf(approval, url))
    const failed = (why: string): void =>
      onFault(new Fault('FAULT_NOTIFY', `approval.notify: approval ${approval.id} was not told: ${why}`))
    if (underway >= UNDERWAY_MAX) return failed('too many notices are under way')
    underway++
    try {
      if (await post(body)) return
      for (const ms of WAITS_MS) {
        await wait(ms)
        if (await post(body)) return
      }
      failed('the webhook did not take it')
    } finally {
      underway--
    }
  }
}

/** What a person needs to decide, whole. */
function noticeOf(
  { id, principal, client, method, resource, arguments: args, besides, policies, needs, createdAt, expiresAt }: Approval,
  url: string | undefined,
): object {
  return {
    type: 'approval.requested',
    id,
    principal,
    client,
    method,
    server: resource.server,
    name: resource.name,
    arguments: visibleJson(args),
    ...(besides === undefined ? {} : { besides: visibleJson(besides) }),
    policies,
    needs,
    createdAt: new Date(createdAt).toISOString(),
    expiresAt: new Date(expiresAt).toISOString(),
    url,
  }
}
