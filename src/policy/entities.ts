/** A query as Cedar sees it, projected: only what some policy reads, and nothing that none does. */
import type { CedarValueJson, Context, EntityJson, EntityUidJson, TypeAndId } from '@cedar-policy/cedar-wasm/nodejs'
import type { Resource } from '../core/call.ts'
import type { Query } from '../core/decision.ts'
import { Fault } from '../core/denial.ts'
import { isOfDefinition, isOfFlow, OF_FLOW } from '../core/finding.ts'
import { canonical, isObject, type JsonValue } from '../core/json.ts'
import { nameOf, type Principal } from '../core/principal.ts'
import type { Facts } from './access.ts'
import { isNamed, type Reads } from './reads.ts'
import { isPermitted, type Rights, rightsOf } from './roles.ts'
import { type CONTEXT, type PRINCIPAL, type RESOURCE, TYPES } from './schema.ts'

/** Who has no name in any policy is called this: the name cannot matter, so it is not told. No real entity has it. */
const NAMELESS = ''
const INPUT: TypeAndId = { type: 'Input', id: NAMELESS }

/** How each attribute of the schema is told; a table that lacks one does not compile. */
type Told<Name extends string, From> = Readonly<Record<Name, (from: From) => CedarValueJson | undefined>>

const OF_PRINCIPAL: Told<keyof typeof PRINCIPAL, { readonly principal: Principal; readonly rights: Rights }> = {
  kind: ({ principal }) => principal.kind,
  issuer: ({ principal }) => wellFormed(principal.issuer),
  subject: ({ principal }) => wellFormed(principal.subject),
  client: ({ principal }) => principal.client && wellFormed(principal.client),
  tenant: ({ principal }) => principal.tenant && wellFormed(principal.tenant),
  roles: ({ rights }) => set(rights.roles),
  scopes: ({ principal }) => set(principal.scopes ?? []),
  actors: ({ principal }) => set(principal.actors),
}

const OF_RESOURCE: Told<keyof typeof RESOURCE | 'uri', { readonly resource: Resource; readonly facts: Facts }> = {
  server: ({ resource }) => wellFormed(resource.server),
  name: ({ resource }) => wellFormed(resource.name),
  rules: ({ facts }) => set(facts.rules),
  scopes: ({ facts }) => set(facts.scopes),
  sensitivity: ({ facts }) => facts.sensitivity,
  destructive: ({ resource, facts }) => facts.destructive ?? resource.kind === 'tool',
  openWorld: ({ facts }) => facts.openWorld ?? true,
  sink: ({ facts }) => facts.sink,
  uri: ({ resource }) => (resource.kind === 'resource' ? wellFormed(resource.name) : undefined),
}

const OF_CONTEXT: Told<keyof typeof CONTEXT, { readonly context: Query['context'] } & Circumstances> = {
  approved: ({ context }) => context.approved,
  confirmed: ({ context }) => context.confirmed,
  granted: ({ ceilings }) => ceilings.granted,
  listed: ({ ceilings }) => ceilings.listed,
  scoped: ({ ceilings }) => ceilings.scoped,
  findings: ({ context }) => set(context.findings.map((finding) => finding.label).filter((label) => !isOfFlow(label))),
  definition: ({ context }) => set(context.findings.map((finding) => finding.label).filter(isOfDefinition)),
  flow: ({ context }) => set(context.findings.flatMap(({ label }) => (isOfFlow(label) ? [label.slice(OF_FLOW.length)] : []))),
  input: () => ({ __entity: INPUT }),
  hour: ({ at }) => new Date(at).getUTCHours(),
  weekday: ({ at }) => new Date(at).getUTCDay() || 7,
}

export function principalEntity(principal: Principal, known: ReadonlyMap<string, Rights>, reads: Reads): EntityJson {
  const rights = rightsOf(principal.roles, known)
  return {
    uid: projected(principalUid(principal), reads),
    parents: namedAncestors(rights, reads),
    attrs: told('principal', OF_PRINCIPAL, { principal, rights }, reads),
    tags: claimTags(principal, reads),
  }
}

export function resourceEntity(resource: Resource, facts: Facts, reads: Reads): EntityJson {
  const { kind, server } = resource
  return {
    uid: projected(resourceUid(resource), reads),
    parents: kind !== 'server' && isNamed(reads, 'Server', server) ? [{ type: 'Server', id: server }] : [],
    attrs: told('resource', OF_RESOURCE, { resource, facts }, reads),
  }
}

export function principalUid(principal: Principal): TypeAndId {
  return { type: 'Principal', id: nameOf(principal) }
}

