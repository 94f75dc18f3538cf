/** Views: what the law can see of principals and resources, made once for each and given a number. Equal views are one view. */
import type { EntityJson } from '@cedar-policy/cedar-wasm/nodejs'
import type { Action, Resource } from '../core/call.ts'
import { isCovered, isServerCovered, type Pattern } from '../core/pattern.ts'
import type { Principal } from '../core/principal.ts'
import type { Prepared } from './compile.ts'
import { type Ceilings, type InputRead, principalEntity, resourceEntity } from './entities.ts'
import { Recent } from './memory.ts'

export interface PrincipalView {
  readonly id: number
  readonly entity: EntityJson
}

export interface ResourceView {
  readonly id: number
  readonly entity: EntityJson
  /** The arguments that could matter, by action. */
  readonly inputs: Map<Action, readonly InputRead[]>
}

/** A principal as this law knows it. */
export interface Known {
  readonly view: PrincipalView
  /** How far its credential reaches, for the things that were asked for. */
  readonly reach: Recent<Thing, Ceilings>
}

/** A resource as this law knows it: many things may look alike. */
export interface Thing {
  readonly view: ResourceView
  readonly resource: Resource
  /** The scopes that `access:` lists for it. */
  readonly listed: readonly string[]
  /** These, and the broader ones that cover them. */
  readonly scopes: ReadonlySet<string>
}

export interface Views {
  principal(principal: Principal): Known
  resource(resource: Resource): Thing
  inputs(view: ResourceView, action: Action): readonly InputRead[]
}

/** Different principals, as the law sees them, kept at a time; usually some 500 bytes each. */
const PRINCIPALS_MAX = 5_000
/** Different tools, prompts and URIs kept at a time; usually some 500 bytes each. */
const RESOURCES_MAX = 5_000
/** Things whose ceilings are kept for one principal. */
const REACH_MAX = 1_000
/** What has a longer name, or is more to see, is looked at anew each time: long URIs and claims must not fill the memory. */
const NAME_MAX_CHARS = 1_024
const VIEW_MAX_CHARS = 2_048

export function createViews(law: Prepared): Views {
  const principals = new WeakMap<Principal, Known>()
  const things = new Recent<string, Thing>(RESOURCES_MAX)
  const principalViews = new Recent<string, PrincipalView>(PRINCIPALS_MAX)
  const resourceViews = new Recent<string, ResourceView>(RESOURCES_MAX)
  let count = 0

  const viewPrincipal = (principal: Principal): PrincipalView => {
    const entity = principalEntity(principal, law.access.roles, law.reads)
    // Whether a scope can be offered as a remedy belongs to the answer, though no policy reads it.
    return intern(principalViews, JSON.stringify([entity, principal.scopes !== undefined]), () => ({ id: ++count, entity }))
  }

  const viewResource = (resource: Resource): Thing => {
    const facts = law.access.facts(resource)
    const entity = resourceEntity(resource, facts, law.reads)
    const view = intern(resourceViews, JSON.stringify(entity), () => ({ id: ++count, entity, inputs: new Map() }))
    return { view, resource, listed: facts.listed, scopes: new Set(facts.scopes) }
  }

  return {
    principal(principal) {
      const known = principals.get(principal)
      if (known !== undefined) return known
      const fresh = { view: viewPrincipal(principal), reach: new Recent<Thing, Ceilings>(REACH_MAX) }
      principals.set(principal, fresh)
      return fresh
    },
    resource(resource) {
      const { kind, server, name } = resource
      // The length says where the server's name ends, whatever characters it has.
      const key = `${kind} ${server.length} ${server}${name}`
      const known = things.get(key)
      if (known !== undefined) return known
      const fresh = viewResource(resource)
      if (name.length <= NAME_MAX_CHARS) things.set(key, fresh)
      return fresh
    },
    inputs(view, action) {
      return view.inputs.get(action) ?? rememberInputs(law, view, action)
    },
  }
}

function intern<V extends {}>(views: Recent<string, V>, key: string, make: () => V): V {
  const known = views.get(key)
  if (known !== undefined) return known
  const fresh = make()
  if (key.length <= VIEW_MAX_CHARS) views.set(key, fresh)
  return fresh
}

/** A view shows by name and parents all that a policy's head can ask for, so things that look alike read alike. */
function rememberInputs(law: Prepared, view: ResourceView, action: Action): readonly InputRead[] {
  const { uid, parents } = view.entity
  const within = [uid, ...parents].map((one) => ('__entity' in one ? one.__entity : one))
  const inputs = law.inputsFor(action, { type: within[0]?.type ?? '', within })
  view.inputs.set(action, inputs)
  return inputs
}

/** No allow-list reaches everything, an empty one nothing; and the same for scopes, where some are asked for. */
export function ceilingsOf({ grants, scopes }: Principal, known: Known, thing: Thing): Ceilings {
  if (grants === undefined && scopes === undefined) return NO_CEILINGS
  const remembered = known.reach.get(thing)
  if (remembered !== undefined) return remembered
  const listed = grants?.some((pattern) => isReached(pattern, thing.resource)) ?? false
  const ceilings = {
    granted: grants === undefined || listed,
    listed,
    scoped: scopes === undefined || thing.scopes.size === 0 || scopes.some((scope) => thing.scopes.has(scope)),
  }
  if (thing.resource.name.length <= NAME_MAX_CHARS) known.reach.set(thing, ceilings)
  return ceilings
}

const NO_CEILINGS: Ceilings = { granted: true, listed: false, scoped: true }

/** A server and its tasks are reached by whoever reaches anything on it; the id of a task is no name to write patterns for. */
function isReached(pattern: Pattern, { kind, server, name }: Resource): boolean {
  return kind === 'server' || kind === 'task' ? isServerCovered(pattern, server) : isCovered(pattern, server, name)
}
