/** The calls of the journal put to another law: what it would have decided differently, and where the journal cannot tell. */
import { type Span, scanEvents } from '../audit/scan.ts'
import type { Decision } from '../core/decision.ts'
import type { AuditEvent } from '../core/event.ts'
import type { JsonObject } from '../core/json.ts'
import type { Principal } from '../core/principal.ts'
import type { Law } from '../policy/law.ts'
import type { Store } from '../store/store.ts'

/** Different changes that are kept; the rest is counted. More than a person reads. */
const CHANGES_MAX = 1_000

/** A law, and what is known of whoever asked. */
export interface Bench {
  readonly law: Pick<Law, 'decide'>
  /** What the record of a key says of it now; undefined when there is none any more. */
  readonly key: (id: string) => Principal | undefined
}

/** What the journal does not keep, and a decision would need. */
export type Missing = 'arguments' | 'claims' | 'scopes' | 'key'

export type Effect = 'permit' | 'forbid' | 'remedy'

export interface Change {
  readonly principal: string
  readonly action: string
  /** `server/name` */
  readonly thing: string
  readonly before: Effect
  /** `remedy`: forbidden, unless something is brought, such as an approval. */
  readonly after: Effect
  /** Those that determine the new decision. */
  readonly policies: readonly string[]
  readonly calls: number
}

export interface Replay extends Span {
  /** Calls that were put to both laws and could be decided by both. */
  readonly decided: number
  readonly changed: number
  readonly changes: readonly Change[]
  /** Calls that could not be decided, by what the journal does not keep of them. */
  readonly undecidable: Readonly<Record<Missing, number>>
}

/** @throws Fault `FAULT_STORE`, `FAULT_POLICY` */
export async function replay(store: Store, span: Span, before: Bench, after: Bench): Promise<Replay> {
  const undecidable: Record<Missing, number> = { arguments: 0, claims: 0, scopes: 0, key: 0 }
  const changes = new Map<string, { readonly change: Omit<Change, 'calls'>; calls: number }>()
  let decided = 0
  let changed = 0
  const event = (one: AuditEvent): void => {
    const was = decideAgain(one, before)
    const is = was === undefined || typeof was === 'string' ? was : decideAgain(one, after)
    if (was === undefined || is === undefined) return
    if (typeof was === 'string' || typeof is === 'string') {
      undecidable[typeof was === 'string' ? was : typeof is === 'string' ? is : 'key']++
      return
    }
    decided++
    if (effectOf(was) === effectOf(is)) return
    changed++
    const change = changeOf(one, was, is)
    const key = JSON.stringify(change)
    const known = changes.get(key)
    if (known !== undefined) known.calls++
    else if (changes.size < CHANGES_MAX) changes.set(key, { change, calls: 1 })
  }
  await scanEvents(store, span, { event })
  const listed = [...changes.values()].map(({ change, calls }) => ({ ...change, calls })).sort((a, b) => b.calls - a.calls)
  return { ...span, decided, changed, changes: listed, undecidable }
}

/** @returns what is missing; undefined for an event that was no question to the law */
function decideAgain(event: AuditEvent, bench: Bench): Decision | Missing | undefined {
  const { type, principal, action, resource, law, findings = [] } = event
  if (type !== 'call.ended' || principal === undefined || action === undefined || resource === undefined || law === undefined)
    return undefined
  const asker = askerOf(event, bench)
  if (asker === undefined) return 'key'
  const looked: { at?: Missing } = {}
  const ask = (scopes?: readonly string[]): Decision => {
    const context = { approved: false, confirmed: false, findings, input: watched(looked, 'arguments') }
    return bench.law.decide({ principal: scopes === undefined ? asker(looked) : { ...asker(looked), scopes }, action, resource, context })
  }
  const decision = ask()
  if (looked.at !== undefined) return looked.at
  if (isOurs(principal)) return decision
  // Scopes of tokens are not kept: what a token without any would be told must be the same as what one with all would.
  return effectOf(ask([])) === effectOf(decision) ? decision : 'scopes'
}

/** Keys and anonymous callers have no scopes. */
function isOurs(principal: string): boolean {
  return principal.startsWith('key#') || principal === 'local#anonymous'
}

type Asker = (looked: { at?: Missing }) => Principal

function askerOf({ principal = '', kind = 'user', roles = [], client, tenant }: AuditEvent, { key }: Bench): Asker | undefined {
  const at = principal.lastIndexOf('#')
  const [issuer, subject] = [principal.slice(0, at), principal.slice(at + 1)]
  if (issuer === 'key') {
    const known = key(subject)
    // With the roles that it had then.
    return known && (() => ({ ...known, roles }))
  }
  const named = {
    kind,
    issuer,
    subject,
    actors: [],
    roles,
    ...(client !== undefined && { client }),
    ...(tenant !== undefined && { tenant }),
  }
  return (looked) => ({
    ...named,
    get claims() {
      return watched(looked, 'claims')
    },
  })
}

/** Nothing, and a note of whoever looks into it: the law looks only at what a policy reads that is concerned. */
function watched(looked: { at?: Missing }, what: Missing): JsonObject {
  const note = (): undefined => {
    looked.at ??= what
    return undefined
  }
  return new Proxy({}, { get: note, has: () => note() ?? false, getOwnPropertyDescriptor: note, ownKeys: () => note() ?? [] })
}

function effectOf({ effect, remedies }: Decision): Effect {
  return effect === 'forbid' && remedies.length > 0 ? 'remedy' : effect
}

function changeOf({ principal = '', action, resource }: AuditEvent, was: Decision, is: Decision): Omit<Change, 'calls'> {
  const thing = resource === undefined ? '' : resource.kind === 'server' ? resource.server : `${resource.server}/${resource.name}`
  return { principal, action: action ?? '', thing, before: effectOf(was), after: effectOf(is), policies: is.policies }
}
