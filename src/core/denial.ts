/** Refusals: one closed table of codes, rich inside and poor outside. And faults: the world is broken, not the caller. */
import type { Remedy } from './decision.ts'
import type { Finding } from './finding.ts'
import type { JsonObject } from './json.ts'

interface Row {
  /** HTTP status. */
  readonly status: number
  /** JSON-RPC code: the specification's where it has one, else the HTTP status, outside -32768…-32000. */
  readonly rpc: number
  /** What a caller is told; beside it, of its own message's form, what is wrong with that. Constant: no input is ever echoed. */
  readonly message: string
}

/** Every refusal that there is, with what a caller is told of it: HTTP status, JSON-RPC code, message. */
export const DENIALS = {
  malformed: { status: 400, rpc: -32600, message: 'The request is malformed.' },
  unparseable: { status: 400, rpc: -32700, message: 'The body is not valid JSON.' },
  header_mismatch: { status: 400, rpc: -32020, message: 'A header and the body disagree.' },
  unsupported_revision: { status: 400, rpc: -32022, message: 'The protocol revision is not supported.' },
  missing_capability: { status: 400, rpc: -32021, message: 'The client did not declare a capability that is needed.' },
  invalid_envelope: { status: 400, rpc: -32602, message: 'Required request metadata is missing or invalid.' },
  ambiguous_credentials: { status: 400, rpc: 400, message: 'More than one credential was presented.' },
  unauthenticated: { status: 401, rpc: 401, message: 'A credential is needed.' },
  invalid_token: { status: 401, rpc: 401, message: 'The credential is not valid.' },
  step_up_required: { status: 401, rpc: 401, message: 'A stronger sign-in is needed.' },
  insufficient_scope: { status: 403, rpc: 403, message: 'The credential lacks a scope that is needed.' },
  approval_required: { status: 403, rpc: 403, message: 'A person must approve this call.' },
  confirmation_required: { status: 403, rpc: 403, message: 'The caller must confirm this call.' },
  connection_required: { status: 403, rpc: 403, message: 'Your account at the server behind the gateway is not connected.' },
  content_blocked: { status: 403, rpc: 403, message: 'The content is not allowed.' },
  forbidden: { status: 403, rpc: 403, message: 'Not allowed.' },
  foreign_origin: { status: 403, rpc: 403, message: 'This origin is not allowed.' },
  foreign_host: { status: 400, rpc: 400, message: 'This host is not served here.' },
  no_route: { status: 404, rpc: 404, message: 'There is nothing here.' },
  no_session: { status: 404, rpc: -32001, message: 'Session not found.' },
  unknown_method: { status: 404, rpc: -32601, message: 'Method not found.' },
  not_found: { status: 400, rpc: -32602, message: 'Unknown tool, prompt or resource.' },
  invalid_arguments: { status: 400, rpc: -32602, message: 'The arguments are not valid.' },
  http_method: { status: 405, rpc: 405, message: 'This HTTP method is not used here.' },
  not_acceptable: { status: 406, rpc: 406, message: 'Accept must list application/json and text/event-stream.' },
  slow_request: { status: 408, rpc: 408, message: 'The request took too long to arrive.' },
  too_large: { status: 413, rpc: 413, message: 'The request is too large.' },
  media_type: { status: 415, rpc: 415, message: 'The body must be application/json, not encoded.' },
  rate_limited: { status: 429, rpc: 429, message: 'Too many requests.' },
  upstream_failed: { status: 502, rpc: 502, message: 'The server behind the gateway failed.' },
  login_failed: {
    status: 502,
    rpc: 502,
    message: 'The gateway could not sign in at the server behind it. Whoever runs the gateway is told why, and has to mend it.',
  },
  unusable_tool: {
    status: 502,
    rpc: 502,
    message: 'The definition of this tool cannot be used, so it cannot be called. Its operator is told why, and has to mend it.',
  },
  unavailable: { status: 503, rpc: 503, message: 'Temporarily unavailable.' },
  timeout: { status: 504, rpc: 504, message: 'The server behind the gateway did not answer in time.' },
} as const satisfies Readonly<Record<string, Row>>

/** What kind of refusal it is. */
export type DenialCode = keyof typeof DENIALS

/** How possession of a key is to be proved (RFC 9449 §7.1, §9): the caller is told, or could not know. */
export interface ProofChallenge {
  readonly error: 'invalid_token' | 'invalid_dpop_proof' | 'use_dpop_nonce'
  /** What a proof may be signed with. */
  readonly algorithms: readonly string[]
  /** To be used in the next proof. */
  readonly nonce?: string
}

/** What a caller has left of a limit that counts it alone. */
export interface Allowance {
  /** What is counted: `address`, `principal`, `key`, `role`, `method`, `policy`, `response`. */
  readonly limit: string
  /** How many may come at once, and in which time as many come back. */
  readonly quota: number
  readonly windowMs: number
  readonly remaining: number
  /** Until there is one more where none is left, else until all are back. */
  readonly resetMs: number
}

