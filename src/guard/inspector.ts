/** What a call carries, as facts for the law: each inspection states its findings, none refuses. */
import type { Call } from '../core/call.ts'
import type { Decision } from '../core/decision.ts'
import { Denial } from '../core/denial.ts'
import { type Finding, isOfDefinition } from '../core/finding.ts'
import type { JsonValue } from '../core/json.ts'
import type { Principal } from '../core/principal.ts'
import type { Clock } from '../core/time.ts'
import { UNUSABLE_DEFINITION } from '../inspect/schema.ts'
import { bytesOf } from '../mcp/message.ts'
import type { Catalog, Known } from './catalog.ts'
import type { Definitions } from './definitions.ts'
import type { Forward } from './guard.ts'
import { FRESH_MS } from './inquiry.ts'
import type { Validators } from './validators.ts'
import type { Worth } from './worth.ts'

/** `off`: nothing is inspected. `strict`: what cannot be judged is refused, and so is what the tool does not name. */
export type InspectInput = 'off' | 'standard' | 'strict'

/** Looks at the arguments themselves. @param inputSchema of the tool that is called, as its server listed it to this caller; undefined when it is not known. */
export type Screen = (
  call: Pick<Call, 'method' | 'resource' | 'arguments'> & Partial<Pick<Call, 'message'>>,
  inputSchema: JsonValue | undefined,
) => readonly Finding[]

export interface InspectorParts {
  readonly input: InspectInput
  readonly catalog: Catalog
  /** What is held against definitions; absent where nothing is pinned. */
  readonly definitions?: Definitions
  readonly schema: Validators
  readonly screen?: Screen
  readonly clock: Clock
  /** Nothing refuses: a server that cannot be asked is no reason to. */
  readonly observing: boolean
  readonly worth: Pick<Worth, 'permits' | 'isWorthIt'>
  /** Asks the server for its tools; undefined where this caller was told everything just now. */
  readonly ask: Ask
}

/** @param isAnew what the server has said before counts for nothing. */
export type Ask = (call: Call, principal: Principal, forward: Forward, isAnew?: boolean) => Promise<void> | undefined

export type Inspector = (call: Call, principal: Principal, forward: Forward) => readonly Finding[] | Promise<readonly Finding[]>

/** A call as small as this is looked at before the law is asked, so that history says what was tried; of a larger one first whether it matters. */
const CHEAP_MAX_BYTES = 2_048
const NOTHING: readonly Finding[] = []
const UNLISTED: readonly Finding[] = [
  { label: 'schema', detector: 'schema/unlisted', pointer: '', rule: 'cannot be checked: the server does not list this tool' },
]

export function createInspector(parts: InspectorParts): Inspector {
  const { input, catalog, definitions, schema, screen, clock } = parts
  if (input === 'off' && definitions === undefined) return () => NOTHING

  const judge = (call: Call, principal: Principal, known: Known | undefined, held: readonly Finding[]): readonly Finding[] => {
    if (input === 'off') return NOTHING
    if (bytesOf(call.message).length > CHEAP_MAX_BYTES && !parts.worth.isWorthIt(principal, call, held)) return NOTHING
    const { server, name } = call.resource
    const mismatches = known === undefined ? NOTHING : schema.of(known.definition, server, name).check(call.arguments)
    const screened = screen?.(call, known?.definition.inputSchema) ?? NOTHING
    return joined(mismatches, screened)
  }
  const heldOf = ({ method, resource }: Call, known: Known | undefined): readonly Finding[] => {
    if (method !== 'tools/call') return definitions?.heldAgainstShown(resource) ?? NOTHING
    return known === undefined
      ? NOTHING
      : (definitions?.heldAgainst('tool', resource.server, resource.name, known.definition.digest) ?? NOTHING)
  }
  const findingsOf = (call: Call, principal: Principal, known: Known | undefined): readonly Finding[] => {
    const held = heldOf(call, known)
    return joined(held, judge(call, principal, known, held))
  }
  const find = (call: Call, principal: Principal): Known | undefined => catalog.find(call.resource.server, call.resource.name, principal)
  const isFresh = ({ resource }: Call, { at }: Known): boolean => clock() - at < FRESH_MS && catalog.isCurrent(resource.server, at)
  /** What is still unknown, or does not fit, after the server has been asked. */
  const conclude = (call: Call, principal: Principal): readonly Finding[] => {
    const known = find(call, principal)
    if (known !== undefined) return findingsOf(call, principal, known)
    const held = definitions?.heldUnlisted(call.resource) ?? NOTHING
    return joined(joined(held, input === 'strict' ? UNLISTED : NOTHING), judge(call, principal, known, held))
  }
  const inspect: Inspector = (call, principal, forward) => {
    if (call.method !== 'tools/call') return findingsOf(call, principal, undefined)
    const known = find(call, principal)
    const findings = findingsOf(call, principal, known)
    if (known !== undefined && (!findings.some(isOfOldList) || isFresh(call, known))) return findings
    // Unknown, or known for a while: nothing is held against the arguments, or the tool, that the server may have said differently since.
    if (!parts.worth.permits(principal, call)) return findings
    const asked = parts.ask(call, principal, forward)
    if (asked === undefined) return conclude(call, principal)
    return asked.then(
      () => conclude(call, principal),
      (error: unknown) => {
        if (parts.observing) return findings
        throw error
      },
    )
  }
  return definitions === undefined ? inspect : afterLook(inspect, definitions)
}

