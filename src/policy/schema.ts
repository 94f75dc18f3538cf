/** The words of the law: which entities there are, what each says of itself, which action goes with which resource. */
import type { RecordType, SchemaJson, Type, TypeOfAttribute } from '@cedar-policy/cedar-wasm/nodejs'
import { ACTIONS, type Action, type ResourceKind } from '../core/call.ts'
import type { Reads } from './reads.ts'

type Attributes = Readonly<Record<string, TypeOfAttribute<string>>>

const TEXT: Type<string> = { type: 'String' }
const TEXTS: Type<string> = { type: 'Set', element: TEXT }
const FLAG: Type<string> = { type: 'Boolean' }
const NUMBER: Type<string> = { type: 'Long' }

export const TYPES: Readonly<Record<ResourceKind, string>> = {
  server: 'Server',
  tool: 'Tool',
  resource: 'Resource',
  prompt: 'Prompt',
  task: 'Task',
}

/** A question that is not in this table is a fault: no such method exists. */
export const APPLIES: Readonly<Record<Action, readonly ResourceKind[]>> = {
  list: ['server', 'task'],
  call: ['tool'],
  read: ['resource', 'task'],
  get: ['prompt', 'task'],
  complete: ['prompt', 'resource'],
  listen: ['server', 'resource', 'task'],
  control: ['server', 'task'],
  receive: ['server', 'tool', 'resource', 'prompt', 'task'],
}

/** Claims are its tags, by name (`acr`) or by JSON Pointer (`/realm_access/roles`): each a set of texts. */
export const PRINCIPAL = {
  kind: TEXT,
  issuer: TEXT,
  subject: TEXT,
  client: { ...TEXT, required: false },
  tenant: { ...TEXT, required: false },
  /** With all that they inherit. */
  roles: TEXTS,
  /** Empty also when the credential knows no scopes. */
  scopes: TEXTS,
  actors: TEXTS,
} as const satisfies Attributes

/** The same for every kind, so that a policy may speak of `resource` without saying of which kind. */
export const RESOURCE = {
  server: TEXT,
  name: TEXT,
  /** The patterns of `access:` that match. */
  rules: TEXTS,
  /** The scopes any of which opens it; empty: none is asked for. */
  scopes: TEXTS,
  /** `public`, `internal`, `confidential` or `secret`. */
  sensitivity: { ...TEXT, required: false },
  /** Whether calling it may destroy or change something. Every tool is taken to, unless `access.tools` says otherwise; its server's own hint is not asked. */
  destructive: FLAG,
  /** Whether it may reach beyond its server. Everything is taken to, unless `access.tools` says otherwise. */
  openWorld: FLAG,
} as const satisfies Attributes

export const CONTEXT = {
  /** A person has approved this very call. */
  approved: FLAG,
  /** The client says that this very call was confirmed. */
  confirmed: FLAG,
  /** The allow-list of the credential covers the resource, or it has none. */
  granted: FLAG,
  /** The credential has an allow-list, and it names the resource. */
  listed: FLAG,
  /** The scopes of the credential open the resource, or it knows none, or none is asked for. */
  scoped: FLAG,
  /** Labels of what was found in the payload. */
  findings: TEXTS,
  /** Labels of what is held against the definition of the thing: `definition/drift`, `definition/new`. Nothing that the caller sends changes it. */
  definition: TEXTS,
  /** The arguments: an entity whose tags are the texts at JSON Pointers. */
  input: { type: 'Entity', name: 'Input' },
  /** UTC, 0 to 23. */
  hour: NUMBER,
  /** UTC, ISO 8601: 1 is Monday, 7 is Sunday. */
  weekday: NUMBER,
} as const satisfies Attributes

/**
 * The schema, whole or narrowed to what is read. Policies are validated against both: against the whole for their author,
 * against the narrowed one as Cedar's own proof that nothing they read was left out.
 */
export function schemaOf(reads?: Reads): SchemaJson<string> {
  const record = (owner: string, attributes: Attributes): { type: 'Record' } & RecordType<string> => ({
    type: 'Record',
    attributes: Object.fromEntries(Object.entries(attributes).filter(([name]) => reads?.attributes.has(`${owner}.${name}`) ?? true)),
  })
  const resource = { memberOfTypes: ['Server'], shape: record('resource', RESOURCE) }
  const kinds = (kind: ResourceKind): string => TYPES[kind]
  return {
    '': {
      entityTypes: {
        Principal: { memberOfTypes: ['Role', 'Permission'], shape: record('principal', PRINCIPAL), tags: TEXTS },
        Role: { memberOfTypes: ['Role', 'Permission'] },
        Permission: {},
        Server: { shape: record('resource', RESOURCE) },
        Tool: resource,
        Prompt: resource,
        Task: resource,
        Resource: { ...resource, shape: record('resource', { ...RESOURCE, uri: TEXT }) },
        Input: { tags: TEXT },
      },
      actions: Object.fromEntries(
        ACTIONS.map((action) => [
          action,
          { appliesTo: { principalTypes: ['Principal'], resourceTypes: APPLIES[action].map(kinds), context: record('context', CONTEXT) } },
        ]),
      ),
    },
  }
}
