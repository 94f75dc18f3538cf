/** A Denial as wire: JSON-RPC error, HTTP status, challenge (RFC 6750, RFC 9470) and Retry-After, by era. Poor outside: nothing that only an operator may know. */
import type { Body, Call, RequestId } from '../core/call.ts'
import type { Remedy } from '../core/decision.ts'
import { DENIALS, type Denial, type DenialCode } from '../core/denial.ts'
import type { JsonObject, JsonValue } from '../core/json.ts'
import { allowanceHeaders } from './allowance.ts'
import { errorResponse, resultResponse } from './message.ts'
import { REVISIONS } from './methods.ts'
import { MODERN_REVISIONS } from './revision.ts'

/** What a refusal needs to know that is not in the denial. */
export interface Challenge {
  /** URL of the protected resource metadata (RFC 9728 §5.1). */
  readonly resourceMetadata?: string | undefined
  readonly realm?: string | undefined
  /** For a 401: the scopes to ask for at sign-in. Those of a 403 stand in the denial's remedies. */
  readonly scopes?: readonly string[] | undefined
  /** For `missing_capability`: the capabilities that are needed (2026-07-28, Error Codes). */
  readonly requiredCapabilities?: JsonObject | undefined
  /** The method by its header, where the body was not read (2026-07-28, `Mcp-Method`). */
  readonly method?: string | undefined
  /** On stdio: the variable in which whoever starts us puts its credential. */
  readonly environment?: string | undefined
}

export interface Refusal {
  readonly status: number
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Body
}

const DEFAULT_REALM = 'mcp'

/** What to wait when nobody says: long enough not to be a loop, short enough not to be noticed. */
const DEFAULT_WAIT_MS = 1_000

/**
 * Refusals that a client of the revisions with `initialize` must see as HTTP: flaws of form, credentials, sessions, limits.
 * All others go in-band, with 200: there a 404 says that the session died, and bridges hang on other statuses.
 */
const LEGACY_HTTP: ReadonlySet<DenialCode> = new Set<DenialCode>([
  'malformed',
  'unparseable',
  'header_mismatch',
  'unsupported_revision',
  'invalid_envelope',
  'ambiguous_credentials',
  'foreign_host',
  'unauthenticated',
  'invalid_token',
  'step_up_required',
  'insufficient_scope',
  'foreign_origin',
  'no_route',
  'no_session',
  'http_method',
  'not_acceptable',
  'slow_request',
  'too_large',
  'media_type',
  'rate_limited',
  'unavailable',
])

/** Other client errors on the probe make clients fall back to `initialize` (SDK 2.4): for them a discovery is told to come again. */
const DISCOVER_4XX: ReadonlySet<number> = new Set([400, 401, 403])

/** 2025-11-25, client/elicitation: a client that opens pages waits for this code. */
const URL_ELICITATION = -32042

/** The denial as a JSON-RPC response: an error, without `id` for a notification, or when none could be read; or what a model can correct. */
export function refusalBody(denial: Denial, call: Call | undefined, challenge: Challenge = {}): Body {
  const id = idOf(call)
  if (id !== undefined && call !== undefined && isCorrectable(denial, call)) return resultResponse(id, toolError(denial, call))
  const { question } = denial
  if (question?.kind === 'input_required' && id !== undefined) return resultResponse(id, question.result)
  const row = DENIALS[denial.code]
  const data = dataOf(denial, call, challenge)
  return question?.kind === 'url_elicitation'
    ? errorResponse(id, URL_ELICITATION, messageOf(denial), { ...data, elicitations: question.elicitations })
    : errorResponse(id, row.rpc, messageOf(denial), data)
}

/** The denial as an HTTP response. `Allow` of a 405 is the edge's to add. */
export function refuse(denial: Denial, call: Call | undefined, challenge: Challenge = {}): Refusal {
  const status = statusOf(denial, call, challenge)
  const headers: Record<string, string> = { 'content-type': 'application/json', 'cache-control': 'no-store' }
  if (status === 401 || denial.code === 'insufficient_scope') headers['www-authenticate'] = challengesOf(denial, challenge)
  if (denial.challenge?.nonce !== undefined) headers['dpop-nonce'] = denial.challenge.nonce
  if (status === 429 || status === 503) headers['retry-after'] = String(Math.max(1, Math.ceil(waitOf(denial.remedies) / 1_000)))
  if (denial.allowance !== undefined) {
    const [policy, policyText, state, stateText] = allowanceHeaders(denial.allowance)
    headers[policy.toLowerCase()] = policyText
    headers[state.toLowerCase()] = stateText
  }
  return { status, headers, body: refusalBody(denial, call, challenge) }
}

