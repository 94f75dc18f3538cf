/** A stranger's schema, rewritten into one that may be compiled: only keywords that we know, every value of its kind, every reference ours. */
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { type Dialect, dialectOf, identityOf, modern } from './dialects.ts'
import { Flaw, type Path } from './flaw.ts'
import type { Fuel } from './fuel.ts'
import { isFit, KEYWORDS, type Kind, TURNING, WIDE } from './keywords.ts'
import { compilePattern, type Matcher, PROGRAM_MAX, type Unusable } from './linear.ts'
import { localPointer, valueAt } from './pointer.ts'

/** Characters of a definition as JSON; those in the field have some hundred to some ten thousand. */
export const SCHEMA_MAX_CHARS = 256 * 1024
/** Subschemas in all: each becomes a piece of generated code. */
export const SUBSCHEMAS_MAX = 1_000
/** Subschemas within subschemas, as they are written; the walk is recursive, and so is the code. */
const DEPTH_MAX = 48
/** Patterns, and places that are referred to: what ajv does for each of them grows with their number. */
const PARTS_MAX = 256
/** Instructions of all patterns together: what compiling them costs grows with it. */
const PROGRAMS_MAX = 8_000

/** The keyword that counts the work: `[units, grows with the value]`. */
export const STEP = 'portcullis-step'

export interface Vetted {
  readonly schema: JsonObject
  readonly patterns: ReadonlyMap<string, Matcher>
  /** What of it is not asserted, though it is written. */
  readonly left: readonly Flaw[]
  /** Subschemas: what it takes to compile it. */
  readonly size: number
}

export interface VetOptions {
  readonly fuel: Fuel
  readonly formats: ReadonlySet<string>
  /** Nothing may be left out, and arguments that the schema does not name are refused. */
  readonly strict: boolean
}

/** @throws Flaw for what cannot be compiled, or not within bounds. */
export function vet(schema: JsonValue | undefined, options: VetOptions): Vetted {
  if (!isObject(schema)) throw new Flaw('inputSchema', undefined, 'the input schema is not an object')
  if (JSON.stringify(schema).length > SCHEMA_MAX_CHARS) throw new Flaw('inputSchema', undefined, 'the input schema is too large')
  return new Vetting(schema, options).run()
}

/** References that are resolved by where evaluation came from: what they mean is not in the schema alone. */
const DYNAMIC = ['$dynamicRef', '$recursiveRef'] as const

class Vetting {
  readonly #root: JsonObject
  readonly #options: VetOptions
  readonly #dialect: Dialect
  readonly #patterns = new Map<string, Matcher>()
  readonly #left: Flaw[] = []
  /** Referenced places by their pointer, and what they are called here. */
  readonly #names = new Map<string, string>()
  readonly #pending: { readonly name: string; readonly target: JsonValue; readonly path: Path }[] = []
  #subschemas = 0
  #programs = 0
  #turning: Flaw | undefined
  #embedded: Flaw | undefined

  constructor(root: JsonObject, options: VetOptions) {
    this.#root = root
    this.#options = options
    this.#dialect = dialectOf(root)
  }

