/** The places in a tool's arguments, each with what it is for: every part of the schema that may say so is looked at. */
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { Rules } from './argument-rules.ts'
import { Fuel } from './fuel.ts'
import { type ArgumentRule, isContent, type Leaf, leafOf, leafOfName, TEXT } from './kinds.ts'
import { compilePattern } from './linear.ts'
import { localPointer, valueAt } from './pointer.ts'

/** What is known of a place in the arguments; arrays are passed through, so that a list of paths is paths. */
export interface Shape {
  readonly leaf: Leaf
  readonly members: ReadonlyMap<string, Shape>
  /** Members that have no name of their own in the schema: the first that takes a name and says something is believed. */
  readonly others?: readonly Others[]
  /** What the names of members are for, where the schema says it. */
  readonly names?: Leaf
  /** Places of a list that are said one by one; what they say together stands in `leaf`. */
  readonly places?: readonly Shape[]
  /** An operator has said it. */
  readonly isWritten?: true
}

interface Others {
  readonly takes: (name: string) => boolean
  readonly shape: Shape
}

/** Steps that are taken through one schema, and how deep: a hostile one ends here, and what is below is inferred by name. */
const STEPS_MAX = 50_000
const DEPTH_MAX = 48
/** Members of one schema that are looked at. */
const MEMBERS_MAX = 2_000
/** What compiling a pattern counts as. */
const PATTERN_STEPS = 200
/** Units of work for the patterns that one name is put to. */
const NAME_WORK = 100_000

/**
 * What a tool's arguments are for.
 * @param rules by argument; within an argument by `.` or as a JSON Pointer: `edits.path`, `/edits/path`. They win over the schema, part by part.
 */
export function shapeOf(schema: JsonValue | undefined, rules: Readonly<Record<string, ArgumentRule>>): Shape {
  const compiler = new Compiler(isObject(schema) ? schema : {})
  return compiler.shape(compiler.place('', isObject(schema) ? [schema] : [], Rules.of(rules)), false, 0)
}

/** What is said of a place, before anything below it is looked at. */
interface Place {
  readonly name: string
  readonly parts: readonly JsonObject[]
  readonly rules: Rules
  readonly leaf: Leaf
  readonly isWritten: boolean
}

type Draft = { -readonly [Member in keyof Shape]: Shape[Member] } & { readonly members: Map<string, Shape> }

class Compiler {
  private readonly root: JsonObject
  private readonly fuel = new Fuel()
  /** A schema that leads back to itself leads back to the shape that is made of it. */
  private readonly made = new Map<string, Shape>()
  private readonly numbers = new Map<JsonObject, number>()
  private left = STEPS_MAX

  constructor(root: JsonObject) {
    this.root = root
  }

  place(name: string, schemas: readonly JsonObject[], rules: Rules): Place {
    this.left--
    const seen = new Set<JsonObject>()
    for (const schema of schemas) this.gather(schema, seen)
    const parts = [...seen]
    const rule = rules.here()
    // Any part may say what it is for; the first that says something is believed.
    const leaves = parts.map((part) => leafOf(name, part))
    const inferred = leaves.find(({ kind }) => kind !== 'text') ?? (parts.length === 0 ? leafOfName(name) : TEXT)
    return { name, parts, rules, leaf: rule === undefined ? inferred : { ...inferred, ...rule }, isWritten: rule?.kind !== undefined }
  }

  /** @param besidePath whether a path is told beside it, or beside what it lies in: then a content is that of a file. */
  shape(place: Place, besidePath: boolean, depth: number): Shape {
    const { name, parts, rules, leaf, isWritten } = place
    const key = `${parts.map((part) => this.numberOf(part)).join()} ${besidePath} ${rules.key} ${name}`
    const known = this.made.get(key)
    if (known !== undefined) return known
    const isOfFile = besidePath && leaf.kind === 'text' && !isWritten && isContent(name, parts)
    const shape: Draft = { leaf: isOfFile ? { ...leaf, kind: 'content' } : leaf, members: new Map() }
    if (isWritten) shape.isWritten = true
    this.made.set(key, shape)
    if (depth < DEPTH_MAX && this.left > 0) this.fill(shape, place, besidePath, depth + 1)
    return shape
  }

