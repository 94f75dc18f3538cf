/** `subscriptions/listen` over a legacy server: its loose notifications, given to those who asked for them and said whose they are. */
import type { Body, Call, Message, RequestId } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import { notificationBody, resultResponse } from '../mcp/message.ts'
import { META } from '../mcp/revision.ts'
import type { Ask } from './ask.ts'
import { Mailbox } from './mailbox.ts'
import type { ServerFacts } from './translate.ts'

/** Subscriptions open at once on one connection. */
const LISTENS_MAX = 256
/** Resources in one subscription; more are left out of the acknowledgement. */
const URIS_MAX = 256

/** Notification, member of the filter, capability of the server. */
const LISTS = [
  { method: 'notifications/tools/list_changed', filter: 'toolsListChanged', capability: 'tools' },
  { method: 'notifications/prompts/list_changed', filter: 'promptsListChanged', capability: 'prompts' },
  { method: 'notifications/resources/list_changed', filter: 'resourcesListChanged', capability: 'resources' },
] as const

interface Listen {
  readonly id: RequestId
  readonly box: Mailbox
  readonly methods: ReadonlySet<string>
  readonly uris: Set<string>
}

export class Listens {
  readonly #ask: Ask
  readonly #open = new Set<Listen>()
  /** How many listen to a resource, and whether the server agreed. */
  readonly #subscribed = new Map<string, { count: number; readonly agreed: Promise<boolean> }>()

  constructor(ask: Ask) {
    this.#ask = ask
  }

  get size(): number {
    return this.#open.size
  }

  /** The acknowledgement first, then what was asked for, and a graceful end if it is we who end it. */
  async *listen(call: Call, facts: ServerFacts): AsyncGenerator<Message> {
    const id = call.message.body.id
    const wanted = call.message.body.params?.['notifications']
    if (id === undefined || !isObject(wanted))
      throw new Denial('invalid_arguments', { detail: 'subscriptions/listen without notifications' })
    if (this.#open.size >= LISTENS_MAX) throw new Denial('unavailable', { detail: 'too many subscriptions on one connection' })
    const lists = LISTS.filter(({ filter, capability }) => wanted[filter] === true && can(facts, capability, 'listChanged'))
    const box = new Mailbox()
    const listen: Listen = { id, box, methods: new Set(lists.map(({ method }) => method)), uris: new Set() }
    const stop = (): void => box.end()
    call.signal.addEventListener('abort', stop, { once: true })
    this.#open.add(listen)
    try {
      const uris = await this.#subscribe(listen, can(facts, 'resources', 'subscribe') ? urisOf(wanted) : [])
      const honoured: JsonObject = {
        ...Object.fromEntries(lists.map(({ filter }) => [filter, true])),
        ...(uris.length === 0 ? {} : { resourceSubscriptions: uris }),
      }
      if (call.signal.aborted) return
      yield {
        body: notificationBody('notifications/subscriptions/acknowledged', {
          _meta: { [META.subscriptionId]: id },
          notifications: honoured,
        }),
      }
      yield* box
    } finally {
      call.signal.removeEventListener('abort', stop)
      this.#leave(listen)
    }
  }

  /** Gives a notification of the server's to everyone who asked for it. */
  publish(body: Body): void {
    const uri = body.method === 'notifications/resources/updated' ? body.params?.['uri'] : undefined
    for (const { box, id, uris, methods } of this.#open) {
      const isTheirs = typeof uri === 'string' ? uris.has(uri) : methods.has(body.method ?? '')
      if (!isTheirs || body.method === undefined) continue
      // Nothing else is in these (schema), and nothing else of the server's is let through without having been asked for.
      const params = { ...(uri === undefined ? {} : { uri }), _meta: { [META.subscriptionId]: id } }
      box.push({ body: notificationBody(body.method, params) })
    }
  }

  /** The connection is lost: the callers come again (S/basic/utilities/subscriptions: re-sent after a reconnect). */
  fail(denial: Denial): void {
    for (const { box } of this.#open) box.fail(denial)
  }

  /** Ends all of them in good order. */
  close(): void {
    for (const { box, id } of this.#open)
      box.finish({ body: resultResponse(id, { resultType: 'complete', _meta: { [META.subscriptionId]: id } }) })
  }

  async #subscribe(listen: Listen, uris: readonly string[]): Promise<readonly string[]> {
    const agreed = await Promise.all(uris.map((uri) => this.#join(listen, uri)))
    return uris.filter((_, index) => agreed[index] === true)
  }

  /** The first who listens to a resource subscribes for all. */
  #join(listen: Listen, uri: string): Promise<boolean> {
    listen.uris.add(uri)
    const known = this.#subscribed.get(uri)
    if (known !== undefined) {
      known.count++
      return known.agreed
    }
    const agreed = this.#ask('resources/subscribe', { uri }).then(
      (body) => body.error === undefined,
      () => false,
    )
    this.#subscribed.set(uri, { count: 1, agreed })
    return agreed
  }

  #leave(listen: Listen): void {
    this.#open.delete(listen)
    for (const uri of listen.uris) {
      const known = this.#subscribed.get(uri)
      if (known === undefined || --known.count > 0) continue
      this.#subscribed.delete(uri)
      // Nobody waits for it; if the server has gone, so has the subscription.
      void this.#ask('resources/unsubscribe', { uri }).catch(() => undefined)
    }
  }
}

function can(facts: ServerFacts, capability: string, flag: string): boolean {
  const value = facts.capabilities[capability]
  return isObject(value) && value[flag] === true
}

function urisOf(wanted: JsonObject): readonly string[] {
  const uris = wanted['resourceSubscriptions']
  if (!Array.isArray(uris)) return []
  return [...new Set(uris.filter((uri): uri is string => typeof uri === 'string'))].slice(0, URIS_MAX)
}
