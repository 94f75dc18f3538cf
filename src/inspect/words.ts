/** A mismatch in our own words: where, by which keyword, and what was expected; never a word of the value, nor of the schema's texts. */
import type { Finding } from '../core/finding.ts'
import { escapeStep } from './flaw.ts'
import { shownPointer } from './told.ts'

/** More than anybody corrects at once; unions tell one for each alternative. */
export const FINDINGS_MAX = 8

/** As ajv tells it. */
export interface Mismatch {
  readonly keyword: string
  readonly instancePath: string
  readonly params: Readonly<Record<string, unknown>>
}

type Words = (params: Mismatch['params']) => string

const limit =
  (words: string): Words =>
  ({ limit: bound }) =>
    `${words} ${numberText(bound)}`

const WORDS: Readonly<Record<string, Words>> = {
  type: ({ type }) => `must be ${Array.isArray(type) ? type.map(String).join(' or ') : String(type)}`,
  enum: () => 'must be one of the values that the tool lists',
  const: () => 'must be the value that the tool names',
  multipleOf: ({ multipleOf }) => `must be a multiple of ${numberText(multipleOf)}`,
  maximum: limit('must be at most'),
  minimum: limit('must be at least'),
  exclusiveMaximum: limit('must be less than'),
  exclusiveMinimum: limit('must be more than'),
  maxLength: limit('must have characters at most'),
  minLength: limit('must have characters at least'),
  pattern: () => 'must match the pattern of the tool',
  format: ({ format }) => `must be of format ${String(format)}`,
  maxItems: limit('must have items at most'),
  minItems: limit('must have items at least'),
  items: limit('must have items at most'),
  uniqueItems: () => 'must not have equal items',
  contains: () => 'must contain items that the tool asks for',
  maxProperties: limit('must have members at most'),
  minProperties: limit('must have members at least'),
  required: () => 'is required',
  dependentRequired: () => 'is required beside the others',
  additionalProperties: () => 'is not known to the tool',
  unevaluatedProperties: () => 'is not known to the tool',
  unevaluatedItems: limit('must have items at most'),
  propertyNames: () => 'is not a name that the tool takes',
  anyOf: () => 'must be one of the alternatives that the tool lists',
  oneOf: () => 'must be exactly one of the alternatives that the tool lists',
  not: () => 'must not be what the tool excludes',
  if: () => 'must be what the tool asks for in this case',
  'false schema': () => 'must not be there',
}

/** The parameter that names a member, where the finding is about the member and not about the object. */
const MEMBER: Readonly<Record<string, string>> = {
  required: 'missingProperty',
  dependentRequired: 'missingProperty',
  additionalProperties: 'additionalProperty',
  unevaluatedProperties: 'unevaluatedProperty',
  propertyNames: 'propertyName',
}

/** The outermost first, because it is the reason, then what led to it; each once. */
export function findingsOf(mismatches: readonly Mismatch[]): readonly Finding[] {
  const findings = new Map<string, Finding>()
  for (const mismatch of mismatches.toReversed()) {
    const finding = findingOf(mismatch)
    findings.set(`${finding.pointer} ${finding.rule}`, finding)
    if (findings.size === FINDINGS_MAX) break
  }
  return [...findings.values()]
}

function findingOf({ keyword, instancePath, params }: Mismatch): Finding {
  const known = Object.hasOwn(WORDS, keyword) ? WORDS[keyword] : undefined
  const member = Object.hasOwn(MEMBER, keyword) ? params[MEMBER[keyword] ?? ''] : undefined
  return {
    label: 'schema',
    detector: known === undefined ? 'schema/other' : `schema/${keyword.replace(' ', '-')}`,
    pointer: shownPointer(typeof member === 'string' ? `${instancePath}/${escapeStep(member)}` : instancePath),
    rule: known?.(params) ?? 'is not what the tool asks for',
  }
}

function numberText(value: unknown): string {
  return typeof value === 'number' ? String(value) : 'what the tool says'
}
