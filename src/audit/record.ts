/** What the line knows of a call, as an entry of the journal: names and shapes, never the text of an argument, never a credential. */
import type { Call } from '../core/call.ts'
import type { Decision } from '../core/decision.ts'
import type { Denial } from '../core/denial.ts'
import type { Entry, EventType, Outcome } from '../core/event.ts'
import type { Finding } from '../core/finding.ts'
import { canonical, type JsonObject, type JsonValue } from '../core/json.ts'
import { nameOf, type Principal } from '../core/principal.ts'
import type { KeyedHash } from '../core/secret.ts'

/** Longest name of a tool, prompt or resource that is written whole; URIs are the longest of them. */
const NAME_MAX_CHARS = 1_024
/** User agents, client ids, methods. */
const WORD_MAX_CHARS = 200
const DETAIL_MAX_CHARS = 400
const ARGUMENT_NAME_MAX_CHARS = 64
/** More arguments than a tool has: the rest is counted, not named. */
const ARGUMENTS_MAX = 32
/** More findings than a person reads; the first ones are kept. */
const FINDINGS_MAX = 32

export interface Description {
  /** Shape by name, in sorted order: `string:12`, `number`, `array:3`, `object:2`. */
  readonly arguments: Readonly<Record<string, string>>
  /** HMAC-SHA-256 of the canonical arguments, base64url. */
  readonly argumentsHash: string
}

/** What the line has found out by the time it writes. */
export interface Known {
  readonly principal?: Principal | undefined
  readonly decision?: Decision | undefined
  readonly denial?: Denial | undefined
  readonly findings: readonly Finding[]
  readonly description?: Description | undefined
  /** Milliseconds from arrival to end. */
  readonly tookMs?: number | undefined
  readonly outcome?: Outcome | undefined
  /** W3C trace id. */
  readonly trace?: string | undefined
  /** W3C id of the caller's span, if the caller records it. */
  readonly span?: string | undefined
}

/** Describes arguments without their text. `keyedHash`: of a key for this purpose only. */
export function describeArguments(values: JsonObject, keyedHash: KeyedHash): Description {
  const shapes: (readonly [string, string])[] = []
  let more = 0
  let isSorted = true
  let before = ''
  for (const name of Object.keys(values)) {
    const value = values[name]
    if (value === undefined) continue
    if (shapes.length === ARGUMENTS_MAX) {
      more++
      continue
    }
    const shown = nameText(name)
    if (shown < before) isSorted = false
    before = shown
    shapes.push([shown, shapeOf(value)])
  }
  if (more > 0) shapes.push(['…', `${more} more`])
  // Sorted, because the journal writes them so and would have to sort them again.
  if (!isSorted) shapes.sort(([left], [right]) => (left < right ? -1 : 1))
  return { arguments: Object.fromEntries(shapes), argumentsHash: keyedHash(canonical(values)) }
}

/** Written to member by member: spreading what may be absent costs a call more than all that it says. */
type Draft = { -readonly [Member in keyof Entry]: Entry[Member] }

/** The entry of a call at its beginning or at its end. */
export function callEntry(type: Extract<EventType, 'call.begun' | 'call.ended'>, call: Call, known: Known): Entry {
  const { decision, denial, description, findings } = known
  const { origin, resource } = call
  const entry: Draft = {
    type,
    call: call.id,
    method: cut(call.method, WORD_MAX_CHARS),
    action: call.action,
    resource: resource.name.length <= NAME_MAX_CHARS ? resource : { ...resource, name: cut(resource.name, NAME_MAX_CHARS) },
    transport: origin.transport,
    era: origin.era,
    revision: cut(origin.revision, WORD_MAX_CHARS),
  }
  if (origin.address !== undefined) entry.address = cut(origin.address, WORD_MAX_CHARS)
  if (origin.agent !== undefined) entry.agent = cut(origin.agent, WORD_MAX_CHARS)
  if (known.outcome !== undefined) entry.outcome = known.outcome
  if (known.principal !== undefined) nameWho(entry, known.principal)
  if (description !== undefined) {
    entry.arguments = description.arguments
    entry.argumentsHash = description.argumentsHash
  }
  if (decision !== undefined) {
    entry.policies = policiesOf(decision, denial)
    entry.law = decision.revision
  }
  if (denial !== undefined) {
    entry.denial = denial.code
    if (denial.isStale) entry.isStale = true
    if (denial.key !== undefined) entry.key = denial.key
    if (denial.detail !== '') entry.detail = cut(denial.detail, DETAIL_MAX_CHARS)
  }
  if (findings.length > 0) entry.findings = findings.slice(0, FINDINGS_MAX)
  if (known.tookMs !== undefined) entry.tookMs = known.tookMs
  if (known.trace !== undefined) entry.trace = cut(known.trace, WORD_MAX_CHARS)
  if (known.span !== undefined) entry.span = cut(known.span, WORD_MAX_CHARS)
  return entry
}

/** Those that determined the end: of an answer that may not leave, the ones that kept it, not those that had let the call in. */
function policiesOf(decision: Decision, denial: Denial | undefined): readonly string[] {
  return denial === undefined || denial.policies.length === 0 ? decision.policies : denial.policies
}

function nameWho(entry: Draft, principal: Principal): void {
  entry.principal = cut(nameOf(principal), NAME_MAX_CHARS)
  entry.kind = principal.kind
  entry.roles = principal.roles
  if (principal.client !== undefined) entry.client = cut(principal.client, WORD_MAX_CHARS)
  if (principal.tenant !== undefined) entry.tenant = cut(principal.tenant, WORD_MAX_CHARS)
}

function shapeOf(value: JsonValue): string {
  if (typeof value === 'string') return `string:${value.length}`
  if (Array.isArray(value)) return `array:${value.length}`
  if (typeof value === 'object' && value !== null) return `object:${Object.keys(value).length}`
  return value === null ? 'null' : typeof value
}

/** The name of an argument comes from the caller: printable ASCII of bounded length, whatever it was. */
function nameText(name: string): string {
  if (/^[ -~]{0,64}$/.test(name)) return name
  return cut(name, ARGUMENT_NAME_MAX_CHARS).replace(
    /[^ -~…]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function cut(text: string, chars: number): string {
  return text.length <= chars ? text : `${text.slice(0, chars - 1)}…`
}
