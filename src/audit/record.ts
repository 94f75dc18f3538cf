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
  readonly principal?: Principal
  readonly decision?: Decision
  readonly denial?: Denial
  readonly findings: readonly Finding[]
  readonly description?: Description
  /** Milliseconds from arrival to end. */
  readonly tookMs?: number
  readonly outcome?: Outcome
  /** W3C trace id. */
  readonly trace?: string
}

/** Describes arguments without their text. `keyedHash`: of a key for this purpose only. */
export function describeArguments(values: JsonObject, keyedHash: KeyedHash): Description {
  const names = Object.keys(values).filter((name) => values[name] !== undefined)
  if (names.length === 0) return { arguments: {}, argumentsHash: keyedHash('{}') }
  const shapes: (readonly [string, string])[] = names.slice(0, ARGUMENTS_MAX).map((name) => [nameText(name), shapeOf(values[name] ?? null)])
  if (names.length > ARGUMENTS_MAX) shapes.push(['…', `${names.length - ARGUMENTS_MAX} more`])
  // Sorted, because the journal writes them so and would have to sort them again.
  shapes.sort(([left], [right]) => (left < right ? -1 : 1))
  return { arguments: Object.fromEntries(shapes), argumentsHash: keyedHash(canonical(values)) }
}

/** The entry of a call at its beginning or at its end. */
export function callEntry(type: Extract<EventType, 'call.begun' | 'call.ended'>, call: Call, known: Known): Entry {
  const { principal, decision, denial, description } = known
  const { origin, resource } = call
  return {
    type,
    call: call.id,
    method: cut(call.method, WORD_MAX_CHARS),
    action: call.action,
    resource: resource.name.length <= NAME_MAX_CHARS ? resource : { ...resource, name: cut(resource.name, NAME_MAX_CHARS) },
    transport: origin.transport,
    era: origin.era,
    revision: cut(origin.revision, WORD_MAX_CHARS),
    ...(origin.address !== undefined && { address: cut(origin.address, WORD_MAX_CHARS) }),
    ...(origin.agent !== undefined && { agent: cut(origin.agent, WORD_MAX_CHARS) }),
    ...(known.outcome !== undefined && { outcome: known.outcome }),
    ...(principal !== undefined && principalMembers(principal)),
    ...(description !== undefined && { arguments: description.arguments, argumentsHash: description.argumentsHash }),
    ...(decision !== undefined && { policies: decision.policies, law: decision.revision }),
    ...(denial !== undefined && { denial: denial.code, ...(denial.detail !== '' && { detail: cut(denial.detail, DETAIL_MAX_CHARS) }) }),
    ...(known.findings.length > 0 && { findings: known.findings.slice(0, FINDINGS_MAX) }),
    ...(known.tookMs !== undefined && { tookMs: known.tookMs }),
    ...(known.trace !== undefined && { trace: cut(known.trace, WORD_MAX_CHARS) }),
  }
}

function principalMembers(principal: Principal): Partial<Entry> {
  return {
    principal: cut(nameOf(principal), NAME_MAX_CHARS),
    kind: principal.kind,
    roles: principal.roles,
    ...(principal.client !== undefined && { client: cut(principal.client, WORD_MAX_CHARS) }),
    ...(principal.tenant !== undefined && { tenant: cut(principal.tenant, WORD_MAX_CHARS) }),
  }
}

function shapeOf(value: JsonValue): string {
  if (typeof value === 'string') return `string:${value.length}`
  if (Array.isArray(value)) return `array:${value.length}`
  if (typeof value === 'object' && value !== null) return `object:${Object.keys(value).length}`
  return value === null ? 'null' : typeof value
}

/** The name of an argument comes from the caller: printable ASCII of bounded length, whatever it was. */
function nameText(name: string): string {
  return cut(name, ARGUMENT_NAME_MAX_CHARS).replace(
    /[^ -~…]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function cut(text: string, chars: number): string {
  return text.length <= chars ? text : `${text.slice(0, chars - 1)}…`
}
