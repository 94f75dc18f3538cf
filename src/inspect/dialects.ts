/** Older dialects of JSON Schema, read into the words of 2020-12. */
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { Flaw } from './flaw.ts'

export type Dialect = 'draft-04' | 'draft-07' | '2020-12'

/** 2020-12 unless told (SEP-1613); 2019-09 differs from it in nothing that is left here. */
const DIALECTS: Readonly<Record<string, Dialect>> = {
  'draft-04': 'draft-04',
  'draft-06': 'draft-07',
  'draft-07': 'draft-07',
  'draft/2019-09': '2020-12',
  'draft/2020-12': '2020-12',
}

/** As the specifications write it and as people do: `http` or `https`, with a `#` behind or without. */
const NAME = /^https?:\/\/json-schema\.org\/(draft[-/][\d-]+)\/schema#?$/

/** @throws Flaw for a dialect of others. */
export function dialectOf(root: JsonObject): Dialect {
  const written = root['$schema']
  if (written === undefined) return '2020-12'
  const [, name = ''] = typeof written === 'string' ? (NAME.exec(written) ?? []) : []
  const dialect = Object.hasOwn(DIALECTS, name) ? DIALECTS[name] : undefined
  if (dialect === undefined) throw new Flaw('$schema', { step: '$schema', outer: undefined }, 'a dialect that is not known here')
  return dialect
}

/** What gives an embedded schema its name. */
export function identityOf(dialect: Dialect): 'id' | '$id' {
  return dialect === 'draft-04' ? 'id' : '$id'
}

/** What draft-07 does not know: there it is an annotation. */
const SINCE_2019: ReadonlySet<string> = new Set([
  'minContains',
  'maxContains',
  'prefixItems',
  'unevaluatedItems',
  'unevaluatedProperties',
  'dependentRequired',
  'dependentSchemas',
])
/** What draft-04 does not know either. */
const SINCE_06: ReadonlySet<string> = new Set(['const', 'contains', 'propertyNames', 'if', 'then', 'else'])

/** The keywords of a subschema in the words of 2020-12. */
export function modern(value: JsonObject, dialect: Dialect): JsonObject {
  const isOld = dialect !== '2020-12'
  // Draft-07 §8.3, draft-04 Core §7: beside a reference nothing else counts.
  if (isOld && value['$ref'] !== undefined) return {}
  const bounded = withBounds(value)
  if (!isOld && !Array.isArray(value['items'])) return bounded
  const { items, additionalItems, dependencies, ...rest } = bounded
  const isKnown = (keyword: string): boolean => !SINCE_2019.has(keyword) && (dialect !== 'draft-04' || !SINCE_06.has(keyword))
  const kept = isOld ? Object.fromEntries(Object.entries(rest).filter(([keyword]) => isKnown(keyword))) : rest
  return {
    ...kept,
    ...(Array.isArray(items) ? tuple(items, additionalItems) : { items }),
    ...(isOld ? dependent(dependencies) : {}),
  }
}

const BOUNDS = [
  ['exclusiveMinimum', 'minimum'],
  ['exclusiveMaximum', 'maximum'],
] as const

/** Draft-04 §5.1: a flag says whether the bound itself is out. OpenAPI 3.0 has it so too, and its tools do not say which dialect they speak. */
function withBounds(value: JsonObject): JsonObject {
  let told = value
  for (const [exclusive, bound] of BOUNDS) {
    const flag = told[exclusive]
    if (typeof flag !== 'boolean') continue
    const { [exclusive]: _flag, [bound]: limit, ...rest } = told
    told = limit === undefined ? rest : { ...rest, [flag ? exclusive : bound]: limit }
  }
  return told
}

function tuple(items: JsonValue, rest: JsonValue | undefined): JsonObject {
  const empty = Array.isArray(items) && items.length === 0
  return { ...(empty ? {} : { prefixItems: items }), ...(rest === undefined ? {} : { items: rest }) }
}

function dependent(dependencies: JsonValue | undefined): JsonObject {
  if (!isObject(dependencies)) return dependencies === undefined ? {} : { dependentSchemas: dependencies }
  const entries = Object.entries(dependencies)
  return {
    dependentRequired: Object.fromEntries(entries.filter(([, needed]) => Array.isArray(needed))),
    dependentSchemas: Object.fromEntries(entries.filter(([, needed]) => !Array.isArray(needed))),
  }
}
