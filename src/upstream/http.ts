/** An upstream over Streamable HTTP: modern calls as they are, sessions of the older revisions, and a bridge where the two sides differ. */
import { buildConnector, Pool } from 'undici'
import { type Schedule, systemSchedule } from '../bridge/alarm.ts'
import { type Implementation, MODERN_ERRORS } from '../bridge/wire.ts'
import type { Call, Message } from '../core/call.ts'
import { Denial, Fault } from '../core/denial.ts'
import type { Entry } from '../core/event.ts'
import type { Principal } from '../core/principal.ts'
import type { Secret } from '../core/secret.ts'
import type { Clock } from '../core/time.ts'
import type { Turn } from '../core/turn.ts'
import { Bridges } from './http-bridges.ts'
import { Deadlines } from './http-deadline.ts'
import { Exchange } from './http-exchange.ts'
import { createPreamble, modernHeaders, type Preamble } from './http-headers.ts'
import { type Answer, type Carrier, type Credentials, createWays, type Plan, type Ways, type Wire } from './http-plan.ts'
import { isIdempotent, LegacySessions } from './http-session.ts'
import { Quarantine } from './noise.ts'
import type { Upstream } from './upstream.ts'

const HTTP_UPSTREAM = {
  /** A connection carries one call at a time; more calls wait in line. */
  connections: 256,
  /** Streams that stay open: one for each listening session. */
  streams: 1024,
  /** However much progress is told, a call ends: so many times its time-out. */
  maxTimeouts: 20,
  /** `limits.response.maxBytes`. */
  maxResponseBytes: 10 * 1024 * 1024,
  /** A host that does not answer a SYN in this time is not there. */
  connectMs: 10_000,
  /** Under the 5 s after which Node's own servers close an idle connection, so that it is we who close. */
  keepAliveMs: 4_000,
} as const

export interface HttpSpec {
  /** The server's name in the configuration. */
  readonly name: string
  /** `http:` or `https:`; no credentials in it. */
  readonly url: string
  /** To the response, milliseconds; a message on its stream starts it anew. */
  readonly timeoutMs: number
  /** To the response whatever happens, milliseconds. */
  readonly maxTimeoutMs?: number
  readonly maxResponseBytes?: number
  /** What the gateway itself presents. */
  readonly headers?: Readonly<Record<string, Secret>>
  /** Asked for each new connection, so that files may change: PEM of whom it is believed by, and of what the gateway shows. */
  readonly tls?: () => { readonly ca?: string; readonly cert?: string; readonly key?: string }
  /** Connections for calls at once. */
  readonly connections?: number
  /** Whether revisions with `initialize` are spoken with it: for callers of those revisions, and for it if it knows no newer. */
  readonly allowLegacy: boolean
}

export interface HttpDeps {
  readonly clock: Clock
  readonly turn: Turn
  /** Who we say we are, where we have to say it. */
  readonly versionInfo: Implementation
  readonly onEvent: (entry: Entry) => void
  readonly schedule?: Schedule
  /** What is presented there on behalf of whom, beside the headers of the specification. */
  readonly credentials?: Credentials
  /** How requests get there. Default: connections to the URL. */
  readonly carrier?: Carrier
}

/**
 * One server behind one URL. Nothing is connected before the first call.
 * @throws Fault `FAULT_CONFIG` for a URL or a header that cannot be used.
 */
export function createHttpUpstream(spec: HttpSpec, deps: HttpDeps): Upstream {
  const preamble = createPreamble(spec.name, spec.headers ?? {})
  return new HttpUpstream(spec, deps, preamble, createWire(spec, deps))
}

/** What all exchanges with the server share. @throws Fault `FAULT_CONFIG`. */
export function createWire(spec: HttpSpec, deps: HttpDeps): Wire {
  const url = URL.parse(spec.url)
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw new Fault('FAULT_CONFIG', `servers.${spec.name}.url: an http or https URL is expected`)
  if (url.username !== '' || url.password !== '')
    throw new Fault('FAULT_CONFIG', `servers.${spec.name}.url: a credential does not belong into a URL`)
  const options: Pool.Options = {
    // Time is kept by the exchange, which also counts the wait for a connection.
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: HTTP_UPSTREAM.keepAliveMs,
    connect: connectorOf(spec),
    allowH2: false,
  }
  const quarantine = new Quarantine((detail) =>
    deps.onEvent({ type: 'upstream.noise', resource: { kind: 'server', server: spec.name, name: spec.name }, detail }),
  )
  return {
    server: spec.name,
    path: url.pathname + url.search,
    calls: deps.carrier ?? new Pool(url.origin, { ...options, connections: spec.connections ?? HTTP_UPSTREAM.connections }),
    streams: deps.carrier ?? new Pool(url.origin, { ...options, connections: HTTP_UPSTREAM.streams }),
    timeoutMs: spec.timeoutMs,
    maxMs: spec.maxTimeoutMs ?? spec.timeoutMs * HTTP_UPSTREAM.maxTimeouts,
    maxResponseBytes: spec.maxResponseBytes ?? HTTP_UPSTREAM.maxResponseBytes,
    clock: deps.clock,
    turn: deps.turn,
    deadlines: new Deadlines(deps.clock, spec.timeoutMs),
    onNoise: (kind) => quarantine.drop(kind),
  }
}

