/** The table: every keyword of JSON Schema that is asserted, what its value must be, and how many units of work it adds to its subschema. */
import type { JsonValue } from '../core/json.ts'
import { isObject } from '../core/json.ts'

/** What the value of a keyword is. Those of the first line hold subschemas. */
export type Kind =
  | 'schema'
  | 'schemas'
  | 'schemaMap'
  | 'patternMap'
  | 'count'
  | 'number'
  | 'positive'
  | 'flag'
  | 'pattern'
  | 'format'
  | 'types'
  | 'names'
  | 'namesMap'
  | 'value'
  | 'values'

/** Closed: whatever is not here is an annotation, and does not reach the generated code. */
export const KEYWORDS: Readonly<Record<string, Kind>> = {
  type: 'types',
  enum: 'values',
  const: 'value',
  multipleOf: 'positive',
  maximum: 'number',
  minimum: 'number',
  exclusiveMaximum: 'number',
  exclusiveMinimum: 'number',
  maxLength: 'count',
  minLength: 'count',
  pattern: 'pattern',
  format: 'format',
  maxItems: 'count',
  minItems: 'count',
  uniqueItems: 'flag',
  contains: 'schema',
  minContains: 'count',
  maxContains: 'count',
  prefixItems: 'schemas',
  items: 'schema',
  unevaluatedItems: 'schema',
  maxProperties: 'count',
  minProperties: 'count',
  required: 'names',
  dependentRequired: 'namesMap',
  dependentSchemas: 'schemaMap',
  properties: 'schemaMap',
  patternProperties: 'patternMap',
  additionalProperties: 'schema',
  unevaluatedProperties: 'schema',
  propertyNames: 'schema',
  allOf: 'schemas',
  anyOf: 'schemas',
  oneOf: 'schemas',
  not: 'schema',
  if: 'schema',
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema.
  then: 'schema',
  else: 'schema',
}

/** Where they stand, something turns on whether a subschema fails: there nothing may be left out. */
export const TURNING: ReadonlySet<string> = new Set(['not', 'if', 'oneOf', 'contains'])

/** Their work grows with the value and not only with the schema: with the members of an object or the characters of a text. */
export const WIDE: ReadonlySet<string> = new Set([
  'maxLength',
  'minLength',
  'format',
  'maxProperties',
  'minProperties',
  'patternProperties',
  'additionalProperties',
  'unevaluatedProperties',
  'propertyNames',
])

const TYPES: ReadonlySet<JsonValue> = new Set(['string', 'number', 'integer', 'boolean', 'object', 'array', 'null'])

/** Whether a value without subschemas is what its keyword asks for. */
export function isFit(kind: Kind, value: JsonValue): boolean {
  switch (kind) {
    case 'count':
      return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
    case 'number':
      return typeof value === 'number' && Number.isFinite(value)
    case 'positive':
      return typeof value === 'number' && Number.isFinite(value) && value > 0
    case 'flag':
      return typeof value === 'boolean'
    case 'pattern':
    case 'format':
      return typeof value === 'string'
    case 'types':
      return Array.isArray(value) ? value.length > 0 && value.every((type) => TYPES.has(type)) : TYPES.has(value)
    case 'names':
      return isNames(value)
    case 'namesMap':
      return isObject(value) && Object.values(value).every(isNames)
    case 'value':
    case 'values':
      return kind === 'value' || Array.isArray(value)
    default:
      return isObject(value) || typeof value === 'boolean'
  }
}

function isNames(value: JsonValue | undefined): boolean {
  return Array.isArray(value) && value.every((name) => typeof name === 'string')
}
