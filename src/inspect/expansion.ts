/** How large a schema becomes when its references are followed: a few lines that name each other twice grow without end ("billion laughs"). */
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'

/** More places than any tool has arguments. */
const PLACES_MAX = 20_000
/** Places within places, references followed: no tool is described so, and whoever follows them one within the other runs out of stack. */
const DEPTH_MAX = 256

/** What applies to the same place: following it goes no deeper into the data. */
const IN_PLACE = ['allOf', 'anyOf', 'oneOf', 'not', 'if', 'then', 'else'] as const

/** Whether a definition applies itself to the very place that it is applied to: whoever follows it never comes to an end. */
export function isEndless(schema: JsonValue | undefined): boolean {
  if (!isObject(schema)) return false
  const done = new Set<JsonValue>()
  const open = new Set<JsonValue>()
  const leadsBack = (value: JsonValue | undefined): boolean => {
    if (!isObject(value) || done.has(value)) return false
    if (open.has(value) || open.size >= DEPTH_MAX) return true
    open.add(value)
    const reference = value['$ref']
    const target = typeof reference === 'string' ? definitionOf(schema, reference) : undefined
    const isBack = [target, ...IN_PLACE.flatMap((keyword) => value[keyword] ?? [])].some((each) => leadsBack(each))
    open.delete(value)
    done.add(value)
    return isBack
  }
  return (
    leadsBack(schema) ||
    ['$defs', 'definitions'].some((member) => isObject(schema[member]) && Object.values(schema[member]).some((each) => leadsBack(each)))
  )
}

function definitionOf(schema: JsonObject, reference: string): JsonValue | undefined {
  if (reference === '#') return schema
  const [, member = '', name = ''] = /^#\/(\$defs|definitions)\/([^/]+)$/.exec(reference) ?? []
  const among = schema[member]
  return isObject(among) ? among[name] : undefined
}

/** Whether following every local reference once would make more than `PLACES_MAX` places of it. One that leads back to itself is followed once. */
export function isBomb(schema: JsonValue | undefined): boolean {
  if (!isObject(schema)) return false
  const sizes = new Map<string, number>()
  let depth = 0
  const sizeOf = (value: JsonValue | undefined): number => {
    if (typeof value !== 'object' || value === null) return 1
    if (depth >= DEPTH_MAX) return PLACES_MAX + 1
    depth++
    const size = sizeWithin(value)
    depth--
    return size
  }
  const sizeWithin = (value: object): number => {
    let size = 1
    for (const [name, inner] of Object.entries(value)) {
      if (name === '$defs' || name === 'definitions') continue
      size += name === '$ref' && typeof inner === 'string' ? sizeOfTarget(inner) : sizeOf(inner)
      if (size > PLACES_MAX) return size
    }
    return size
  }
  const sizeOfTarget = (reference: string): number => {
    const known = sizes.get(reference)
    if (known !== undefined) return known
    sizes.set(reference, 1)
    const size = sizeOf(definitionOf(schema, reference))
    sizes.set(reference, size)
    return size
  }
  return sizeOf(schema) > PLACES_MAX
}
