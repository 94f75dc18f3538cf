/** Flow: what has entered a conversation goes with it. Around the stations of the line, where labels come in and where they are asked for. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Config } from '../config/config.ts'
import type { Call, Message, Resource } from '../core/call.ts'
import { type Finding, isOfFlow, OF_FLOW } from '../core/finding.ts'
import { isObject, type JsonValue } from '../core/json.ts'
import type { Principal } from '../core/principal.ts'
import type { Clock } from '../core/time.ts'
import { picturesIn } from '../inspect/data-links.ts'
import { SILENCE, type Spoken, spokenIn, type Tail } from '../inspect/spoken.ts'
import type { Store } from '../store/store.ts'
import { alongOf } from './besides.ts'
import { createLater } from './flow-later.ts'
import { createPlaces, type FlowStore, type Place, sentTo } from './flow-places.ts'
import { FlowRecord, type Holder, personOf } from './flow-record.ts'
import { createSentSecrets } from './flow-secrets.ts'
import type { Stations } from './guard.ts'
import { keyPrefixesOf } from './outlet.ts'

export interface FlowParts {
  /** Without `flow` nothing is kept track of. */
  readonly config: Pick<Config, 'flow' | 'authentication' | 'profile'>
  readonly store: Store
  readonly clock: Clock
  /** Whether a policy of the operator's reads `context.flow`: then it is looked up for every call. */
  readonly isRead: () => boolean
}

/** A stranger has spoken. */
const UNTRUSTED = 'untrusted'
const PICTURES_MAX = 4

type Findings = readonly Finding[]

export function withFlow(
  stations: Stations,
  { config: { flow: config, authentication, profile }, store, clock, isRead }: FlowParts,
): Stations {
  if (config === undefined) return stations
  const placeOf = createPlaces(config)
  const record = new FlowRecord(store, clock)
  const labelsOf = (principal: Principal): Promise<readonly string[]> => record.labelsOf(personOf(principal))
  const secretsIn = createSentSecrets(keyPrefixesOf(authentication))
  const carriedBy = async (principal: Principal): Promise<Findings> => (await labelsOf(principal)).map(carriedLabel)
  const later = createLater({ config, profile, store, clock, carriedBy, secretsIn })
  /** By Call.id: what has entered by an answer, so that a stream writes it once. */
  const entered = new Map<string, Set<string>>()
  /** How each call's stream ended last: an order may be said in two halves. */
  const tails = new WeakMap<Call, Tail>()
  const enter = (call: Call, principal: Principal, labels: Iterable<string>): Promise<Findings> =>
    enterOnce(record, { entered, call, principal, rememberMs: config.rememberMs }, labels)

  return {
    ...stations,
    inspect: (call, principal, forward) => {
      const carried = stations.inspect(call, principal, forward)
      const place = sentTo(call, placeOf)
      if (place.isNowhere || call.resource.kind === 'task' || !(place.isSink || place.writes.length > 0 || isRead())) return carried
      const along = place.isSink ? alongOf(call) : {}
      const secrets = place.isExternal ? [...secretsIn(call.arguments), ...secretsIn(along)] : NOTHING
      return Promise.all([carried, carriedBy(principal)]).then(([findings, labels]) => {
        if (labels.length + secrets.length === 0) return findings
        return [...findings, ...labels, ...secrets, ...(place.isSink && labels.length > 0 ? pictured({ ...along, ...call.arguments }) : [])]
      })
    },
    enforce: (decision, principal, call, findings, forward) => {
      const enforce = (): ReturnType<Stations['enforce']> => stations.enforce(decision, principal, call, findings, forward)
      return later.check(call, principal, stations.decide)?.then(enforce) ?? enforce()
    },
    begin: (call, trail) => {
      const { writes } = sentTo(call, placeOf)
      const labels = writes.length === 0 ? [] : trail.findings.flatMap(labelIn)
      if (labels.length === 0) return stations.begin(call, trail)
      const add = (): Promise<unknown> => Promise.all(writes.map((one) => record.add(storeOf(one), labels, one.rememberMs)))
      return Promise.resolve(stations.settle(call))
        .then(add)
        .then(() => stations.begin(call, trail))
    },
    release: (message, principal, call) => {
      const released = stations.release(message, principal, call)
      const place = placeOf(broughtFrom(call, message))
      const given = later.gave(message, call, principal)
      const told = given === undefined ? released : Promise.all([released, given]).then(([shown]) => shown)
      if (place.isNowhere && isDefining(call, message)) return told
      const settle = (shown: Message | undefined): Message | undefined | Promise<Message | undefined> =>
        shown === undefined ? undefined : label(shown, place, { call, tails, record, enter: (labels) => enter(call, principal, labels) })
      return told instanceof Promise ? told.then(settle) : settle(told)
    },
    end: (call, trail) => {
      entered.delete(call.id)
      return stations.end(call, trail)
    },
  }
}

