/** An event in the words of OCSF 1.5 (schema.ocsf.io): sign-ins and failed credentials as Authentication, all else as API Activity. */
import { parseIp } from '../core/cidr.ts'
import type { AuditEvent, Outcome } from '../core/event.ts'
import type { JsonObject } from '../core/json.ts'

const OCSF_VERSION = '1.5.0'
const API_ACTIVITY = { class_uid: 6003, category_uid: 6 } as const
const AUTHENTICATION = { class_uid: 3002, category_uid: 3 } as const
/** For a checkpoint: the base class, which says nothing but what every event says. */
const BASE_EVENT = { class_uid: 0, category_uid: 0 } as const

const CREDENTIAL_DENIALS: ReadonlySet<string> = new Set(['unauthenticated', 'invalid_token', 'ambiguous_credentials', 'step_up_required'])
const SIGN_INS: ReadonlySet<string> = new Set(['oauth.signed_in', 'oauth.sign_in_refused'])
const LOGON = 1
/** Of API Activity; what an action is in these four words, where it is one of them. */
const ACTIVITIES: Readonly<Partial<Record<NonNullable<AuditEvent['action']>, number>>> = {
  list: 2,
  read: 2,
  get: 2,
  complete: 2,
  listen: 2,
}
const OTHER = 99
/** Informational, low, medium. */
const SEVERITIES: Readonly<Record<Outcome, number>> = { permitted: 1, cancelled: 1, failed: 2, would_deny: 2, denied: 3 }
const STATUS = { unknown: 0, success: 1, failure: 2 } as const

/** @param text of the event as the journal has it: it rides along as `raw_data`, so that the chain can be verified there. */
export function ocsfOf(event: AuditEvent, text: string): JsonObject {
  const { at, id, seq, outcome, denial, detail, method, resource, principal, by, client, tookMs, trace } = event
  const isSignIn = SIGN_INS.has(event.type) || (denial !== undefined && CREDENTIAL_DENIALS.has(denial))
  const cls = isSignIn ? AUTHENTICATION : API_ACTIVITY
  const activity = isSignIn ? LOGON : ((event.action && ACTIVITIES[event.action]) ?? OTHER)
  const user = { uid: principal ?? by ?? 'unknown', name: principal ?? by ?? 'unknown' }
  return {
    ...cls,
    activity_id: activity,
    type_uid: cls.class_uid * 100 + activity,
    severity_id: outcome === undefined ? SEVERITIES.permitted : SEVERITIES[outcome],
    status_id: statusOf(event),
    time: at,
    metadata: { version: OCSF_VERSION, product: PRODUCT, uid: id, event_code: event.type, sequence: seq, log_name: event.node },
    ...(denial !== undefined && { status_code: denial }),
    ...(detail !== undefined && { status_detail: detail, message: detail }),
    ...(tookMs !== undefined && { duration: Math.round(tookMs) }),
    ...(trace !== undefined && { unmapped: { trace_id: trace } }),
    actor: { user, ...(client !== undefined && { app_uid: client }) },
    src_endpoint: endpointOf(event),
    ...(isSignIn
      ? { user, service: { name: resource?.server ?? 'portcullis' } }
      : { api: { operation: method ?? event.type, service: { name: resource?.server ?? 'portcullis' } } }),
    ...(resource !== undefined && !isSignIn && { resources: [{ name: resource.name, type: resource.kind, namespace: resource.server }] }),
    raw_data: text,
  }
}

const PRODUCT = { name: 'Portcullis', vendor_name: 'Portcullis' } as const

/** An address is an `ip` there, a range is not. */
function endpointOf({ address, transport, node }: AuditEvent): JsonObject {
  if (address === undefined) return { name: transport ?? node }
  const one = address.replace(/\/(?:32|128)$/, '')
  return parseIp(one) === undefined ? { name: address } : { ip: one }
}

function statusOf({ outcome, type }: AuditEvent): number {
  if (type.endsWith('_refused') || type.endsWith('.refused')) return STATUS.failure
  if (outcome === undefined) return STATUS.unknown
  return outcome === 'permitted' || outcome === 'would_deny' ? STATUS.success : STATUS.failure
}

export function ocsfCheckpoint(at: number, node: string, text: string): JsonObject {
  return {
    ...BASE_EVENT,
    activity_id: OTHER,
    type_uid: OTHER,
    severity_id: SEVERITIES.permitted,
    time: at,
    metadata: { version: OCSF_VERSION, product: PRODUCT, event_code: 'checkpoint', log_name: node },
    raw_data: text,
  }
}
