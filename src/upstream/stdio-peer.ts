/** JSON-RPC with one server over lines: many askers, whose ids may be equal, share one connection and never see each other's answers. */
import type { Alarm, Schedule } from '../bridge/alarm.ts'
import { Mailbox } from '../bridge/mailbox.ts'
import type { Peer } from '../bridge/peer.ts'
import { exactly, isBody, isRequestId, metaOf, refusalOf } from '../bridge/wire.ts'
import { Ledger } from '../core/bag.ts'
import type { Body, Call, Era, Message, RequestId } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import { isObject } from '../core/json.ts'
import type { Clock } from '../core/time.ts'
import { notificationBody, resultResponse } from '../mcp/message.ts'
import type { Wire } from './child.ts'
import { Questions } from './questions.ts'
import { inward, isCallOfClient, isRoundTrip, lastOf, outward, subscriptionOf, toldTo, wantsLog } from './remap.ts'

/** Requests under way at once on one connection. */
export const INFLIGHT_MAX = 1024
/** Told to a caller that has to come again later. */
const RETRY_MS = 1_000

export interface PeerOptions {
  readonly clock: Clock
  readonly schedule: Schedule
  /** Time for an answer; progress starts it again. Milliseconds. */
  readonly timeoutMs: number
  /** Beyond this no progress helps. Milliseconds. */
  readonly maxTimeoutMs: number
  /** Requests of the server's, and its log, go to the newest request under way. Only where all askers are one. */
  readonly relate: boolean
  /** Something was dropped; one of a few constant words. */
  readonly onDrop: (kind: string) => void
}

/** One request under way. */
interface Asked {
  readonly id: number
  readonly body: Body
  readonly asker: string
  readonly token: RequestId | undefined
  readonly box: Mailbox
  readonly signal: Call['signal']
  readonly onAbort: () => void
  readonly startedAt: number
  alarm: Alarm | undefined
}

export class StdioPeer implements Peer {
  readonly #wire: Wire
  readonly #options: PeerOptions
  readonly #asked = new Ledger<Asked>()
  readonly #questions = new Questions()
  readonly #strays = new Set<(message: Message, bytes: number) => void>()
  #nextId = 1
  #closed: Denial | undefined
  /** A modern server asks nothing (ST-04), and logs only for calls that want it. */
  era: Era = 'legacy'
  /** When something was last asked or answered. Milliseconds since the epoch. */
  lastActiveAt: number

  constructor(wire: Wire, options: PeerOptions) {
    this.#wire = wire
    this.#options = options
    this.lastActiveAt = options.clock()
  }

  get inflight(): number {
    return this.#asked.size
  }

