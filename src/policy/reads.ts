/** What a policy reads: the field of view of the law. Whatever is outside of it is neither shown to Cedar nor part of a memory's key. */
import type { EntityUidJson, Expr, PolicyJson, TypeAndId } from '@cedar-policy/cedar-wasm/nodejs'
import type { Action } from '../core/call.ts'
import { isObject } from '../core/json.ts'

export interface Reads {
  /** `principal.scopes`, `resource.rules`, `context.approved`. */
  readonly attributes: ReadonlySet<string>
  /** Tags of the principal: names of claims, or JSON Pointers into them. */
  readonly claims: ReadonlySet<string>
  /** Tags of the input: JSON Pointers. */
  readonly inputs: ReadonlySet<string>
  /** Entities named by a literal: type → ids. */
  readonly entities: ReadonlyMap<string, ReadonlySet<string>>
  /** Whether it reads tags in a way that does not say which: by a key that is not a literal, or of what is neither principal nor input. */
  readonly unclear: boolean
  /** Whether a number was written that Cedar's JSON cannot carry to us unchanged. */
  readonly imprecise: boolean
}

interface Seen {
  readonly attributes: Set<string>
  readonly claims: Set<string>
  readonly inputs: Set<string>
  readonly entities: Map<string, Set<string>>
  unclear: boolean
  imprecise: boolean
}

const VARIABLES = ['principal', 'resource', 'context'] as const

function nothingSeen(): Seen {
  return { attributes: new Set(), claims: new Set(), inputs: new Set(), entities: new Map(), unclear: false, imprecise: false }
}

/** Whether some policy writes this entity out. Where none does, its name cannot matter. */
export function isNamed(reads: Reads, type: string, id: string): boolean {
  return reads.entities.get(type)?.has(id) ?? false
}

export function readsOf(policies: readonly PolicyJson[]): Reads {
  const seen = nothingSeen()
  for (const policy of policies) {
    walkScope(policy.principal, seen)
    walkScope(policy.resource, seen)
    for (const condition of policy.conditions) walk(condition.body, seen)
  }
  return seen
}

/** What one expression reads. */
export function readsIn(expression: Expr): Reads {
  const seen = nothingSeen()
  walk(expression, seen)
  return seen
}

/** `==`, `in`, `is … in` of a policy's head. */
function walkScope(constraint: unknown, seen: Seen): void {
  if (!isObject(constraint)) return
  walkEntity(constraint['entity'], seen)
  walkScope(constraint['in'], seen)
}

/** An expression is an object with one member: the operator, over its operands. */
function walk(node: unknown, seen: Seen): void {
  if (!isObject(node)) return
  for (const [operator, body] of Object.entries(node)) {
    switch (operator) {
      case 'Var':
      case 'Slot':
        break
      case 'Value':
        walkValue(body, seen)
        break
      case '.':
      case 'has':
        walkAttribute(body, seen)
        break
      case 'getTag':
      case 'hasTag':
        walkTag(body, seen)
        break
      default:
        // Operands by name (`left`, `if`), members of a record, elements of a set, arguments of a function.
        for (const operand of isObject(body) ? Object.values(body) : Array.isArray(body) ? body : []) walk(operand, seen)
    }
  }
}

function walkAttribute(body: unknown, seen: Seen): void {
  if (!isObject(body)) return
  const { attr, left } = body
  const variable = isObject(left) ? left['Var'] : undefined
  for (const name of Array.isArray(attr) ? attr : [attr]) {
    // Of an expression (`(if … then principal else …).kind`) it could be anybody's.
    for (const owner of typeof variable === 'string' ? [variable] : VARIABLES) seen.attributes.add(`${owner}.${String(name)}`)
  }
  walk(left, seen)
}

/** `principal.getTag("claim")` or `context.input.getTag("/pointer")`. */
function walkTag(body: unknown, seen: Seen): void {
  if (!isObject(body) || !isObject(body['left'])) return
  const { left, right } = body
  const key = isObject(right) ? right['Value'] : undefined
  const attribute = isObject(left['.']) ? left['.']['attr'] : undefined
  if (typeof key === 'string' && left['Var'] === 'principal') seen.claims.add(key)
  else if (typeof key === 'string' && attribute === 'input') seen.inputs.add(key)
  else seen.unclear = true
  walk(left, seen)
  walk(right, seen)
}

function walkValue(value: unknown, seen: Seen): void {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) seen.imprecise = true
  if (Array.isArray(value)) for (const element of value) walkValue(element, seen)
  if (!isObject(value)) return
  if (isObject(value['__entity'])) walkEntity(value, seen)
  else for (const member of Object.values(value)) walkValue(member, seen)
}

function walkEntity(entity: unknown, seen: Seen): void {
  if (!isObject(entity)) return
  const uid = isObject(entity['__entity']) ? entity['__entity'] : entity
  const { type, id } = uid
  if (typeof type !== 'string' || typeof id !== 'string') return
  seen.entities.set(type, (seen.entities.get(type) ?? new Set()).add(id))
}

/** A resource as far as the head of a policy can tell it from others. */
export interface Head {
  readonly type: string
  /** Itself and all that it is in. */
  readonly within: readonly TypeAndId[]
}

/** Whether the head of the policy leaves this action on this resource in. Where it does not, its conditions are never evaluated. */
export function isConcerned({ action, resource }: PolicyJson, asked: Action, head: Head): boolean {
  if (action.op === '==' && !('entity' in action && idOf(action.entity) === asked)) return false
  if (action.op === 'in' && !('entity' in action ? [action.entity] : action.entities).some((entity) => idOf(entity) === asked)) return false
  return isWithin(resource, head)
}

function isWithin(constraint: PolicyJson['resource'], head: Head): boolean {
  switch (constraint.op) {
    case 'All':
      return true
    case 'is':
      return constraint.entity_type === head.type && (constraint.in === undefined || isIn(constraint.in, head))
    case '==':
    case 'in':
      return isIn(constraint, head)
  }
}

function isIn(constraint: object, head: Head): boolean {
  const seen = nothingSeen()
  walkScope(constraint, seen)
  return head.within.some(({ type, id }) => seen.entities.get(type)?.has(id))
}

function idOf(entity: EntityUidJson): string {
  return '__entity' in entity ? entity.__entity.id : entity.id
}