/** How a refusal is put to the person at the client, where the client can do that. */
export type Question =
  /** A result that asks (2026-07-28, basic/patterns/mrtr). */
  | { readonly kind: 'input_required'; readonly result: JsonObject }
  /** An error that names pages to be opened (2025-11-25, client/elicitation "URL Mode With Elicitation Required Error"). */
  | { readonly kind: 'url_elicitation'; readonly elicitations: readonly JsonObject[] }

/** For the operator, never for the caller; but for the remedies, the challenge, the question, the allowance, the rules in findings, and what is of form. */
interface Inside {
  /** One sentence on what was wrong. */
  readonly detail?: string
  /** The detail says only what the message itself shows to whoever sent it, in words of ours: the caller is told. Never of what exists, or of who asks. */
  readonly isOfForm?: boolean
  readonly remedies?: readonly Remedy[]
  readonly policies?: readonly string[]
  readonly findings?: readonly Finding[]
  readonly challenge?: ProofChallenge | undefined
  readonly allowance?: Allowance | undefined
  readonly question?: Question | undefined
  /** The credential was good once, or never could be: whoever presents it is not guessing. */
  readonly isStale?: boolean
  /** Public id of the API key that was refused. */
  readonly key?: string | undefined
  /** It says that the server, or the way to it, failed: nobody refused the caller. Only of codes that can mean either. */
  readonly isOfServer?: boolean
  readonly cause?: unknown
}

/** A refusal. Thrown, so that nobody can forget to check it. */
export class Denial extends Error {
  override readonly name = 'Denial'
  readonly code: DenialCode
  readonly detail: string
  readonly isOfForm: boolean
  readonly remedies: readonly Remedy[]
  readonly policies: readonly string[]
  readonly findings: readonly Finding[]
  readonly challenge: ProofChallenge | undefined
  readonly allowance: Allowance | undefined
  readonly question: Question | undefined
  readonly isStale: boolean
  readonly key: string | undefined
  readonly isOfServer: boolean

  constructor(code: DenialCode, inside: Inside = {}) {
    super(DENIALS[code].message, inside.cause === undefined ? undefined : { cause: inside.cause })
    this.code = code
    this.detail = inside.detail ?? ''
    this.isOfForm = inside.isOfForm ?? false
    this.remedies = inside.remedies ?? []
    this.policies = inside.policies ?? []
    this.findings = inside.findings ?? []
    this.challenge = inside.challenge
    this.allowance = inside.allowance
    this.question = inside.question
    this.isStale = inside.isStale ?? false
    this.key = inside.key
    this.isOfServer = inside.isOfServer ?? false
  }

  /** The same, when it is known that it came from the server's side. */
  asOfServer(): Denial {
    return new Denial(this.code, { ...this, isOfServer: true, cause: this.cause })
  }

  /** The only place where an unknown error becomes an answer: a fault denies. */
  static from(error: unknown): Denial {
    if (error instanceof Denial) return error
    const detail = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
    return new Denial('unavailable', { detail, cause: error })
  }
}

/** All codes of faults: docs/faults.md says what each means, and what to do. */
export const FAULTS = [
  'FAULT_ADMIN',
  'FAULT_APPROVAL',
  'FAULT_ASKER',
  'FAULT_BLOCK',
  'FAULT_BODY',
  'FAULT_BROWSER',
  'FAULT_CLIENT',
  'FAULT_CLIENT_REGISTRATION',
  'FAULT_CLOSED',
  'FAULT_CONFIG',
  'FAULT_CONNECTION',
  'FAULT_CONNECTIONS',
  'FAULT_CREDENTIAL',
  'FAULT_DEFINITION',
  'FAULT_DISCOVERY',
  'FAULT_ENDPOINT',
  'FAULT_EXISTS',
  'FAULT_FETCH',
  'FAULT_FETCH_REFUSED',
  'FAULT_FILE',
  'FAULT_FOLDER',
  'FAULT_INTROSPECTION',
  'FAULT_ISSUER',
  'FAULT_JOURNAL',
  'FAULT_KEY',
  'FAULT_KEYFILE',
  'FAULT_LIMIT',
  'FAULT_LIMITED',
  'FAULT_LISTEN',
  'FAULT_LOG',
  'FAULT_LOGIN',
  'FAULT_NOTIFY',
  'FAULT_OAUTH',
  'FAULT_OPENSSL',
  'FAULT_PIN',
  'FAULT_POLICY',
  'FAULT_PROXY',
  'FAULT_ROOT',
  'FAULT_SANDBOX',
  'FAULT_SEAL',
  'FAULT_SERVER',
  'FAULT_SIGN_IN',
  'FAULT_SINK',
  'FAULT_START',
  'FAULT_STORE',
  'FAULT_TLS',
  'FAULT_TOOL',
  'FAULT_UNREACHABLE',
  'FAULT_USER',
] as const

/** What is broken. */
export type FaultCode = (typeof FAULTS)[number]

/** The world is broken: configuration, store, policy. At start the process refuses to start; later it denies. */
export class Fault extends Error {
  override readonly name = 'Fault'
  readonly code: FaultCode
  constructor(code: FaultCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
