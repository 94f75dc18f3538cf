/** Places within a schema, as references name them: JSON Pointers in the fragment of a URI (RFC 6901 §6). */
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'

/** The pointer of `#/…`; undefined for anything that is not in the same document, or is named by an anchor. */
export function localPointer(reference: string): string | undefined {
  if (reference !== '#' && !reference.startsWith('#/')) return undefined
  try {
    return decodeURIComponent(reference.slice(1))
  } catch {
    return undefined
  }
}

export function valueAt(root: JsonObject, pointer: string): JsonValue | undefined {
  let value: JsonValue | undefined = root
  for (const step of stepsOf(pointer)) {
    if (Array.isArray(value)) value = /^(0|[1-9]\d{0,8})$/.test(step) ? value[Number(step)] : undefined
    else value = isObject(value) && Object.hasOwn(value, step) ? value[step] : undefined
  }
  return value
}

/** RFC 6901 §4. */
export function stepsOf(pointer: string): readonly string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
}
