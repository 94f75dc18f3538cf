/** How a place in the arguments is told: what is not seen is shown, and to the caller only names that the definition has, for the others may be words to a model. */
import type { Finding } from '../core/finding.ts'
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { visible } from '../core/visible.ts'
import { cutPointer } from './flaw.ts'
import { stepsOf } from './pointer.ts'

/** Cut before and after: what is shown for one sign may be six. */
export function shownPointer(pointer: string): string {
  return cutPointer(visible(cutPointer(pointer)))
}

/** Says beside a finding how much of its pointer the definition names, where that is not all. */
export function withNamed(finding: Finding, schema: JsonValue | undefined): Finding {
  const names = isObject(schema) ? namesOf(schema) : NO_NAMES
  const steps = stepsOf(finding.pointer)
  const unknown = steps.findIndex((step) => !names.has(step) && !INDEX.test(step))
  if (unknown === -1) return finding
  return {
    ...finding,
    named: finding.pointer
      .split('/')
      .slice(0, unknown + 1)
      .join('/'),
  }
}

/** A place in a list. */
const INDEX = /^(?:0|[1-9]\d{0,6})$/
const NO_NAMES: ReadonlySet<string> = new Set()
const KNOWN = new WeakMap<JsonObject, ReadonlySet<string>>()

/** Every name of a member that a schema has, wherever in it. */
function namesOf(schema: JsonObject): ReadonlySet<string> {
  const known = KNOWN.get(schema)
  if (known !== undefined) return known
  const names = new Set<string>()
  const open: JsonValue[] = [schema]
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (typeof value !== 'object' || value === null) continue
    if (isObject(value)) addNames(value, names)
    for (const inner of Object.values(value)) if (inner !== undefined) open.push(inner)
  }
  KNOWN.set(schema, names)
  return names
}

function addNames({ properties, required, dependentRequired, dependentSchemas, dependencies }: JsonObject, names: Set<string>): void {
  for (const map of [properties, dependentRequired, dependentSchemas, dependencies])
    if (isObject(map)) for (const name of Object.keys(map)) names.add(name)
  for (const list of [required, ...(isObject(dependentRequired) ? Object.values(dependentRequired) : [])])
    if (Array.isArray(list)) for (const name of list) if (typeof name === 'string') names.add(name)
}
