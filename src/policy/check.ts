/** What a policy must be to become law: valid in the strict sense, sure to apply somewhere, clear about what it reads, sound in its annotations. */
import { type DetailedError, type SchemaJson, type ValidationError, validate } from '@cedar-policy/cedar-wasm/nodejs'
import { Fault } from '../core/denial.ts'
import { parseRate } from '../core/time.ts'
import { parsePointer } from './entities.ts'
import { mistakes, type Policy, where } from './load.ts'
import { readsOf } from './reads.ts'
import { type Demand, parseDemands } from './remedy.ts'

/** By id, in the order in which they are told. */
export type Policies = ReadonlyMap<string, Policy>

/** Where to look for a policy: `file:line:column`, or its place in `access:`. */
export function placeOf(policy: Policy): string {
  return where(policy.place ?? policy.id)
}

/** @throws Fault `FAULT_POLICY` where two have one id: decisions and events could not name what decided. */
export function byId(policies: readonly Policy[]): Policies {
  const found = new Map<string, Policy>()
  for (const policy of policies) {
    const first = found.get(policy.id)
    if (first !== undefined) throw wrong(policy, `the id ${JSON.stringify(policy.id)} is taken by ${placeOf(first)}`)
    found.set(policy.id, policy)
  }
  return found
}

export function texts(policies: Policies): Record<string, string> {
  return Object.fromEntries([...policies].map(([id, { text }]) => [id, text]))
}

/** Warnings count as errors: Cedar only warns of a policy that can never apply, and looks into its conditions no further. */
export function checkValid(policies: Policies, schema: SchemaJson<string>): void {
  const { errors, warnings, otherWarnings } = validated(policies, schema)
  const complaints = errors.length > 0 ? errors : warnings
  const lines = [...policies.values()].flatMap(({ id, place }) => {
    const own = complaints.filter(({ policyId }) => policyId === id).map(({ error }) => error)
    return oneEach(own).map((error) => mistakes([error], place ?? id).message)
  })
  if (lines.length > 0) throw new Fault('FAULT_POLICY', lines.join('\n'))
  if (otherWarnings.length > 0) throw mistakes(otherWarnings, 'policies')
}

/** Cedar complains once for every kind of resource; the first complaint about a place will do. */
function oneEach(errors: readonly DetailedError[]): DetailedError[] {
  const places = new Map(errors.toReversed().map((error) => [error.sourceLocations?.[0]?.start ?? -1, error]))
  return [...places].sort(([left], [right]) => left - right).map(([, error]) => error)
}

/** Cedar's proof that a narrowed schema leaves nothing out: with less to see, every policy still type-checks. */
export function checkComplete(policies: Policies, narrowed: SchemaJson<string>): void {
  const { errors } = validated(policies, narrowed)
  if (errors.length > 0)
    throw mistakes(
      errors.map(({ error }) => error),
      'the projection of the law is incomplete',
    )
}

interface Validated {
  readonly errors: readonly ValidationError[]
  readonly warnings: readonly ValidationError[]
  readonly otherWarnings: readonly DetailedError[]
}

function validated(policies: Policies, schema: SchemaJson<string>): Validated {
  const answer = validate({ schema, policies: { staticPolicies: texts(policies) }, validationSettings: { mode: 'strict' } })
  if (answer.type === 'failure') throw mistakes(answer.errors, 'policies')
  return { errors: answer.validationErrors, warnings: answer.validationWarnings, otherWarnings: answer.otherWarnings }
}

/** What is read must be known beforehand: it is all that a decision is remembered by. */
export function checkClear(policy: Policy): void {
  const reads = readsOf([policy.json])
  if (reads.unclear) throw wrong(policy, 'a tag is read by a literal key, principal.getTag("claim") or context.input.getTag("/pointer")')
  if (reads.imprecise) throw wrong(policy, `a number is beyond ${Number.MAX_SAFE_INTEGER}`)
  const unreadable = [...reads.inputs].find((pointer) => parsePointer(pointer) === undefined)
  if (unreadable !== undefined) throw wrong(policy, `${JSON.stringify(unreadable)} is no JSON Pointer; an argument is read as "/path"`)
  for (const [type, ids] of reads.entities) {
    // The empty name is what entities are called that no policy names.
    if (ids.has('')) throw wrong(policy, `${type}::"" names nothing`)
  }
}

/** `@requires` of the forbids that have one. */
export function demandsOf(policies: Policies): ReadonlyMap<string, readonly Demand[]> {
  return annotated(policies, 'requires', 'forbid', (text, policy) => parseDemands(text, placeOf(policy)))
}

/** `@limit` of the permits that have one: `60/m`, how many in which span. */
export function limitsOf(policies: Policies): ReadonlyMap<string, string> {
  return annotated(policies, 'limit', 'permit', (text, policy) => {
    if (parseRate(text) !== undefined) return text
    throw wrong(policy, `@limit(${JSON.stringify(text)}) is no rate such as "60/m"`)
  })
}

function annotated<T>(policies: Policies, name: string, effect: string, parse: (text: string, policy: Policy) => T): Map<string, T> {
  const found = new Map<string, T>()
  for (const policy of policies.values()) {
    const text = policy.json.annotations?.[name]
    if (text === undefined) continue
    if (policy.json.effect !== effect) throw wrong(policy, `@${name} belongs on a ${effect}`)
    found.set(policy.id, parse(text, policy))
  }
  return found
}

function wrong(policy: Policy, what: string): Fault {
  return new Fault('FAULT_POLICY', `${placeOf(policy)}: ${what}`)
}
