/** How large a schema becomes when its references are followed: a few lines that name each other twice grow without end ("billion laughs"). */
import { isObject, type JsonValue } from '../core/json.ts'

/** More places than any tool has arguments. */
const PLACES_MAX = 20_000

/** Whether following every local reference once would make more than `PLACES_MAX` places of it. One that leads back to itself is followed once. */
export function isBomb(schema: JsonValue | undefined): boolean {
  if (!isObject(schema)) return false
  const sizes = new Map<string, number>()
  const sizeOf = (value: JsonValue | undefined): number => {
    if (typeof value !== 'object' || value === null) return 1
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
    const [, member = '', name = ''] = /^#\/(\$defs|definitions)\/([^/]+)$/.exec(reference) ?? []
    const among = schema[member]
    const size = isObject(among) ? sizeOf(among[name]) : 1
    sizes.set(reference, size)
    return size
  }
  return sizeOf(schema) > PLACES_MAX
}