function connectorOf({ tls, timeoutMs }: HttpSpec): NonNullable<Pool.Options['connect']> {
  const timeout = Math.min(HTTP_UPSTREAM.connectMs, timeoutMs)
  if (tls === undefined) return { timeout }
  return (options, done) => {
    try {
      buildConnector({ timeout, allowH2: false, ...tls() })(options, done)
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)), null)
    }
  }
}

class HttpUpstream implements Upstream {
  readonly #spec: HttpSpec
  readonly #deps: HttpDeps
  readonly #wire: Wire
  readonly #preamble: Preamble
  readonly #ways: Ways
  readonly #sessions: LegacySessions
  readonly #bridges: Bridges
  /** What it was found to speak; undefined before it has answered, and again when it stops answering like that. */
  #era: 'modern' | 'legacy' | undefined

  constructor(spec: HttpSpec, deps: HttpDeps, preamble: Preamble, wire: Wire) {
    this.#spec = spec
    this.#deps = deps
    this.#wire = wire
    this.#preamble = preamble
    this.#ways = createWays(wire, deps.credentials)
    const talk = { wire, ways: this.#ways, preamble, client: deps.versionInfo, schedule: deps.schedule ?? systemSchedule }
    this.#sessions = new LegacySessions(talk)
    this.#bridges = new Bridges(talk)
  }

  forward(call: Call, principal: Principal): AsyncIterable<Message> {
    if (call.origin.era === 'legacy') {
      if (!this.#spec.allowLegacy)
        throw new Denial('unsupported_revision', { detail: `${this.#spec.name}: revisions with initialize are switched off` })
      return this.#sessions.forward(call, principal)
    }
    return this.#era === 'legacy' ? this.#bridge(call, principal) : new Exchange(this.#ways.wireOf(principal), this.#plan(call, principal))
  }

  release(session: string): void {
    this.#sessions.release(session).catch(() => this.#wire.onNoise('a session could not be ended'))
  }

  async close(): Promise<void> {
    await Promise.all([this.#sessions.close(), this.#bridges.close()])
    await Promise.all([this.#wire.calls.destroy(), this.#wire.streams.destroy()])
  }

  #plan(call: Call, principal: Principal): Plan {
    const { message, signal } = call
    return {
      method: 'POST',
      headers: modernHeaders(this.#preamble, call.origin.revision, message.body, call.mirrored),
      body: message.bytes ?? JSON.stringify(message.body),
      era: 'modern',
      signal,
      id: message.body.id,
      isOpenEnded: call.method === 'subscriptions/listen',
      isIdempotent: isIdempotent(call),
      onHeaders: this.#seen,
      otherwise: (answer) => this.#refused(answer, call, principal),
    }
  }

  /** A modern request was accepted. */
  readonly #seen = (): void => {
    this.#era = 'modern'
  }

  /** Servers of the older revisions refuse a modern request by 400, 404 or 405, without an error that only modern ones know (reference 1.16). */
  #refused({ status, body }: Answer, call: Call, principal: Principal): AsyncIterable<Message> | undefined {
    if ((status !== 400 && status !== 404 && status !== 405) || isModernError(body?.error?.code)) return undefined
    if (this.#era === 'modern') {
      // It was modern a moment ago: this call fails, the next one asks again what it speaks.
      this.#era = undefined
      return undefined
    }
    if (!this.#spec.allowLegacy) return undefined
    if (this.#era === undefined)
      this.#deps.onEvent({ type: 'upstream.noise', resource: call.resource, detail: 'it speaks a revision with initialize' })
    this.#era = 'legacy'
    return this.#bridge(call, principal)
  }

  async *#bridge(call: Call, principal: Principal): AsyncGenerator<Message, undefined> {
    try {
      for await (const message of this.#bridges.forward(call, principal)) yield message
    } catch (error) {
      // Perhaps it has learned the newer revision meanwhile.
      if (Denial.from(error).code === 'upstream_failed') this.#era = undefined
      throw error
    }
  }
}

/** Beside the three that only modern servers know: what they answer with an HTTP error to a request that was well formed. */
const SHARED_ERRORS: ReadonlySet<number> = new Set([-32601, -32602, -32603])

function isModernError(code: number | undefined): boolean {
  return code !== undefined && (MODERN_ERRORS.has(code) || SHARED_ERRORS.has(code))
}
