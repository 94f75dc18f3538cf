/** Where two definitions differ, as JSON Pointers (RFC 6901): the outermost places, so that one change is one pointer. */
import { canonical, isObject, type JsonValue } from '../core/json.ts'

/** More than a person reads; the rest is seen in the difference itself. */
const CHANGES_MAX = 8
/** Names in a pointer are somebody's: longer ones are cut. */
const STEP_MAX_CHARS = 64

export function changesBetween(before: JsonValue, after: JsonValue): readonly string[] {
  const found: string[] = []
  compare(before, after, '', found)
  return found
}

function compare(before: JsonValue | undefined, after: JsonValue | undefined, pointer: string, found: string[]): void {
  if (found.length >= CHANGES_MAX || isSame(before, after)) return
  if (isObject(before) && isObject(after)) {
    for (const name of new Set([...Object.keys(before), ...Object.keys(after)]).values())
      compare(before[name], after[name], `${pointer}/${stepOf(name)}`, found)
  } else if (Array.isArray(before) && Array.isArray(after) && before.length === after.length) {
    for (const [index, value] of before.entries()) compare(value, after[index], `${pointer}/${index}`, found)
  } else found.push(pointer)
}

function isSame(before: JsonValue | undefined, after: JsonValue | undefined): boolean {
  if (before === undefined || after === undefined) return before === after
  return canonical(before) === canonical(after)
}

/** Printable, bounded, and escaped (RFC 6901 §3). */
function stepOf(name: string): string {
  const plain = name.slice(0, STEP_MAX_CHARS).replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return plain.replaceAll('~', '~0').replaceAll('/', '~1')
}
