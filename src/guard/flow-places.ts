/** What is written of a tool, prompt or resource: which labels its answers bring, where what it is given goes, what it writes and reads. */
import type { FlowConfig } from '../config/flow.ts'
import type { Call, Resource } from '../core/call.ts'
import { isCovered, isServerCovered, type Pattern, parsePattern } from '../core/pattern.ts'
import { remember } from '../trust/remember.ts'
import { listenedBy } from './subscriptions.ts'

export interface FlowStore {
  readonly name: string
  readonly rememberMs: number
}

export interface Place {
  /** A server itself: what it says there brings nothing by itself, and is heard. */
  readonly isNowhere?: true
  readonly labels: readonly string[]
  readonly isSink: boolean
  readonly isExternal: boolean
  readonly writes: readonly FlowStore[]
  readonly reads: readonly FlowStore[]
}

/** Places that are remembered; longer names (URIs) are looked at anew. */
const PLACES_MAX = 10_000
const NAME_MAX_CHARS = 1_024
/** What was posted to a chat or written to a disk is still there in a quarter. */
const SERVER_STORE_MS = 90 * 24 * 60 * 60_000

interface StoreRow extends FlowStore {
  readonly write: readonly Pattern[]
  readonly read: readonly Pattern[]
}

interface Rows {
  readonly labels: readonly (readonly [Pattern, readonly string[]])[]
  readonly sinks: readonly (readonly [Pattern, 'external' | 'internal'])[]
  readonly stores: readonly StoreRow[]
  readonly unlabelled: FlowConfig['unlabelled']
}

export function createPlaces({ labels, sinks, stores, unlabelled }: FlowConfig): (resource: Resource) => Place {
  const rows: Rows = {
    labels: rowsOf(labels),
    sinks: rowsOf(sinks),
    stores: Object.entries(stores).map(([name, { write, read, rememberMs }]) => ({
      name,
      rememberMs,
      write: write.flatMap((text) => parsePattern(text) ?? []),
      read: read.flatMap((text) => parsePattern(text) ?? []),
    })),
    unlabelled,
  }
  const known = new Map<string, Place>()
  return (resource) => {
    const { kind, server, name } = resource
    if (kind === 'server') return NOWHERE
    const key = `${kind} ${server}/${kind === 'task' ? '' : name}`
    const found = known.get(key)
    if (found !== undefined) return found
    const place = kind === 'task' ? taskPlace(server, rows) : placeOf(resource, rows)
    if (key.length <= NAME_MAX_CHARS) remember(known, key, place, PLACES_MAX)
    return place
  }
}

const NOTHING = { labels: [], isSink: false, isExternal: false, writes: [], reads: [] } as const satisfies Place
const NOWHERE: Place = { ...NOTHING, isNowhere: true }

/** Where what a call says goes: to what it is about; of a subscription to each of its URIs. */
export function sentTo(call: Call, placeOf: (resource: Resource) => Place): Place {
  const listened = listenedBy(call)
  if (listened.length === 0) return placeOf(call.resource)
  const places = listened.map(placeOf)
  return {
    ...NOTHING,
    isSink: places.some(({ isSink }) => isSink),
    isExternal: places.some(({ isExternal }) => isExternal),
    writes: [...new Map(places.flatMap(({ writes }) => writes).map((one) => [one.name, one])).values()],
  }
}

/** A name for each external sink of a server, by which the law knows it: what is sent there without saying to which tool may be for any of them. */
export function externalSinks({ sinks }: FlowConfig, server: string): readonly Resource[] {
  return rowsOf(sinks).flatMap(([pattern, where]) =>
    where === 'external' && isServerCovered(pattern, server) ? [{ kind: 'tool' as const, server, name: pattern.name }] : [],
  )
}

function rowsOf<T>(written: Readonly<Record<string, T>>): (readonly [Pattern, T])[] {
  return Object.entries(written).flatMap(([text, said]) => {
    const pattern = parsePattern(text)
    return pattern === undefined ? [] : [[pattern, said] as const]
  })
}

function placeOf({ kind, server, name }: Resource, { labels, sinks, stores, unlabelled }: Rows): Place {
  const covers = (pattern: Pattern): boolean => isCovered(pattern, server, name)
  const labelled = labels.filter(([pattern]) => covers(pattern))
  const sink = sinks.filter(([pattern]) => covers(pattern)).map(([, where]) => where)
  const written = stores.filter(({ write }) => write.some(covers))
  const read = stores.filter(({ read }) => read.some(covers))
  const own = { name: `server ${server}`, rememberMs: SERVER_STORE_MS }
  const isKept = sink.length > 0 && !sink.includes('external') && written.length === 0
  // What is there to be sent brings nothing from where others have sent something; nor does what an operator has labelled, as far as he says.
  const isBrought = labelled.length + sink.length + read.length === 0 && keepsSomething(server, sinks)
  const otherwise = kind === 'prompt' ? unlabelled.prompts : kind === 'resource' ? unlabelled.resources : []
  return {
    labels: labelled.length === 0 ? otherwise : [...new Set(labelled.flatMap(([, said]) => said))],
    isSink: sink.length > 0,
    isExternal: sink.includes('external'),
    writes: isKept ? [own] : written,
    reads: isBrought ? [own] : read,
  }
}

/** Which tool began a task its id does not say: it may be any of the server's. */
function taskPlace(server: string, { labels, stores, sinks }: Rows): Place {
  const covers = (pattern: Pattern): boolean => isServerCovered(pattern, server)
  return {
    ...NOTHING,
    labels: [...new Set(labels.flatMap(([pattern, said]) => (covers(pattern) ? said : [])))],
    reads: [
      ...stores.filter(({ read }) => read.some(covers)),
      ...(keepsSomething(server, sinks) ? [{ name: `server ${server}`, rememberMs: SERVER_STORE_MS }] : []),
    ],
  }
}

function keepsSomething(server: string, sinks: Rows['sinks']): boolean {
  return sinks.some(([pattern, where]) => where === 'internal' && isServerCovered(pattern, server))
}
