/** One running server and the conversation with it. */
import type { Schedule } from '../bridge/alarm.ts'
import { type Ask, createAsk } from '../bridge/ask.ts'
import { Bridge } from '../bridge/bridge.ts'
import type { Strays } from '../bridge/strays.ts'
import type { Implementation } from '../bridge/wire.ts'
import { Denial, Fault } from '../core/denial.ts'
import type { Entry } from '../core/event.ts'
import type { JsonObject } from '../core/json.ts'
import type { Clock } from '../core/time.ts'
import { Child, type ChildSpec } from './child.ts'
import type { Outside } from './egress.ts'
import { escapeText, Muffler, Quarantine } from './noise.ts'
import { StdioPeer } from './stdio-peer.ts'

export interface SeatSpec extends ChildSpec {
  /** The server's name in the configuration. */
  readonly name: string
  readonly timeoutMs: number
  readonly maxTimeoutMs: number
  readonly shared: boolean
}

/** The end of a process that had been there. */
export interface Stopped {
  readonly reason: string
  /** We ended it, or had asked it something that older servers end of. */
  readonly wanted: boolean
  /** It had said something to us. */
  readonly ran: boolean
  /** What it said last on stderr, redacted and escaped as `onText` is told it; but for the tail of a stack trace. */
  readonly said: string | undefined
}

export interface SeatDeps {
  readonly clock: Clock
  readonly schedule: Schedule
  /** What a child may inherit from; only PATH, HOME, LANG and TMPDIR are taken. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** For the journal. */
  readonly onEvent: (entry: Entry) => void
  /** A line that the server writes to stderr, redacted, escaped and capped. */
  readonly onText: (server: string, text: string) => void
  readonly onStop?: (stopped: Stopped) => void
  /** Takes secrets out of a line of it; default: nothing. */
  readonly redact?: (text: string) => string
  /** What servers reach that may reach something. */
  readonly outside?: Outside
  /** Who we say we are. */
  readonly versionInfo: Implementation
}

/** What Node.js writes behind the message of an error that nobody caught. */
const TAIL = /^(?:\s|[{}[\]]|Node\.js v\d|$)/

export class Seat {
  readonly owner: string | undefined
  readonly peer: StdioPeer
  readonly ask: Ask
  readonly startedAt: number
  /** The session on it, whose stream keeps it in use. */
  strays: Strays | undefined
  /** The handshake has been made, or none is needed. */
  isReady = false
  /** What it tells everybody reaches everybody. */
  isFannedOut = false
  /** It is asked whether it is modern; servers of older revisions may end of that. */
  isProbed = false
  #hasRun = false
  #said: string | undefined
  readonly #spec: SeatSpec
  readonly #deps: SeatDeps
  readonly #child: Child
  #bridge: Bridge | undefined
  #handshake: Promise<void> | undefined

  /**
   * Starts the server.
   * @param owner `issuer#subject`; undefined: everybody's.
   * @throws Denial `upstream_failed` when it cannot even be tried.
   */
  constructor(spec: SeatSpec, deps: SeatDeps, owner: string | undefined, onExit: (seat: Seat, wanted: boolean) => void) {
    this.#spec = spec
    this.#deps = deps
    this.owner = owner
    this.startedAt = deps.clock()
    const quarantine = new Quarantine((detail) => this.tell('upstream.noise', detail))
    const onText = (text: string): void => {
      if (!TAIL.test(text)) this.#said = text
      deps.onText(spec.name, text)
    }
    const muffler = new Muffler(onText, deps.clock, deps.redact)
    const handlers = {
      onValue: (value: unknown, bytes: number) => {
        this.#hasRun = true
        this.peer.take(value, bytes)
      },
      onNoise: () => quarantine.drop('line that is no JSON'),
      onTooLong: (id: number | undefined) => {
        quarantine.drop('line that is too long')
        this.peer.spoil(id, `the answer is over ${spec.maxLineBytes} bytes`)
      },
      onText: (chunk: Buffer) => muffler.say(chunk),
      onOver: (what: string) => this.tell('upstream.limited', what),
      onExit: (written: string, wanted: boolean) => {
        const reason = escapeText(written)
        muffler.end()
        const denial = new Denial('upstream_failed', { detail: `the server ended: ${reason}` })
        this.#bridge?.fail(denial)
        this.peer.fail(denial)
        this.#tellStop(reason, wanted)
        onExit(this, wanted)
      },
    }
    try {
      this.#child = new Child(spec, deps.environment, handlers, deps.schedule)
    } catch (cause) {
      const detail = cause instanceof Fault ? cause.message : 'the server cannot be started'
      this.tell('upstream.refused', detail)
      throw new Denial('upstream_failed', { detail, cause })
    }
    this.peer = new StdioPeer(this.#child, {
      clock: deps.clock,
      schedule: deps.schedule,
      timeoutMs: spec.timeoutMs,
      maxTimeoutMs: spec.maxTimeoutMs,
      relate: !spec.shared,
      onDrop: (kind) => quarantine.drop(kind),
    })
    this.ask = createAsk(this.peer)
    // Without one it is told in a moment why.
    if (this.#child.pid !== undefined) this.tell('upstream.started', `process ${this.#child.pid}`)
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** Somebody waits for something here. */
  get isBusy(): boolean {
    return this.peer.inflight > 0 || (this.#bridge?.waiting ?? 0) > 0 || this.strays?.isOpen === true
  }

  /** The bridge for modern callers. @param declared the same for all who come here. */
  bridge(declared: JsonObject): Bridge {
    this.#bridge ??= new Bridge(this.peer, { client: this.#deps.versionInfo, declared, schedule: this.#deps.schedule })
    return this.#bridge
  }

  /** Makes the handshake, once for all who wait for it. */
  ready(handshake: () => Promise<void>): Promise<void> {
    this.#handshake ??= handshake().then(
      () => {
        this.isReady = true
      },
      (error: unknown) => {
        this.#handshake = undefined
        throw error
      },
    )
    return this.#handshake
  }

  close(): Promise<void> {
    this.#bridge?.close()
    return this.peer.close()
  }

  #tellStop(reason: string, wanted: boolean): void {
    this.tell(this.#child.isUnmade ? 'upstream.refused' : 'upstream.stopped', reason)
    if (this.#child.isUnmade) return
    this.#deps.onStop?.({ reason, wanted: wanted || this.isProbed, ran: this.#hasRun, said: this.#said })
  }

  tell(type: `upstream.${'started' | 'stopped' | 'noise' | 'limited' | 'refused'}`, detail: string): void {
    const { name } = this.#spec
    const resource = { kind: 'server', server: name, name } as const
    this.#deps.onEvent({
      type,
      transport: 'stdio',
      resource,
      detail,
      by: 'gateway',
      ...(this.owner === undefined ? {} : { principal: this.owner }),
    })
  }
}