function statusOf(denial: Denial, call: Call | undefined, { method }: Challenge): number {
  const { status } = DENIALS[denial.code]
  if (call === undefined && method === 'server/discover' && denial.code === 'rate_limited') return 503
  if (call !== undefined && isCorrectable(denial, call)) return 200
  if (denial.question?.kind === 'input_required' && idOf(call) !== undefined) return 200
  const isProbe = call?.method === 'server/discover' && call.origin.era === 'modern'
  if (isProbe && status < 500 && !DISCOVER_4XX.has(status)) return 503
  const inBand = call !== undefined && call.origin.era === 'legacy' && idOf(call) !== undefined && call.message.body.method !== undefined
  return inBand && !LEGACY_HTTP.has(denial.code) ? 200 : status
}

/**
 * Input that failed the tool's schema is an error of the tool's: the model reads it and corrects itself (2026-07-28 and 2025-11-25,
 * server/tools "Error Handling"). Of an account that is not connected, or a person who must approve, the model tells its user; where the person
 * at the client can be asked, that comes first. And of a tool that nobody can call.
 */
function isCorrectable(denial: Denial, call: Call): boolean {
  if (call.method !== 'tools/call') return false
  if (denial.code === 'connection_required') return pageOf(denial) !== undefined && denial.question === undefined
  if (approvalOf(denial) !== undefined) return denial.question === undefined
  return (denial.code === 'invalid_arguments' || denial.code === 'unusable_tool') && denial.findings.some(({ rule }) => rule !== undefined)
}

/** A page of ours that its user is to open. */
function pageOf({ remedies }: Denial): string | undefined {
  return remedies.find((remedy) => remedy.kind === 'connect')?.url
}

/** How the call can go on, once somebody has said yes. */
function approvalOf({ code, remedies }: Denial): string | undefined {
  const waiting = code !== 'approval_required' ? undefined : remedies.find((remedy) => remedy.kind === 'approval')
  if (waiting?.id === undefined) return undefined
  const { id, url } = waiting
  const where = url === undefined ? `run "portcullis approvals approve ${id}"` : `open ${url} (approval ${id})`
  return `Ask somebody with the right to approve to ${where}. Then make the very same call again, with the same arguments.`
}

/** Clients show the message and nothing else. */
function messageOf(denial: Denial): string {
  if (denial.isOfForm) return `${denial.message.replace(/\.$/, '')}: ${denial.detail}.`
  const page = pageOf(denial)
  const approval = approvalOf(denial)
  if (approval !== undefined) return `${denial.message} ${approval}`
  return page === undefined ? denial.message : `${denial.message} Open ${page}`
}

/** What programs read of a refusal that is a result. */
const REFUSAL = 'portcullis/refusal'

/** Where and which rule, in our words: no value is echoed, and no name that only its caller knows. */
function mistakesOf({ findings }: Denial): readonly { readonly pointer: string; readonly rule: string }[] {
  const mistakes = findings.flatMap(({ pointer, rule, named }) => {
    if (rule === undefined) return []
    return [named === undefined ? { pointer, rule } : { pointer: named, rule: `an unknown member ${rule}` }]
  })
  return mistakes.filter(({ pointer, rule }, at) => at === mistakes.findIndex((each) => each.pointer === pointer && each.rule === rule))
}

function toolError(denial: Denial, call: Call): JsonObject {
  const mistakes = denial.code === 'unusable_tool' ? [] : mistakesOf(denial)
  const lines = mistakes.map(({ pointer, rule }) => (pointer === '' ? rule : `${pointer}: ${rule}`))
  const content = [{ type: 'text', text: [messageOf(denial), ...lines].join('\n') }]
  const meta = denial.code === 'approval_required' ? { _meta: { [REFUSAL]: dataOf(denial, call, {}) } } : {}
  const result = { content, isError: true, ...meta }
  return call.origin.era === 'modern' ? { resultType: 'complete', ...result } : result
}

function idOf(call: Call | undefined): RequestId | undefined {
  // The id of a response is that of a request of the server's: an error under it would answer nothing.
  return call === undefined || call.method.startsWith('$') ? undefined : call.message.body.id
}

