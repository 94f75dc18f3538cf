/** Arguments held against a tool's `inputSchema`: a stranger's schema compiled once, within bounds, and asked within bounds. */
import { _, type CodeKeywordDefinition, type Format } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { fullFormats } from 'ajv-formats/dist/formats.js'
import type { Finding } from '../core/finding.ts'
import { canonical, type JsonObject, type JsonValue } from '../core/json.ts'
import { isMultiple } from './decimal.ts'
import { Flaw } from './flaw.ts'
import { Fuel } from './fuel.ts'
import { withNamed } from './told.ts'
import { STEP, type Vetted, vet } from './vet.ts'
import { FINDINGS_MAX, findingsOf } from './words.ts'

/** Units of work for one set of arguments: some 50 ms. A megabyte of honest arguments needs a quarter of it. */
export const WORK_MAX = 2_000_000

export interface SchemaOptions {
  /** Nothing that is written may be left unasserted, and arguments that the schema does not name are refused. */
  readonly strict: boolean
}

/** What a definition has come to. */
export interface Validator {
  /** States what is wrong with the arguments; at most `FINDINGS_MAX`. Synchronous, bounded, changes nothing, never throws. */
  readonly check: (args: JsonObject) => readonly Finding[]
  /** What is wrong with the definition: it is not asserted there, or, when `usable` is false, cannot be judged by at all; at most `FINDINGS_MAX`. */
  readonly flaws: readonly Finding[]
  readonly usable: boolean
  /** Subschemas that were compiled. */
  readonly size: number
}

/** Never throws: a definition that cannot be compiled within bounds is one by which nothing passes. */
export function compileSchema(schema: JsonValue | undefined, { strict }: SchemaOptions): Validator {
  const fuel = new Fuel()
  try {
    const vetted = vet(schema, { fuel, formats: FORMATS, strict })
    return {
      check: checkBy(vetted, fuel, schema),
      flaws: vetted.left.slice(0, FINDINGS_MAX).map(({ finding }) => finding),
      usable: true,
      size: vetted.size,
    }
  } catch (error) {
    // Whatever ajv has against it that the vetting had not.
    return unusable(error instanceof Flaw ? error : new Flaw('inputSchema', undefined, 'the input schema cannot be compiled'))
  }
}

/** By which nothing passes. */
export function unusable({ finding }: Flaw): Validator {
  return { check: () => UNUSABLE, flaws: [finding], usable: false, size: 0 }
}

/** The detector of what no arguments can mend. */
export const UNUSABLE_DEFINITION = 'schema/definition'

const NOTHING: readonly Finding[] = []
const UNUSABLE: readonly Finding[] = [
  { label: 'schema', detector: UNUSABLE_DEFINITION, pointer: '', rule: 'cannot be checked: the definition of the tool cannot be used' },
]
const TOO_MUCH: readonly Finding[] = [
  { label: 'schema', detector: 'schema/cost', pointer: '', rule: 'cannot be checked: it takes too much work' },
]

function checkBy(vetted: Vetted, fuel: Fuel, written: JsonValue | undefined): Validator['check'] {
  const validate = compilerOf(vetted, fuel).compile<JsonObject>(vetted.schema)
  return (args) => {
    fuel.left = WORK_MAX
    try {
      return validate(args) ? NOTHING : findingsOf(validate.errors ?? []).map((finding) => withNamed(finding, written))
    } catch (error) {
      // The work was spent, or the stack: a schema that refers to itself without taking a step. All else is ajv's own, see the tests.
      return error === fuel.spent || error instanceof RangeError ? TOO_MUCH : UNUSABLE
    }
  }
}

/**
 * A compiler for one schema, so that no two schemas can meet in it. What a schema's author can put into generated code is what
 * the vetting lets through: names and texts as JSON literals, finite numbers, and functions of ours.
 */
function compilerOf({ patterns }: Vetted, fuel: Fuel): Ajv2020 {
  const engine = (pattern: string) => {
    const matcher = patterns.get(pattern)
    if (matcher === undefined) throw new Error('a pattern that was not vetted')
    return { test: matcher.test, toString: () => pattern }
  }
  const ajv = new Ajv2020({
    strict: false,
    // Vetted here, keyword by keyword; the schema of schemas would cost more than the compilation.
    validateSchema: false,
    meta: false,
    addUsedSchema: false,
    // An inlined reference would be copied to wherever it is used.
    inlineRefs: false,
    // `constructor` is an argument only if the caller sent it.
    ownProperties: true,
    messages: false,
    logger: false,
    formats: formatsOf(fuel),
    code: { optimize: false, regExp: Object.assign(engine, { code: 'engine' }) },
  })
  for (const keyword of ['enum', 'uniqueItems', 'multipleOf']) ajv.removeKeyword(keyword)
  return [stepKeyword, enumKeyword, uniqueKeyword, multipleKeyword].reduce((all, keyword) => all.addKeyword(keyword(fuel)), ajv)
}

