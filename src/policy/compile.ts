/** Rules in, a law that can be asked out: parsed, checked, projected, and handed to Cedar under a name. All or nothing. */
import { preparsePolicySet, preparseSchema } from '@cedar-policy/cedar-wasm/nodejs'
import type { Action } from '../core/call.ts'
import { digest, type JsonValue } from '../core/json.ts'
import { type Access, type AccessRules, compileAccess } from './access.ts'
import { byId, checkClear, checkComplete, checkValid, demandsOf, limitsOf, type Policies, texts } from './check.ts'
import { type InputRead, parsePointer } from './entities.ts'
import { lenient } from './lenient.ts'
import { mistakes, type Policy, type PolicyFile, parsePolicies, policyFromJson, readPolicies } from './load.ts'
import { type Head, isConcerned, type Reads, readsOf } from './reads.ts'
import type { Demand } from './remedy.ts'
import { schemaOf } from './schema.ts'

/** All that decides. */
export interface Rules {
  readonly access: AccessRules
  readonly files: readonly PolicyFile[]
}

/** Policies that Cedar holds ready, and what must be known to ask it. */
export interface Prepared {
  /** What Cedar knows the policies and the narrowed schema by. */
  readonly slot: string
  readonly access: Access
  readonly reads: Reads
  /** What every forbid asks for that names a remedy. */
  readonly demands: ReadonlyMap<string, readonly Demand[]>
  readonly limits: ReadonlyMap<string, string>
  readonly revision: string
  /** The arguments that could matter when this action is asked of this resource. */
  inputsFor(action: Action, head: Head): readonly InputRead[]
}

export interface Compiled {
  /** House rules first, then `access:`, then files. */
  readonly policies: Policies
  readonly access: Access
  /** Those that policies demand by name, sorted. */
  readonly scopes: readonly string[]
  /** Whether a policy file asks what has entered a conversation. The house rules ask only where `flow.sinks` names a sink. */
  readonly readsFlow: boolean
  readonly strict: Prepared
  /** The same law, as though arguments and findings could be anything: what may be seen. `strict` itself where no policy reads them. */
  readonly lenient: Prepared
}

/**
 * @param slot a name that no law in force uses. Cedar keeps what it was given under a name for the life of the module, so names are few.
 * @param house the rules of the house, parsed
 * @throws Fault `FAULT_POLICY`; then whatever is in force stays in force.
 */
export function compile({ access: rules, files }: Rules, slot: string, house = houseRules()): Compiled {
  const access = compileAccess(rules)
  const written = files.flatMap(parsePolicies)
  const policies = byId([...house, ...access.policies, ...written])
  checkValid(policies, schemaOf())
  for (const policy of policies.values()) checkClear(policy)
  const known = { access, demands: demandsOf(policies), limits: limitsOf(policies), revision: revisionOf(policies, rules) }
  const strict = { ...known, ...prepare(policies, slot) }
  const relaxed = byId([...policies.values()].map(relax))
  const isSame = [...policies].every(([id, policy]) => relaxed.get(id) === policy)
  const scopes = scopesOf(known.demands)
  const readsFlow = readsOf(written.map(({ json }) => json)).attributes.has('context.flow')
  return { policies, access, scopes, readsFlow, strict, lenient: isSame ? strict : { ...known, ...prepare(relaxed, `${slot}/lenient`) } }
}

function scopesOf(demands: Prepared['demands']): readonly string[] {
  const named = [...demands.values()].flat().flatMap((demand) => (demand.kind === 'scope' ? [demand.scope] : []))
  return [...new Set(named)].sort()
}

/** Beside this file, in the sources and in what is published. No setting changes them. */
export function houseRules(): readonly Policy[] {
  return readPolicies([new URL('./defaults.cedar', import.meta.url)], () => 'defaults.cedar').flatMap(parsePolicies)
}

function relax(policy: Policy): Policy {
  const json = lenient(policy.json)
  return json === policy.json ? policy : policyFromJson(policy.id, json)
}

function prepare(policies: Policies, slot: string): Pick<Prepared, 'slot' | 'reads' | 'inputsFor'> {
  const reads = readsOf([...policies.values()].map(({ json }) => json))
  const schema = schemaOf(reads)
  checkComplete(policies, schema)
  for (const answer of [preparseSchema(slot, schema), preparsePolicySet(slot, { staticPolicies: texts(policies) })]) {
    if (answer.type === 'failure') throw mistakes(answer.errors, 'policies')
  }
  return { slot, reads, inputsFor: inputsOf(policies) }
}

function inputsOf(policies: Policies): Prepared['inputsFor'] {
  const readers = [...policies.values()]
    .map(({ json }) => ({ json, pointers: [...readsOf([json]).inputs] }))
    .filter(({ pointers }) => pointers.length > 0)
  return (action, head) => {
    const concerned = readers.filter(({ json }) => isConcerned(json, action, head))
    const pointers = new Set(concerned.flatMap((reader) => reader.pointers))
    return [...pointers].sort().map((pointer) => ({ pointer, path: parsePointer(pointer) ?? [] }))
  }
}

function revisionOf(policies: Policies, access: AccessRules): string {
  const plain: JsonValue = JSON.parse(JSON.stringify(access))
  return digest({ policies: texts(policies), access: plain })
}