/** What a server says that it is and has is judged as definitions are; everything else that it says by itself is heard as an answer is. */
function isDefining({ method }: Call, { body }: Message): boolean {
  return body.result !== undefined && DEFINING.has(method)
}

const DEFINING: ReadonlySet<string> = new Set([
  'initialize',
  'server/discover',
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
])

/**
 * An answer may be fetched by a stream that is resumed (2025-11-25, basic/transports "Resumability and Redelivery"), which does not say of which call it is:
 * it may be any of the server's, as that of a task. Whoever listens to a task is told its answer, too (SEP-2663).
 */
function broughtFrom({ method, resource }: Call, { body }: Message): Resource {
  const isOfAny = (method === '$stream' && body.id !== undefined) || body.method === 'notifications/tasks'
  return isOfAny ? { ...resource, kind: 'task' } : resource
}

interface Hearing {
  readonly call: Call
  readonly tails: WeakMap<Call, Tail>
  readonly record: FlowRecord
  readonly enter: (labels: Iterable<string>) => Promise<Findings>
}

/** What an answer brings is written down before it leaves, so that no later call can be asked about without it. */
function label(message: Message, { labels, reads }: Place, { call, tails, record, enter }: Hearing): Message | Promise<Message> {
  const heard = labels.includes(UNTRUSTED) ? NOTHING : heardIn(message, call, tails)
  if (labels.length + reads.length === 0 && !(heard instanceof Promise) && heard.length === 0) return message
  return Promise.all([broughtBy(labels, reads, record), heard]).then(async ([brought, spoken]) => {
    const findings = [...spoken, ...(await enter(spoken.length === 0 ? brought : brought.add(UNTRUSTED)))]
    return findings.length === 0 ? message : { ...message, findings: [...(message.findings ?? NOTHING), ...findings] }
  })
}

const NOTHING: Findings = []

async function broughtBy(labels: readonly string[], reads: readonly FlowStore[], record: FlowRecord): Promise<Set<string>> {
  const lying = await Promise.all(reads.map((one) => record.labelsOf(storeOf(one))))
  return new Set([...labels, ...lying.flat()])
}

/** Orders in results, in errors, and in what is said along the way, each message going on from the last. A long text is read in turns. */
function heardIn({ body }: Message, call: Call, tails: WeakMap<Call, Tail>): Findings | Promise<Findings> {
  const before = tails.get(call) ?? SILENCE
  const hearing =
    body.result !== undefined
      ? spokenIn(body.result, '/result', before)
      : body.error !== undefined
        ? spokenIn(body.error, '/error', before)
        : spokenIn(body.params, '/params', before)
  const settle = ({ found, end }: Spoken): Findings => {
    tails.set(call, end)
    return found
  }
  const first = hearing.next()
  return first.done === true ? settle(first.value) : inTurns(hearing).then(settle)
}

async function inTurns(hearing: Generator<undefined, Spoken>): Promise<Spoken> {
  for (;;) {
    await nextTurn()
    const { done, value } = hearing.next()
    if (done === true) return value
  }
}

interface Entering {
  readonly entered: Map<string, Set<string>>
  readonly call: Call
  readonly principal: Principal
  readonly rememberMs: number
}

/** Answers what has entered that had not yet, by this call. */
async function enterOnce(
  record: FlowRecord,
  { entered, call, principal, rememberMs }: Entering,
  labels: Iterable<string>,
): Promise<Findings> {
  const before = entered.get(call.id) ?? new Set<string>()
  const fresh = [...labels].filter((one) => !before.has(one))
  if (fresh.length === 0) return NOTHING
  await record.add(personOf(principal), fresh, rememberMs)
  entered.set(call.id, new Set([...before, ...fresh]))
  return fresh.map((one) => ({ label: OF_FLOW + one, detector: 'flow/entered', pointer: '' }))
}

function carriedLabel(one: string): Finding {
  return { label: OF_FLOW + one, detector: 'flow/carried', pointer: '' }
}

function labelIn({ label: one }: Finding): string[] {
  return isOfFlow(one) ? [one.slice(OF_FLOW.length)] : []
}

function storeOf({ name }: FlowStore): Holder {
  return { kind: 'store', name }
}

/** Pictures of strangers in what is sent. */
function pictured(value: JsonValue, pointer = ''): Finding[] {
  if (typeof value === 'string') return picturesIn(value) ? [{ label: 'data-link', detector: 'data-link/picture', pointer }] : []
  if (!Array.isArray(value) && !isObject(value)) return []
  return Object.entries(value)
    .flatMap(([name, member]) => pictured(member, `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`))
    .slice(0, PICTURES_MAX)
}