/** Counts one visit of a subschema, in the generated code, before anything that could lead to further visits. */
function stepKeyword(fuel: Fuel): CodeKeywordDefinition {
  return {
    keyword: STEP,
    before: '$ref',
    code: ({ gen, schema, data }) => {
      const [units, isWide] = schema
      const tank = gen.scopeValue('obj', { ref: fuel })
      const width = gen.scopeValue('func', { ref: widthOf })
      gen.code(isWide === true ? _`${tank}.burn(${units} + ${width}(${data}))` : _`if ((${tank}.left -= ${units}) < 0) throw ${tank}.spent`)
    },
  }
}

/** What is gone through once, however quickly: characters, or members. */
function widthOf(value: JsonValue): number {
  if (typeof value === 'string') return value.length >> 4
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.keys(value).length : 0
}

/**
 * By sets, because a thousand values for each of ten thousand items are ten million comparisons. All of a schema stand in one list:
 * for every object that it is told of, ajv copies what it has written so far.
 */
function enumKeyword(fuel: Fuel): CodeKeywordDefinition {
  const tests: ((value: JsonValue) => boolean)[] = []
  return {
    keyword: 'enum',
    code: (cxt) => {
      const values: readonly JsonValue[] = cxt.schema
      const scalars = new Set(values.filter((value) => !isNested(value)))
      const nested = new Set(values.filter(isNested).map(canonical))
      tests.push((value) => (isNested(value) ? nested.size > 0 && nested.has(textOf(value, fuel)) : scalars.has(value)))
      const all = cxt.gen.scopeValue('obj', { ref: tests })
      cxt.pass(_`${all}[${tests.length - 1}](${cxt.data})`)
    },
  }
}

/** One pass, where comparing each with each would be quadratic. */
function uniqueKeyword(fuel: Fuel): CodeKeywordDefinition {
  const isUnique = (items: readonly JsonValue[]): boolean => {
    fuel.burn(items.length)
    const scalars = new Set<JsonValue>()
    const nested = new Set<string>()
    for (const item of items) {
      if (isNested(item)) nested.add(textOf(item, fuel))
      else scalars.add(item)
    }
    return scalars.size + nested.size === items.length
  }
  return {
    keyword: 'uniqueItems',
    type: 'array',
    code: (cxt) => {
      if (cxt.schema === true) cxt.pass(_`${cxt.gen.scopeValue('func', { ref: isUnique })}(${cxt.data})`)
    },
  }
}

/** Units of work of a division of decimals. */
const DIVISION = 64

/** By decimals, because to ajv 0.29 is no multiple of 0.01. */
function multipleKeyword(fuel: Fuel): CodeKeywordDefinition {
  const isMultipleOf = (value: number, step: number): boolean => {
    fuel.burn(DIVISION)
    return isMultiple(value, step)
  }
  return {
    keyword: 'multipleOf',
    type: 'number',
    error: { message: 'no multiple', params: ({ schemaCode }) => _`{multipleOf: ${schemaCode}}` },
    code: (cxt) => cxt.pass(_`${cxt.gen.scopeValue('func', { ref: isMultipleOf })}(${cxt.data}, ${cxt.schemaCode})`),
  }
}

function isNested(value: JsonValue): boolean {
  return typeof value === 'object' && value !== null
}

function textOf(value: JsonValue, fuel: Fuel): string {
  const text = canonical(value)
  fuel.burn(text.length)
  return text
}

/** Our own name for the format, and theirs. A time without an offset is taken: most servers take it, and it is no danger. */
const CHECKED = {
  date: 'date',
  time: 'iso-time',
  'date-time': 'iso-date-time',
  'iso-time': 'iso-time',
  'iso-date-time': 'iso-date-time',
  duration: 'duration',
  uri: 'uri',
  'uri-reference': 'uri-reference',
  'uri-template': 'uri-template',
  email: 'email',
  hostname: 'hostname',
  ipv4: 'ipv4',
  ipv6: 'ipv6',
  uuid: 'uuid',
  'json-pointer': 'json-pointer',
  'relative-json-pointer': 'relative-json-pointer',
} as const satisfies Readonly<Record<string, keyof typeof fullFormats>>

/** Formats that are asserted; every other is an annotation. */
const FORMATS: ReadonlySet<string> = new Set(Object.keys(CHECKED))

function formatsOf(fuel: Fuel): Record<string, Format> {
  return Object.fromEntries(
    Object.entries(CHECKED).map(([name, theirs]) => {
      const isOf = testOf(fullFormats[theirs])
      return [
        name,
        (text: string) => {
          fuel.burn(text.length)
          return isOf(text)
        },
      ]
    }),
  )
}

function testOf(format: Format): (text: string) => boolean {
  if (format instanceof RegExp) return (text) => format.test(text)
  if (typeof format === 'function') return format
  if (typeof format === 'object' && typeof format.validate === 'function') {
    const { validate } = format
    return (text) => Reflect.apply(validate, undefined, [text]) === true
  }
  throw new Error('a format that is no test of a text')
}
