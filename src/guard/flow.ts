/** Flow: what has entered a conversation goes with it. Around the stations of the line, where labels come in and where they are asked for. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Config } from '../config/config.ts'
import type { Call, Message, Resource } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import { type Finding, isOfFlow, OF_FLOW } from '../core/finding.ts'
import { isObject, type JsonValue } from '../core/json.ts'
import type { Principal } from '../core/principal.ts'
import type { Clock } from '../core/time.ts'
import { picturesIn } from '../inspect/data-links.ts'
import { SILENCE, type Spoken, spokenIn, type Tail } from '../inspect/spoken.ts'
import type { Store } from '../store/store.ts'
import { createPlaces, externalSinks, type FlowStore, type Place, sentTo } from './flow-places.ts'
import { FlowRecord, type Holder, personOf } from './flow-record.ts'
import { createSentSecrets } from './flow-secrets.ts'
import type { Stations } from './guard.ts'
import { lacksWord } from './inspector.ts'
import { keyPrefixesOf } from './outlet.ts'
import { ASKED } from './waiting.ts'

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
  const sinksOf = (server: string): readonly Resource[] => (profile === 'observe' ? NOWHERE : externalSinks(config, server))
  const record = new FlowRecord(store, clock)
  const labelsOf = (principal: Principal): Promise<readonly string[]> => record.labelsOf(personOf(principal))
  const secretsIn = createSentSecrets(keyPrefixesOf(authentication))
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
      const secrets = place.isExternal ? secretsIn(call) : NOTHING
      return Promise.all([carried, labelsOf(principal)]).then(([findings, labels]) =>
        labels.length + secrets.length === 0
          ? findings
          : [...findings, ...labels.map(carriedLabel), ...secrets, ...(place.isSink && labels.length > 0 ? pictured(call.arguments) : [])],
      )
    },
    enforce: (decision, principal, call, findings, forward) => {
      const sinks = isSaidLater(call) ? sinksOf(call.resource.server) : NOWHERE
      if (sinks.length === 0) return stations.enforce(decision, principal, call, findings, forward)
      const check = async (): Promise<void> => {
        const carried = (await labelsOf(principal)).map(carriedLabel)
        for (const resource of sinks) checkSent(stations, principal, { ...call, action: 'call', resource, arguments: {} }, carried)
      }
      return check().then(() => stations.enforce(decision, principal, call, findings, forward))
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
      if (place.isNowhere) return released
      const settle = (shown: Message | undefined): Message | undefined | Promise<Message | undefined> =>
        shown === undefined ? undefined : label(shown, place, { call, tails, record, enter: (labels) => enter(call, principal, labels) })
      return released instanceof Promise ? released.then(settle) : settle(released)
    },
    end: (call, trail) => {
      entered.delete(call.id)
      return stations.end(call, trail)
    },
  }
}

const NOWHERE: readonly Resource[] = []

/** What is sent after its call: an answer to what a server asks in the middle of one, or what a task asks for. It does not say for which tool. */
function isSaidLater({ method, message: { body } }: Call): boolean {
  if (method === 'tasks/update') return true
  return method === '$response' && body.result !== undefined && !String(body.id).startsWith(ASKED)
}

/** What could not be sent with the call itself cannot be sent after it: a conversation may have been labelled in between. @throws Denial `forbidden` */
function checkSent({ decide }: Stations, principal: Principal, call: Call, carried: Findings): void {
  if (carried.length === 0) return
  const without = decide(principal, call, NOTHING)
  // Who may not call it has nothing to say to it; an approval that every call needs was given for what was asked then.
  if (without.effect === 'forbid' && !lacksWord(without)) return
  const { effect, policies } = decide(principal, call, carried)
  if (effect === 'forbid' && policies.some((policy) => !without.policies.includes(policy)))
    throw new Denial('forbidden', { policies, findings: carried, detail: 'what has entered may not be sent there after the call' })
}

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
