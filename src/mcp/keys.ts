/** Member names that a case-insensitive reader would take for others (CVE-2026-27896): refused where names have a meaning. */
import { Denial } from '../core/denial.ts'
import type { JsonObject } from '../core/json.ts'
import { META } from './revision.ts'

/** What `params` of any method may hold that somebody reads by name. Others pass, for revisions to come. */
const PARAMS = [
  '_meta',
  'name',
  'arguments',
  'uri',
  'taskId',
  'cursor',
  'ref',
  'argument',
  'context',
  'notifications',
  'inputResponses',
  'requestState',
  'protocolVersion',
  'capabilities',
  'clientInfo',
  'level',
  'requestId',
  'reason',
  'progressToken',
  'progress',
  'total',
  'message',
  'task',
]

/** A set of names and of what they fold to. */
interface Known {
  readonly exact: ReadonlySet<string>
  readonly folded: ReadonlySet<string>
}

function known(names: readonly string[]): Known {
  return { exact: new Set(names), folded: new Set(names.map(fold)) }
}

const KNOWN_PARAMS = known(PARAMS)
const KNOWN_META = known([...Object.values(META), 'traceparent', 'tracestate', 'baggage'])
const KNOWN_REFERENCE = known(['type', 'name', 'uri', 'title'])
const KNOWN_FILTER = known(['toolsListChanged', 'promptsListChanged', 'resourcesListChanged', 'resourceSubscriptions', 'taskIds'])
const NONE = known([])
/** What of a result is held to the law, to pins or to the schema by name. */
const KNOWN_RESULT = known([
  '_meta',
  'tools',
  'prompts',
  'resources',
  'resourceTemplates',
  'tasks',
  'content',
  'structuredContent',
  'isError',
  'contents',
  'messages',
  'resultType',
  'inputRequests',
  'requestState',
  'task',
  'taskId',
  'nextCursor',
  'instructions',
  'serverInfo',
  'supportedVersions',
  'capabilities',
  'protocolVersion',
  'cacheScope',
  'ttlMs',
])

export const checkParamsKeys = (params: JsonObject): void => checkKeys(params, KNOWN_PARAMS)
export const checkMetaKeys = (meta: JsonObject): void => checkKeys(meta, KNOWN_META)
export const checkReferenceKeys = (ref: JsonObject): void => checkKeys(ref, KNOWN_REFERENCE)
/** Whether a server's result has a name that a case-insensitive reader takes for one by which it is judged: `Tools` beside `tools`, or in its place. */
export function hasResultVariant(result: JsonObject): boolean {
  for (const key in result) if (!KNOWN_RESULT.exact.has(key) && KNOWN_RESULT.folded.has(fold(key))) return true
  return false
}

export const checkFilterKeys = (filter: JsonObject): void => checkKeys(filter, KNOWN_FILTER)
/** The names of a tool's arguments are the tool's: only variants of one another are refused. */
export const checkArgumentKeys = (values: JsonObject): void => checkKeys(values, NONE)

/** @throws Denial `malformed` when a name is a variant of a known one, or two are variants of each other. */
function checkKeys(object: JsonObject, names: Known): void {
  let changed = false
  let strangers = 0
  for (const key in object) {
    if (names.exact.has(key)) continue
    strangers++
    const folded = fold(key)
    if (names.folded.has(folded)) throw variant()
    if (folded !== key) changed = true
  }
  // Lower-case names that differ cannot be variants of each other.
  if (!changed || strangers < 2) return
  const seen = new Set<string>()
  for (const key in object) {
    const folded = fold(key)
    if (seen.has(folded)) throw variant()
    seen.add(folded)
  }
}

const variant = (): Denial => new Denial('malformed', { detail: 'a member name is a variant of another', isOfForm: true })

/** Letters that upper- or lower-casing turns into an ASCII `i`: dotless and dotted. */
const TURKIC_I = /[ıİ]/g

/** What a sloppy reader may compare by: lower case, after compatibility normalisation where there is more than ASCII. */
function fold(key: string): string {
  for (let at = 0; at < key.length; at++) {
    if (key.charCodeAt(at) > 0x7f) return key.replace(TURKIC_I, 'i').normalize('NFKC').toLowerCase()
  }
  return key.toLowerCase()
}