function dataOf(denial: Denial, call: Call | undefined, challenge: Challenge): JsonObject {
  const data: Record<string, JsonValue> = { code: denial.code }
  const shown = denial.remedies.map((remedy) => shownRemedy(remedy, call, challenge))
  if (shown.length > 0) data['remedies'] = shown
  const mistaken = mistakesOf(denial)
  if (mistaken.length > 0) data['arguments'] = mistaken
  if (denial.code === 'unsupported_revision') {
    // What a discovery would offer; to a client that cannot discover, everything.
    data['supported'] = call?.origin.era === 'modern' ? [...MODERN_REVISIONS] : [...REVISIONS].reverse()
    data['requested'] = call?.origin.revision ?? ''
  }
  if (denial.code === 'missing_capability' && challenge.requiredCapabilities !== undefined) {
    data['requiredCapabilities'] = challenge.requiredCapabilities
  }
  return data
}

/** Where a credential is looked for in a request; on stdio it is the environment. */
const CREDENTIAL_HEADERS = ['X-API-Key', 'Authorization']

function shownRemedy(remedy: Remedy, call: Call | undefined, { environment }: Challenge): JsonObject {
  switch (remedy.kind) {
    case 'authenticate':
      if (environment !== undefined) return { kind: remedy.kind, environment }
      return call === undefined || call.origin.transport === 'http'
        ? { kind: remedy.kind, headers: CREDENTIAL_HEADERS }
        : { kind: remedy.kind }
    case 'scope':
      return { kind: remedy.kind, scopes: remedy.scopes }
    case 'step_up':
      return { kind: remedy.kind, acr: remedy.acr }
    case 'wait':
      return { kind: remedy.kind, ms: remedy.ms }
    case 'connect':
      return { kind: remedy.kind, url: remedy.url }
    case 'approval':
      return { kind: remedy.kind, id: remedy.id, url: remedy.url }
    case 'confirm':
    case 'redact':
      return { kind: remedy.kind }
  }
}

/** The longest of the waits: after a shorter one the answer would be no again. */
function waitOf(remedies: readonly Remedy[]): number {
  const waits = remedies.flatMap((remedy) => (remedy.kind === 'wait' ? [remedy.ms] : []))
  return waits.length === 0 ? DEFAULT_WAIT_MS : Math.max(...waits)
}

/** RFC 6750 §3.1 and RFC 9470 §3; no code when no credential was presented. */
const CHALLENGE_ERRORS: Partial<Record<DenialCode, string>> = {
  invalid_token: 'invalid_token',
  insufficient_scope: 'insufficient_scope',
  step_up_required: 'insufficient_user_authentication',
}

/** One for each scheme that would do (RFC 9110 §11.6.1); the second where possession of a key is to be proved (RFC 9449 §7.1). */
function challengesOf(denial: Denial, challenge: Challenge): string {
  const bearer = challengeOf(denial, challenge)
  const proof = denial.challenge
  if (proof === undefined) return bearer
  return `${bearer}, DPoP error=${quoted(proof.error)}, algs=${quoted(proof.algorithms.join(' '))}`
}

function challengeOf(denial: Denial, challenge: Challenge): string {
  const parameters = [`realm=${quoted(challenge.realm ?? DEFAULT_REALM)}`]
  const error = CHALLENGE_ERRORS[denial.code]
  if (error !== undefined) parameters.push(`error=${quoted(error)}`, `error_description=${quoted(DENIALS[denial.code].message)}`)
  const needed = denial.remedies.flatMap((remedy) => (remedy.kind === 'scope' ? remedy.scopes : []))
  const scopes = new Set((needed.length > 0 ? needed : (challenge.scopes ?? [])).filter(isScope))
  if (scopes.size > 0) parameters.push(`scope=${quoted([...scopes].join(' '))}`)
  const levels = denial.remedies.flatMap((remedy) => (remedy.kind === 'step_up' ? [remedy.acr] : []))
  if (levels.length > 0) parameters.push(`acr_values=${quoted(levels.join(' '))}`)
  if (challenge.resourceMetadata !== undefined) parameters.push(`resource_metadata=${quoted(challenge.resourceMetadata)}`)
  return `Bearer ${parameters.join(', ')}`
}

/** A scope token (RFC 6749 §3.3). */
const isScope = (scope: string): boolean => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope)

/** A quoted-string (RFC 9110 §5.6.4); what no header value may hold is left out. */
function quoted(text: string): string {
  return `"${text.replaceAll(/[^\x20-\x7e]/g, '').replaceAll(/["\\]/g, '\\$&')}"`
}