/** What is withheld may have been approved a moment ago: that is looked for before anything is refused for it. */
function afterLook(inspect: Inspector, definitions: Definitions): Inspector {
  const settle = async (findings: ReturnType<Inspector>, again: () => ReturnType<Inspector>): Promise<readonly Finding[]> => {
    if (!(await findings).some(isHeld)) return await findings
    await definitions.look()
    return await again()
  }
  return (call, principal, forward) => {
    const again = (): ReturnType<Inspector> => inspect(call, principal, forward)
    const opening = definitions.ready()
    if (opening !== undefined) return opening.then(() => settle(again(), again))
    const findings = again()
    return findings instanceof Promise || findings.some(isHeld) ? settle(findings, again) : findings
  }
}

const isHeld = ({ label }: Finding): boolean => isOfDefinition(label)

function joined(some: readonly Finding[], more: readonly Finding[]): readonly Finding[] {
  if (more.length === 0) return some
  return some.length === 0 ? more : [...some, ...more]
}

/** What another list could change. */
const isOfOldList = ({ label }: Finding): boolean => label === SCHEMA || isOfDefinition(label)
const SCHEMA = 'schema'
/** What can be said of it to the caller can be mended by the caller. */
const isOfArguments = ({ rule }: Finding): boolean => rule !== undefined

/** Whether nothing but the word of a person stands between the call and a yes. */
export function lacksWord({ effect, remedies }: Decision): boolean {
  return effect === 'forbid' && remedies.length > 0 && remedies.every(({ kind }) => kind === 'approval' || kind === 'confirm')
}

/** What is left where the arguments are such as they should be. */
export function withoutArguments(findings: readonly Finding[]): readonly Finding[] {
  return findings.filter((finding) => !isOfArguments(finding))
}

/**
 * The refusal of a call whose arguments are not what its tool takes, or are dangerous for what they are for. Where it is refused for another reason too, that one is told:
 * who may not call a tool learns nothing of what it takes.
 * @param without the decision as it would be without such findings.
 */
export function mismatchOf(
  findings: readonly Finding[],
  without: (rest: readonly Finding[]) => Decision,
  decision: Decision,
): Denial | Decision {
  const mismatches = findings.filter(isOfArguments)
  if (mismatches.length === 0) return decision
  const other = without(withoutArguments(findings))
  // A person is asked only about arguments that can be used.
  if (other.effect === 'forbid' && !lacksWord(other)) return other
  const unusable = mismatches.filter(({ detector }) => detector === UNUSABLE_DEFINITION)
  if (unusable.length > 0)
    return new Denial('unusable_tool', {
      detail: 'its input schema cannot be used: see tool.flawed',
      findings: unusable,
      policies: decision.policies,
    })
  const detail = mismatches.map(({ pointer, rule = '' }) => `${pointer || 'arguments'} ${rule}`).join('; ')
  return new Denial('invalid_arguments', { detail, findings: mismatches, policies: decision.policies })
}