  run(): Vetted {
    const schema = this.#object(this.#root, undefined, 0)
    if (this.#options.strict) close(schema)
    const definitions = new Map<string, JsonValue>()
    for (let next = this.#pending.pop(); next !== undefined; next = this.#pending.pop())
      definitions.set(next.name, this.#subschema(next.target, next.path, 1))
    const [left] = this.#left
    if (left !== undefined && (this.#options.strict || this.#turning !== undefined)) throw left
    if (this.#embedded !== undefined && this.#names.size > 0) throw this.#embedded
    return {
      schema: definitions.size === 0 ? schema : { ...schema, $defs: Object.fromEntries(definitions) },
      patterns: this.#patterns,
      left: this.#left,
      size: this.#subschemas,
    }
  }

  #subschema(value: JsonValue | undefined, path: Path, depth: number): JsonValue {
    if (typeof value === 'boolean') return value
    if (!isObject(value)) throw new Flaw(keywordOf(path), path, 'a schema is expected')
    return this.#object(value, path, depth)
  }

  #object(value: JsonObject, path: Path | undefined, depth: number): JsonObject {
    if (++this.#subschemas > SUBSCHEMAS_MAX) throw new Flaw('inputSchema', undefined, 'the input schema has too many subschemas')
    if (depth > DEPTH_MAX) throw new Flaw('inputSchema', undefined, 'the input schema nests too deeply')
    if (path !== undefined && typeof value[identityOf(this.#dialect)] === 'string')
      this.#embedded ??= new Flaw('$id', path, 'an embedded schema')
    const copy: Record<string, JsonValue> = {}
    let units = 1
    let isWide = false
    for (const [keyword, written] of Object.entries(this.#modern(value, path))) {
      const kind = Object.hasOwn(KEYWORDS, keyword) ? KEYWORDS[keyword] : undefined
      if (kind === undefined || written === undefined) continue
      const here = { step: keyword, outer: path }
      const kept = this.#keyword(kind, keyword, written, here, depth)
      if (kept === undefined) continue
      // An object that is named is a list of one.
      if (keyword === 'const' && typeof kept === 'object' && value['enum'] === undefined) copy['enum'] = [kept]
      else copy[keyword] = kept
      // Listed values are looked up, not gone through.
      units += kind === 'values' ? 1 : unitsOf(kept)
      isWide ||= WIDE.has(keyword)
      if (TURNING.has(keyword)) this.#turning ??= new Flaw(keyword, here, 'something turns on it')
    }
    const reference = this.#reference(value, path)
    if (reference !== undefined) copy['$ref'] = reference
    copy[STEP] = [units, isWide]
    return copy
  }

  #modern(value: JsonObject, path: Path | undefined): JsonObject {
    const told = modern(value, this.#dialect)
    for (const keyword of DYNAMIC)
      if (told[keyword] !== undefined) throw new Flaw(keyword, { step: keyword, outer: path }, 'a dynamic reference')
    return told
  }

  #keyword(kind: Kind, keyword: string, value: JsonValue, path: Path, depth: number): JsonValue | undefined {
    switch (kind) {
      case 'schema':
        return this.#subschema(value, path, depth + 1)
      case 'schemas':
        if (!Array.isArray(value) || value.length === 0) throw new Flaw(keyword, path, 'a list of schemas is expected')
        return value.map((item: JsonValue, index) => this.#subschema(item, { step: index, outer: path }, depth + 1))
      case 'schemaMap':
      case 'patternMap':
        return this.#map(kind, keyword, value, path, depth)
      default:
    }
    if (!isFit(kind, value)) throw new Flaw(keyword, path, 'a value of another kind is expected')
    if (typeof value === 'string' && kind === 'format') return this.#options.formats.has(value) ? value : undefined
    if (typeof value === 'string' && kind === 'pattern') return this.#pattern(keyword, value, path, true)
    if (kind === 'names' || kind === 'namesMap') checkNames(keyword, value, path)
    return value
  }

  #map(kind: 'schemaMap' | 'patternMap', keyword: string, value: JsonValue, path: Path, depth: number): JsonValue {
    if (!isObject(value)) throw new Flaw(keyword, path, 'a map of schemas is expected')
    checkNames(keyword, Object.keys(value), path)
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => {
        const here = { step: name, outer: path }
        if (kind === 'patternMap') this.#pattern(keyword, name, here, false)
        return [name, this.#subschema(item, here, depth + 1)]
      }),
    )
  }

  /** @returns undefined when the pattern is left out: the linear engine does not know look-around and back-references, nor what is huge. */
  #pattern(keyword: string, pattern: string, path: Path, mayLeave: boolean): string | undefined {
    const known = this.#patterns.get(pattern)
    if (known !== undefined && (mayLeave || known.isLoose !== true)) return pattern
    const compiled = known ?? compilePattern(pattern, this.#options.fuel)
    const flaw = flawOf(compiled, keyword, path)
    if (flaw !== undefined && !mayLeave) throw flaw
    this.#programs += compiled === 'too large' ? PROGRAM_MAX : typeof compiled === 'object' ? compiled.size : 0
    if (this.#programs > PROGRAMS_MAX || this.#patterns.size >= PARTS_MAX)
      throw new Flaw(keyword, path, 'a pattern that is too large beside the others')
    if (flaw !== undefined) this.#left.push(flaw)
    if (typeof compiled !== 'object') return undefined
    this.#patterns.set(pattern, compiled)
    return pattern
  }

  /** A reference under a name of ours. What it points to is vetted like everything else, wherever it stands. */
  #reference(value: JsonObject, path: Path | undefined): string | undefined {
    const written = value['$ref']
    if (written === undefined) return undefined
    const here: Path = { step: '$ref', outer: path }
    const pointer = typeof written === 'string' ? localPointer(written) : undefined
    if (pointer === undefined) throw new Flaw('$ref', here, 'a reference that does not stay within the schema')
    const known = this.#names.get(pointer)
    if (known !== undefined) return known
    const target = valueAt(this.#root, pointer)
    if (target === undefined) throw new Flaw('$ref', here, 'a reference to what is not there')
    if (this.#names.size >= PARTS_MAX) throw new Flaw('$ref', here, 'too many references')
    const name = `r${this.#names.size}`
    this.#names.set(pointer, `#/$defs/${name}`)
    this.#pending.push({ name, target, path: here })
    return `#/$defs/${name}`
  }
}

function flawOf(compiled: Matcher | Unusable, keyword: string, path: Path): Flaw | undefined {
  if (compiled === 'unsupported') return new Flaw(keyword, path, 'a pattern that cannot be tried in linear time')
  if (compiled === 'too large') return new Flaw(keyword, path, 'a pattern that is too large')
  return compiled.isLoose === true ? new Flaw(keyword, path, 'a pattern that is tried without its higher counts') : undefined
}

/** Strict: what the schema does not name is refused, unless it says what else there may be. */
function close(schema: Record<string, JsonValue | undefined> | JsonObject): void {
  const open = schema['additionalProperties'] ?? schema['unevaluatedProperties']
  if (open === undefined) Object.assign(schema, { unevaluatedProperties: false, [STEP]: [unitsOfStep(schema), true] })
}

function unitsOfStep(schema: JsonObject): JsonValue {
  const step = schema[STEP]
  return Array.isArray(step) ? (step[0] ?? 1) : 1
}

/** What JavaScript takes for the prototype is no name that can be checked. */
function checkNames(keyword: string, names: JsonValue, path: Path): void {
  const all = isObject(names) ? [...Object.keys(names), ...Object.values(names).flat()] : Array.isArray(names) ? names : []
  if (all.includes('__proto__')) throw new Flaw(keyword, path, 'a name that cannot be checked')
}

/** Lists and maps are gone through one by one by the generated code; texts and numbers are not. */
function unitsOf(value: JsonValue): number {
  if (typeof value !== 'object' || value === null) return 1
  if (!Array.isArray(value)) return 1 + Object.keys(value).length
  return 1 + value.length
}

function keywordOf(path: Path): string {
  for (let at: Path | undefined = path; at !== undefined; at = at.outer)
    if (typeof at.step === 'string' && (Object.hasOwn(KEYWORDS, at.step) || at.step === '$ref')) return at.step
  return 'inputSchema'
}