  private fill(shape: Draft, { name, parts, rules }: Place, besidePath: boolean, depth: number): void {
    const others = parts.flatMap((part) => this.othersOf(part))
    const found = new Map<string, JsonObject[]>()
    for (const part of parts) for (const [member, schema] of membersOf(part)) collect(found, member, schema)
    for (const member of rules.members()) if (!found.has(member)) found.set(member, [])
    for (const [member, schemas] of found) {
      const isNamed = schemas.length > 0
      for (const { takes, schema, isRest } of others) if ((!isRest || !isNamed) && takes(member)) schemas.push(schema)
    }
    const places = [...found].slice(0, Math.max(0, this.left)).map(([member, schemas]) => this.place(member, schemas, rules.within(member)))
    const isBeside = besidePath || shape.leaf.kind === 'path' || places.some(({ leaf }) => leaf.kind === 'path')
    for (const place of places) shape.members.set(place.name, this.shape(place, isBeside, depth))
    if (others.length > 0)
      shape.others = others.map(({ takes, schema }) => ({
        takes,
        shape: this.shape(this.place('', [schema], Rules.of({})), isBeside, depth),
      }))
    const names = parts.flatMap(({ propertyNames }) => (isObject(propertyNames) ? this.place('', [propertyNames], Rules.of({})).leaf : []))
    const told = names.find(({ kind }) => kind !== 'text')
    if (told !== undefined) shape.names = told
    const positions = positionsOf(parts).map((schemas) => this.shape(this.place(name, schemas, rules), besidePath, depth))
    if (positions.length > 0) shape.places = positions
  }

  /** A schema with all that applies to the same place, and the items of a list in its place. */
  private gather(schema: JsonObject, seen: Set<JsonObject>, depth = 0): void {
    if (seen.has(schema) || this.left <= 0 || depth > DEPTH_MAX) return
    this.left--
    seen.add(schema)
    const { $ref: reference, items, prefixItems, unevaluatedItems, additionalItems, contains, anyOf, oneOf, allOf } = schema
    const { then: thenPart, else: elsePart, if: ifPart, dependentSchemas, dependencies } = schema
    const lists = [allOf, anyOf, oneOf, prefixItems, items].flatMap((list) => (Array.isArray(list) ? list : []))
    const maps = [dependentSchemas, dependencies].flatMap((map) => (isObject(map) ? Object.values(map) : []))
    const inner = [
      this.resolve(reference),
      items,
      ...lists,
      thenPart,
      elsePart,
      ...maps,
      ifPart,
      contains,
      unevaluatedItems,
      additionalItems,
    ]
    for (const part of inner) if (isObject(part)) this.gather(part, seen, depth + 1)
  }

  /** Within the document; nothing is fetched. */
  private resolve(reference: JsonValue | undefined): JsonValue | undefined {
    const pointer = typeof reference === 'string' ? localPointer(reference) : undefined
    return pointer === undefined ? undefined : valueAt(this.root, pointer)
  }

  private othersOf({ patternProperties, additionalProperties, unevaluatedProperties }: JsonObject): readonly OtherSchemas[] {
    const patterns = isObject(patternProperties) ? Object.entries(patternProperties).slice(0, MEMBERS_MAX) : []
    return [
      ...patterns.flatMap(([pattern, schema]) => (isObject(schema) ? [{ takes: this.takenBy(pattern), schema, isRest: false }] : [])),
      ...[additionalProperties, unevaluatedProperties].filter(isObject).map((schema) => ({ takes: () => true, schema, isRest: true })),
    ]
  }

  /** What cannot be tried is taken to fit. */
  private takenBy(pattern: string): (name: string) => boolean {
    this.left -= PATTERN_STEPS
    const matcher = this.left > 0 ? compilePattern(pattern, this.fuel) : undefined
    if (typeof matcher !== 'object') return () => true
    return (name) => {
      this.fuel.left = NAME_WORK
      try {
        return matcher.test(name)
      } catch {
        return true
      }
    }
  }

  private numberOf(schema: JsonObject): number {
    const number = this.numbers.get(schema) ?? this.numbers.size
    this.numbers.set(schema, number)
    return number
  }
}

interface OtherSchemas {
  readonly takes: (name: string) => boolean
  readonly schema: JsonObject
  /** For what has no other: not for members that are named. */
  readonly isRest: boolean
}

/** The schemas of the first place of a list, the second, and so on; older dialects write them as `items`. */
function positionsOf(parts: readonly JsonObject[]): readonly (readonly JsonObject[])[] {
  const positions: JsonObject[][] = []
  for (const { prefixItems, items } of parts) {
    for (const list of [prefixItems, items]) {
      if (!Array.isArray(list)) continue
      for (const [at, schema] of list.slice(0, MEMBERS_MAX).entries()) {
        const schemas = positions[at] ?? []
        if (isObject(schema)) schemas.push(schema)
        positions[at] = schemas
      }
    }
  }
  return positions
}

function collect(found: Map<string, JsonObject[]>, member: string, schema: JsonObject): void {
  const known = found.get(member)
  if (known === undefined) found.set(member, [schema])
  else known.push(schema)
}

function membersOf({ properties }: JsonObject): readonly (readonly [string, JsonObject])[] {
  if (!isObject(properties)) return []
  return Object.keys(properties)
    .slice(0, MEMBERS_MAX)
    .flatMap((name) => {
      const schema = properties[name]
      return isObject(schema) ? [[name, schema] as const] : []
    })
}