  /**
   * @param asker whose ids these are, so that a `notifications/cancelled` finds its own.
   * @throws Denial `upstream_failed` when the connection has ended, `unavailable` when it takes no more.
   */
  request(message: Message, signal: Call['signal'], asker = ''): AsyncIterableIterator<Message> {
    if (this.#closed !== undefined) throw this.#closed
    if (this.#asked.size >= INFLIGHT_MAX || this.#wire.isStuck) {
      throw new Denial('unavailable', { detail: 'the server has too much to do', remedies: [{ kind: 'wait', ms: RETRY_MS }] })
    }
    const { body } = message
    const id = this.#nextId++
    const box = new Mailbox(() => this.#abandon(id))
    if (signal.aborted) {
      box.end()
      return box
    }
    const token = metaOf(body)?.['progressToken']
    const asked: Asked = {
      id,
      body,
      asker,
      token: isRequestId(token) ? token : undefined,
      box,
      signal,
      onAbort: () => this.#abandon(id),
      startedAt: this.#options.clock(),
      alarm: undefined,
    }
    // A subscription is meant to last.
    if (body.method !== 'subscriptions/listen') asked.alarm = this.#options.schedule(() => this.#late(asked), this.#options.timeoutMs)
    signal.addEventListener('abort', asked.onAbort, { once: true })
    this.#asked.set(id, asked)
    this.lastActiveAt = asked.startedAt
    this.#wire.send(outward(body, id, asked.token))
    return box
  }

  /** The answer to a question of the server's is sent only if it was asked; a notification always. */
  send(message: Message): Promise<void> {
    const { body } = message
    if (body.method === undefined) {
      if (body.id === undefined || !this.#questions.settle(body.id)) {
        this.#options.onDrop('answer to nothing')
        return Promise.resolve()
      }
      // Now it is the server's turn again.
      for (const asked of this.#asked.values()) asked.alarm?.refresh()
    }
    this.lastActiveAt = this.#options.clock()
    if (this.#closed === undefined && !this.#wire.isStuck) this.#wire.send(JSON.stringify(body))
    return Promise.resolve()
  }

  /** Cancels what this asker had asked under this id. @returns whether there was something. */
  cancel(asker: string, requestId: RequestId): boolean {
    for (const asked of this.#asked.values()) {
      if (asked.asker !== asker || asked.body.id !== requestId) continue
      this.#abandon(asked.id)
      return true
    }
    return false
  }

  onStray(listener: (message: Message, bytes: number) => void): () => void {
    this.#strays.add(listener)
    return () => this.#strays.delete(listener)
  }

  /** Hands a message to the newest request under way that fits. @returns whether there was one that took it. */
  toNewest(message: Message, bytes = 0, fits: (asked: Body) => boolean = isCallOfClient): boolean {
    let newest: Asked | undefined
    for (const asked of this.#asked.values()) if (fits(asked.body)) newest = asked
    return newest?.box.push(message, bytes) ?? false
  }

  /** Takes one value that was read. */
  take(read: unknown, bytes: number): void {
    const value = isBody(read) ? exactly(read) : read
    if (!isBody(value)) {
      this.#options.onDrop('not a message')
      // Its asker need not wait for more.
      if (isObject(value) && value['method'] === undefined) this.spoil(value['id'], 'the answer is malformed')
      return
    }
    if (value.method === undefined) this.#answer(value)
    else if (value.id !== undefined) this.#question(value, value.id, bytes)
    else this.#notification(value, bytes)
  }

  /** The answer to our request `id` came, but cannot be used. */
  spoil(id: unknown, detail: string): void {
    const asked = this.#find(id)
    if (asked === undefined) return
    this.#settle(asked)
    asked.box.fail(new Denial('upstream_failed', { detail }))
  }

  /** The connection has ended: so has everything that was under way on it. */
  fail(denial: Denial): void {
    this.#closed ??= denial
    for (const asked of this.#asked.values()) {
      this.#settle(asked)
      asked.box.fail(denial)
    }
    this.#questions.clear()
  }

  async close(): Promise<void> {
    this.fail(new Denial('upstream_failed', { detail: 'the connection was closed' }))
    await this.#wire.close()
  }

  #answer(body: Body): void {
    const asked = this.#find(body.id)
    if (asked === undefined) {
      // Late, a second time, or never asked.
      this.#options.onDrop('answer without a request')
      return
    }
    this.#settle(asked)
    asked.box.finish({ body: inward(body, asked.body) })
  }

  #question(body: Body, id: RequestId, bytes: number): void {
    if (body.method === 'ping') {
      this.#wire.send(JSON.stringify(resultResponse(id, {})))
      return
    }
    if (this.era === 'modern') {
      this.#options.onDrop('a request of a modern server')
      return
    }
    if (this.#questions.has(id)) {
      this.#options.onDrop('the same question twice')
      return
    }
    const oldest = this.#questions.add(id)
    if (oldest !== undefined) {
      this.#options.onDrop('too many questions')
      this.#wire.send(JSON.stringify(refusalOf(oldest).body))
    }
    const message: Message = { body }
    if (this.#options.relate && this.toNewest(message, bytes, isRoundTrip)) return
    if (this.#strays.size === 0) void this.send(refusalOf(id))
    else this.#stray(message, bytes)
  }

  #notification(body: Body, bytes: number): void {
    switch (body.method) {
      case 'notifications/progress':
        this.#progress(body, bytes)
        return
      case 'notifications/cancelled':
        this.#cancelled(body, bytes)
        return
      case 'notifications/message':
        if (!this.#options.relate || !this.toNewest({ body }, bytes, this.era === 'modern' ? wantsLog : isCallOfClient))
          this.#stray({ body }, bytes)
        return
      default:
    }
    const asked = this.#find(subscriptionOf(body))
    if (asked === undefined) this.#stray({ body }, bytes)
    else this.#deliver(asked, toldTo(body, asked.body.id), bytes)
  }

  #progress(body: Body, bytes: number): void {
    const asked = this.#find(body.params?.['progressToken'])
    if (asked?.token === undefined) {
      this.#options.onDrop('progress of nothing')
      return
    }
    if (this.#options.clock() - asked.startedAt < this.#options.maxTimeoutMs) asked.alarm?.refresh()
    this.#deliver(asked, { ...body, params: { ...body.params, progressToken: asked.token } }, bytes)
  }

  /** The server takes back a question of its own, or (modern) ends a subscription of ours (cancellation page; spec issue 3348). */
  #cancelled(body: Body, bytes: number): void {
    const id = body.params?.['requestId']
    if (isRequestId(id) && this.#questions.settle(id)) {
      if (!this.#options.relate || !this.toNewest({ body }, bytes, isRoundTrip)) this.#stray({ body }, bytes)
      return
    }
    const asked = this.#find(id)
    if (asked?.body.method !== 'subscriptions/listen' || asked.body.id === undefined) {
      this.#options.onDrop('cancels nothing')
      return
    }
    this.#settle(asked)
    asked.box.finish({ body: resultResponse(asked.body.id, lastOf(asked.body.id)) })
  }

  #deliver(asked: Asked, body: Body, bytes: number): void {
    if (!asked.box.push({ body }, bytes)) this.#options.onDrop('not taken in time')
  }

  #stray(message: Message, bytes: number): void {
    for (const listener of this.#strays) listener(message, bytes)
  }

  #find(id: unknown): Asked | undefined {
    return typeof id === 'number' ? this.#asked.get(id) : undefined
  }

  /** The asker has gone or cancelled: nothing more is for them, and the server is told, but never about `initialize` (2025-11-25, basic/utilities/cancellation). */
  #abandon(id: number, reason?: string): void {
    const asked = this.#asked.get(id)
    if (asked === undefined) return
    this.#settle(asked)
    asked.box.end()
    if (asked.body.method === 'initialize' || this.#closed !== undefined) return
    this.#wire.send(JSON.stringify(notificationBody('notifications/cancelled', { requestId: id, reason })))
  }

  #late(asked: Asked): void {
    const waited = this.#options.clock() - asked.startedAt
    // While the server waits for an answer of the caller's, the time is not the server's.
    if (this.#questions.size > 0 && waited < this.#options.maxTimeoutMs) return void asked.alarm?.refresh()
    asked.box.fail(new Denial('timeout', { detail: `no answer to ${asked.body.method} in ${this.#options.timeoutMs} ms` }))
    this.#abandon(asked.id, 'timed out')
  }

  #settle(asked: Asked): void {
    this.#asked.delete(asked.id)
    asked.alarm?.close()
    asked.signal.removeEventListener('abort', asked.onAbort)
    this.lastActiveAt = this.#options.clock()
  }
}
