/** Arguments that a tool wants repeated as `Mcp-Param-*` headers, for callers whose revision does not know them (2026-07-28, `x-mcp-header`). */
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { encodeHeaderValue, HEADER } from './revision.ts'

/** Deeper arguments are not looked for. */
const DEPTH_MAX = 16
/** RFC 9110 §5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const TYPES: ReadonlySet<JsonValue> = new Set(['integer', 'string', 'boolean'])

export interface Mirror {
  /** Lower case, with its prefix. */
  readonly header: string
  /** Where the argument stands. */
  readonly path: readonly string[]
}

/** What the schema asks for; undefined when an annotation is not valid, which makes the tool so. */
export function mirrorsOf(inputSchema: JsonValue | undefined): readonly Mirror[] | undefined {
  const mirrors: Mirror[] = []
  const names = new Set<string>()
  const isValid = walk(inputSchema, [], (name, type, path) => {
    const header = HEADER.param + name.toLowerCase()
    if (!TOKEN.test(name) || type === undefined || !TYPES.has(type) || names.has(header)) return false
    names.add(header)
    mirrors.push({ header, path })
    return true
  })
  return isValid ? mirrors : undefined
}

type Visit = (name: string, type: JsonValue | undefined, path: readonly string[]) => boolean

/** Through `properties` only: what stands elsewhere may or may not be there. */
function walk(schema: JsonValue | undefined, path: readonly string[], visit: Visit): boolean {
  const properties = isObject(schema) ? schema['properties'] : undefined
  if (!isObject(properties) || path.length >= DEPTH_MAX) return true
  return Object.entries(properties).every(([key, property]) => {
    if (!isObject(property)) return true
    const here = [...path, key]
    const name = property['x-mcp-header']
    if (name !== undefined && (typeof name !== 'string' || !visit(name, property['type'], here))) return false
    return walk(property, here, visit)
  })
}

/** The headers for these arguments: none for what is absent or `null`. */
export function mirrored(mirrors: readonly Mirror[], args: JsonObject): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {}
  for (const { header, path } of mirrors) {
    let value: JsonValue | undefined = args
    for (const key of path) value = isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined
    if (typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number')
      headers[header] = encodeHeaderValue(String(value))
  }
  return headers
}
