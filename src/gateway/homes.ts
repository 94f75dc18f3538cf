/** Where a call belongs, among many replicas, and what it means that nobody is there any more. */
import type { Call } from '../core/call.ts'
import type { Denial } from '../core/denial.ts'

const SESSION_HOME = /\.([0-9a-f]{16})$/
const STATE_HOME = /^([0-9a-f]{16})\.(.*)$/s

/** Where a call belongs, and the call as its server is to see it. */
export function homeOf(call: Call): { readonly home: string | undefined; readonly call: Call } {
  if (call.origin.era === 'legacy') {
    return { home: call.method === 'initialize' ? undefined : SESSION_HOME.exec(call.session ?? '')?.[1], call }
  }
  const { params } = call.message.body
  const state = params?.['requestState']
  const [, home, theirs] = typeof state === 'string' ? (STATE_HOME.exec(state) ?? []) : []
  if (home === undefined) return { home, call }
  return { home, call: { ...call, message: { body: { ...call.message.body, params: { ...params, requestState: theirs } } } } }
}

export type Gone = ConstructorParameters<typeof Denial>
/** Whether the call was done, nobody knows. */
export const GONE: Gone = ['upstream_failed', { detail: 'the replica that holds the session went away' }]
/** Nothing was done: whoever listened may do it again. */
export const AGAIN: Gone = [
  'unavailable',
  { detail: 'the replica that was listened to went away', remedies: [{ kind: 'wait', ms: 1_000 }] },
]

/** Nothing was sent. */
export function isUnreached(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return (
    code === 'ECONNREFUSED' ||
    code === 'UND_ERR_CONNECT_TIMEOUT' ||
    code === 'EHOSTUNREACH' ||
    code === 'ENETUNREACH' ||
    code === 'ENOTFOUND'
  )
}
