/** What a server's answer shows of its things: each definition with the digest of its canonical form. */
import type { Message } from '../core/call.ts'
import { digest, isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { META } from '../mcp/revision.ts'
import { rewrite } from './lists.ts'
import type { PinnedKind, Thing } from './pins.ts'

export interface Sighting extends Thing {
  /** Of its canonical form (RFC 8785). */
  readonly digest: string
  readonly definition: JsonObject
}

interface Row {
  readonly kind: PinnedKind
  /** The member of the result that holds them, and the one that names each. */
  readonly list: string
  readonly name: string
}

const LISTS: Readonly<Record<string, Row>> = {
  'tools/list': { kind: 'tool', list: 'tools', name: 'name' },
  'prompts/list': { kind: 'prompt', list: 'prompts', name: 'name' },
  'resources/list': { kind: 'resource', list: 'resources', name: 'uri' },
  'resources/templates/list': { kind: 'template', list: 'resourceTemplates', name: 'uriTemplate' },
}
const OPENING = new Set(['initialize', 'server/discover'])
/** What a server shows of itself to people and models; its version may change, as long as it is one. */
const SELF = ['name', 'title', 'description', 'websiteUrl', 'icons'] as const
const VERSION = /^[\w.+~-]{1,64}$/
/** ISO 8601, in any of its forms: nothing that reads as words. */
const INSTANT = /^[\d:.,+TZW -]{4,40}$/

/** @returns undefined for an answer that defines nothing. */
export function sightingsIn(result: JsonObject, method: string, server: string): readonly Sighting[] | undefined {
  if (OPENING.has(method)) {
    const definition = selfOf(result)
    return [{ kind: 'server', server, name: server, digest: digest(definition), definition }]
  }
  const row = LISTS[method]
  const items = row === undefined ? undefined : result[row.list]
  if (row === undefined || !Array.isArray(items)) return undefined
  return items.flatMap((item: JsonValue) => {
    const name = isObject(item) ? item[row.name] : undefined
    return isObject(item) && typeof name === 'string' ? [sightingOf(row.kind, server, name, item)] : []
  })
}

/** One item of a list, by the method that lists it. */
export function sightingOfItem(method: string, server: string, item: JsonObject): Sighting | undefined {
  const row = LISTS[method]
  const name = row === undefined ? undefined : item[row.name]
  return row === undefined || typeof name !== 'string' ? undefined : sightingOf(row.kind, server, name, item)
}

function sightingOf(kind: PinnedKind, server: string, name: string, item: JsonObject): Sighting {
  const definition = kind === 'resource' || kind === 'template' ? withoutMoving(item) : item
  return { kind, server, name, digest: digestOf(definition), definition }
}

/** The digest of a definition, reckoned once for each object. */
export function digestOf(definition: JsonObject): string {
  const known = digests.get(definition)
  if (known !== undefined) return known
  const fresh = digest(definition)
  digests.set(definition, fresh)
  return fresh
}

const digests = new WeakMap<JsonObject, string>()

/** What a resource is does not change with what is in it: its size and the time of its last change are left out. */
function withoutMoving(item: JsonObject): JsonObject {
  const { size, annotations, ...others } = item
  if (size === undefined && annotations === undefined) return item
  const rest = size === undefined || typeof size === 'number' ? others : { ...others, size }
  if (!isObject(annotations)) return annotations === undefined ? rest : { ...rest, annotations }
  const { lastModified, ...more } = annotations
  const isMoving = lastModified === undefined || (typeof lastModified === 'string' && INSTANT.test(lastModified))
  const standing = isMoving ? more : annotations
  return Object.keys(standing).length === 0 ? rest : { ...rest, annotations: standing }
}

function selfOf(result: JsonObject): JsonObject {
  const info = infoOf(result)
  const instructions = result['instructions']
  const said = SELF.flatMap((name) => (info?.[name] === undefined ? [] : [[name, info[name]] as const]))
  const version = info?.['version']
  const odd = version === undefined || isVersion(version) ? {} : { version }
  return { ...(instructions === undefined ? {} : { instructions }), ...Object.fromEntries(said), ...odd }
}

const isVersion = (version: JsonValue): boolean => typeof version === 'string' && VERSION.test(version)

/** Since 2026-07-28 it stands in `_meta`. */
function infoOf(result: JsonObject): JsonObject | undefined {
  const meta = result['_meta']
  const info = result['serverInfo'] ?? (isObject(meta) ? meta[META.serverInfo] : undefined)
  return isObject(info) ? info : undefined
}

/** The opening without anything that a model or a person would read. @param name of the server, as the gateway calls it */
export function withoutSelf(message: Message, method: string, name: string): Message {
  const { result } = message.body
  const info = result === undefined ? undefined : infoOf(result)
  if (result === undefined || !OPENING.has(method)) return message
  const { instructions: _instructions, ...rest } = result
  if (info === undefined) return rewrite(message, rest)
  const others = Object.entries(info).filter(([member]) => !SELF.some((said) => said === member))
  // Both must be there.
  const version = info['version'] === undefined || isVersion(info['version']) ? info['version'] : '0'
  const plain: JsonObject = { ...Object.fromEntries(others), name, ...(version === undefined ? {} : { version }) }
  const meta = rest['_meta']
  if (rest['serverInfo'] !== undefined) return rewrite(message, { ...rest, serverInfo: plain })
  return rewrite(message, { ...rest, _meta: { ...(isObject(meta) ? meta : {}), [META.serverInfo]: plain } })
}