/** `server/name`; a server by its name alone. */
export function resourceUid({ kind, server, name }: Resource): TypeAndId {
  return { type: TYPES[kind], id: kind === 'server' ? server : `${server}/${name}` }
}

/** An argument that some policy reads: its key as a tag, and the way to it. */
export interface InputRead {
  readonly pointer: string
  readonly path: readonly string[]
}

/** What a credential narrows, put to one resource. */
export interface Ceilings {
  /** Its allow-list covers the resource. */
  readonly granted: boolean
  /** Its allow-list names the resource; without a list it names nothing. */
  readonly listed: boolean
  /** Its scopes open the resource. */
  readonly scoped: boolean
}

export interface Circumstances {
  readonly ceilings: Ceilings
  /** Milliseconds since the epoch. */
  readonly at: number
}

export function contextRecord({ context }: Query, circumstances: Circumstances, reads: Reads): Context {
  return told('context', OF_CONTEXT, { context, ...circumstances }, reads)
}

export function inputEntity({ context }: Query, inputs: readonly InputRead[]): EntityJson {
  const tags = inputs.flatMap(({ pointer, path }) => {
    const text = textAt(context.input, path)
    return text === undefined ? [] : [[pointer, text] as const]
  })
  return { uid: INPUT, parents: [], attrs: {}, tags: Object.fromEntries(tags) }
}

/** The way of a JSON Pointer (RFC 6901 §4); undefined when it is none. */
export function parsePointer(pointer: string): readonly string[] | undefined {
  if (pointer === '') return []
  if (!pointer.startsWith('/') || /~(?![01])/.test(pointer)) return undefined
  return pointer
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/**
 * A text as it is, anything else as its canonical JSON: `true`, `5`, `null`, `["a"]`. So a tag is there exactly when
 * the argument is, and wrapping a value in an array hides it from no policy.
 */
export function textAt(root: JsonValue, path: readonly string[]): string | undefined {
  const value = valueAt(root, path)
  return value === undefined ? undefined : wellFormed(typeof value === 'string' ? value : canonical(value))
}

function valueAt(root: JsonValue, path: readonly string[]): JsonValue | undefined {
  let value: JsonValue | undefined = root
  for (const token of path) {
    if (Array.isArray(value)) value = /^(0|[1-9]\d*)$/.test(token) ? value[Number(token)] : undefined
    else value = isObject(value) && Object.hasOwn(value, token) ? value[token] : undefined
    if (value === undefined) return undefined
  }
  return value
}

function claimTags({ claims }: Principal, reads: Reads): Record<string, CedarValueJson> {
  const tags: [string, string[]][] = []
  for (const tag of reads.claims) {
    const value = valueAt(claims, tag.startsWith('/') ? (parsePointer(tag) ?? [tag]) : [tag])
    if (value !== undefined) tags.push([tag, set((Array.isArray(value) ? value : [value]).map((one) => textAt(one, []) ?? ''))])
  }
  return Object.fromEntries(tags)
}

/** Roles and permissions that a policy names; flat, because few entities are fast entities. */
function namedAncestors(rights: Rights, reads: Reads): EntityUidJson[] {
  const roles = [...(reads.entities.get('Role') ?? [])].filter((role) => rights.roles.has(role))
  const permissions = [...(reads.entities.get('Permission') ?? [])].filter((permission) => isPermitted(permission, rights.permissions))
  return [...roles.map((id) => ({ type: 'Role', id })), ...permissions.map((id) => ({ type: 'Permission', id }))]
}

function projected({ type, id }: TypeAndId, reads: Reads): TypeAndId {
  return { type, id: isNamed(reads, type, id) ? id : NAMELESS }
}

/** Sorted and without repetition, so that equal sets are equal texts. */
function set(texts: Iterable<string>): string[] {
  return [...new Set(texts)].map(wellFormed).sort()
}

/** Only what is read is even computed. */
function told<From>(owner: string, table: Told<string, From>, from: From, reads: Reads): Record<string, CedarValueJson> {
  const values: Record<string, CedarValueJson> = {}
  for (const [name, tell] of Object.entries(table)) {
    const value = reads.attributes.has(`${owner}.${name}`) ? tell(from) : undefined
    if (value !== undefined) values[name] = value
  }
  return values
}

/** On its way to Cedar a lone surrogate would become U+FFFD, and two names one. */
function wellFormed(text: string): string {
  if (text.isWellFormed()) return text
  throw new Fault('FAULT_POLICY', 'A text in the query is not well-formed Unicode.')
}
