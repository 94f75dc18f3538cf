/** What leaves, held to the law: looked at, judged, and let go as it is, without what must not leave, or not at all. */
import type { Body, Call, Message } from '../core/call.ts'
import type { Decision } from '../core/decision.ts'
import { Denial } from '../core/denial.ts'
import type { Finding } from '../core/finding.ts'
import { isObject, type JsonValue } from '../core/json.ts'
import type { Principal } from '../core/principal.ts'
import { createDetector, type OutputLabel } from '../inspect/detect.ts'
import type { PersonalKind } from '../inspect/personal.ts'
import type { Tail } from '../inspect/pieces.ts'
import { createLook, type Seen } from '../inspect/redact.ts'
import { compileSchema, type Validator } from '../inspect/schema.ts'
import { bytesOf } from '../mcp/message.ts'
import { remember } from '../trust/remember.ts'

/** `report`: it is written down and leaves. `redact`: it is taken out, or, where that cannot be, the answer does not leave. `block`: the answer does not leave. */
export type Treatment = 'off' | 'report' | 'redact' | 'block'

export interface OutputSettings {
  readonly secrets: Treatment
  readonly personal: { readonly kinds: readonly PersonalKind[]; readonly action: Treatment }
  /** Stack traces, addresses and paths in errors, log messages and progress. */
  readonly internals: Treatment
  /** Links and pictures that carry something out. */
  readonly links: Treatment
  /** Larger messages are not looked at. */
  readonly maxBytes: number
  /** What becomes of those. */
  readonly larger: 'block' | 'pass'
  /** How this installation's own API keys begin. */
  readonly keyPrefixes: readonly string[]
}

export interface OutletParts {
  readonly settings: OutputSettings
  /** The law, asked about what comes back. */
  readonly judge: (principal: Principal, call: Call, findings: readonly Finding[]) => Decision
  /** What a tool says that it answers, as far as it is known. */
  readonly outputSchemaOf: (
    call: Call,
    principal: Principal,
  ) => { readonly digest: string; readonly outputSchema?: JsonValue | undefined } | undefined
  readonly observing: boolean
}

/** Lets a message go, as whatever it was rewritten to since. @throws Denial `content_blocked` */
export type LetGo = (message: Message) => Message

/** A first look at what a server said, before anything of it is rewritten. */
export type Outlet = (message: Message, call: Call, principal: Principal) => LetGo

/** Output schemas that are kept compiled; only answers that were redacted need one. */
const SCHEMAS_MAX = 256
const UNINSPECTED: Finding = { label: 'uninspected', detector: 'output/size', pointer: '' }

export function createOutlet(parts: OutletParts): Outlet {
  const { settings, observing } = parts
  const treatments = treatmentsOf(settings)
  if (treatments.size === 0) return () => AS_IT_IS
  const detector = createDetector({
    labels: new Set(treatments.keys()),
    personal: settings.personal.kinds,
    keyPrefixes: settings.keyPrefixes,
  })
  const look = createLook(detector, {
    personal: treatments.has('personal'),
    errors: treatments.has('internal'),
    links: treatments.has('data-link'),
  })
  const redacted = createRedaction(parts, treatments)
  /** What each call's stream said last: a secret may be said in two halves. */
  const tails = new WeakMap<Call, Tail>()

  return (message, call, principal) => {
    const { body } = message
    const bytes = bytesOf(message)
    const before = tails.get(call)
    if (body.method !== undefined) tails.set(call, look.tailOf(body, before))
    if (bytes.length > settings.maxBytes) return (larger) => oversized(larger, parts)
    if (!look.glance(body, bytes, before)) return AS_IT_IS
    return (found) => {
      const seen = look.see(found.body, before)
      if (seen === undefined) return found
      const judged = seen.findings.filter(({ label }) => treatments.get(label) !== 'report')
      const decision = judged.length === 0 ? undefined : parts.judge(principal, call, judged)
      if (decision === undefined || decision.effect === 'permit' || observing) return { ...found, findings: seen.findings }
      return redacted(found, principal, call, seen, decision)
    }
  }
}

const AS_IT_IS: LetGo = (message) => message

/** How API keys begin: those of this installation, and those of one as it comes. */
export function keyPrefixesOf({ apiKeys }: { readonly apiKeys: { readonly prefix: string } }): readonly string[] {
  return ['mcp', apiKeys.prefix]
}

function treatmentsOf({ secrets, personal, internals, links }: OutputSettings): ReadonlyMap<string, Exclude<Treatment, 'off'>> {
  const written: readonly (readonly [OutputLabel, Treatment])[] = [
    ['secret', secrets],
    ['personal', personal.kinds.length === 0 ? 'off' : personal.action],
    ['internal', internals],
    ['data-link', links],
  ]
  return new Map(written.flatMap(([label, treatment]) => (treatment === 'off' ? [] : [[label, treatment] as const])))
}

function oversized(message: Message, { settings, observing }: OutletParts): Message {
  const findings = [UNINSPECTED]
  if (settings.larger === 'pass' || observing) return { ...message, findings }
  throw new Denial('content_blocked', { detail: `an answer is over inspect.output.maxBytes (${settings.maxBytes})`, findings })
}

type Redaction = (message: Message, principal: Principal, call: Call, seen: Seen, decision: Decision) => Message

/** Obeys a forbid: what it names is taken out where the settings say so and the answer is still what its tool promises; else it does not leave. */
function createRedaction({ outputSchemaOf }: OutletParts, treatments: ReadonlyMap<string, Treatment>): Redaction {
  const schemas = new Map<string, Validator>()
  const conforms = (body: Body, call: Call, principal: Principal): boolean => {
    const structured = body.result?.['structuredContent']
    const known = outputSchemaOf(call, principal)
    if (structured === undefined || known?.outputSchema === undefined) return true
    const validator = schemas.get(known.digest) ?? compileSchema(known.outputSchema, { strict: false })
    remember(schemas, known.digest, validator, SCHEMAS_MAX)
    return isObject(structured) && validator.check(structured).length === 0
  }
  return (message, principal, call, seen, decision) => {
    const { findings } = seen
    const refuse = (detail: string): Denial =>
      new Denial('content_blocked', { detail, findings, policies: decision.policies, remedies: decision.remedies })
    const labels = new Set(decision.remedies.flatMap((remedy) => (remedy.kind === 'redact' ? remedy.labels : [])))
    const isEnough = decision.remedies.length > 0 && decision.remedies.every(({ kind }) => kind === 'redact')
    if (!isEnough || ![...labels].every((label) => treatments.get(label) === 'redact')) throw refuse('forbidden by policy on the way out')
    const body = seen.redact(labels)
    if (body === undefined) throw refuse('what was found cannot be taken out')
    const isTouched = body.result?.['structuredContent'] !== message.body.result?.['structuredContent']
    if (isTouched && !conforms(body, call, principal)) throw refuse('without what was found it is not what the tool says it answers')
    const { bytes: _bytes, ...rest } = message
    return { ...rest, body, findings: findings.map((finding) => (labels.has(finding.label) ? { ...finding, isRedacted: true } : finding)) }
  }
}
