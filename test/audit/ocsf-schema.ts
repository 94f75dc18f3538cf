/** OCSF's own schema, as it lies in its repository: what an event of a class must have, may have, and may not. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { isObject, type JsonObject, type JsonValue } from '../../src/core/json.ts'

const attribute = z.object({
  type: z.string().optional(),
  is_array: z.boolean().optional(),
  requirement: z.string().nullable().optional(),
  profile: z.string().nullable().optional(),
  enum: z.record(z.string(), z.unknown()).optional(),
})
type Attribute = z.output<typeof attribute>
const definition = z.object({
  name: z.string(),
  uid: z.number().optional(),
  extends: z.string().optional(),
  category: z.string().optional(),
  constraints: z.record(z.string(), z.array(z.string())).optional(),
  attributes: z.record(z.string(), z.unknown()).default({}),
})
type Definition = z.output<typeof definition>
const dictionary = z.object({
  attributes: z.record(z.string(), attribute),
  types: z.object({
    attributes: z.record(
      z.string(),
      z.object({ type: z.string().optional(), regex: z.string().optional(), max_len: z.number().optional() }),
    ),
  }),
})

export interface OcsfSchema {
  /** What is wrong with an event of this class, each as a sentence; empty for nothing. */
  flawsOf(event: JsonObject, className: string): readonly string[]
}

/** In place of the numbers that were looked at already: the enums that the files have for them are those of the base class. */
const STANDING = { class_uid: 0, category_uid: 0 } as const

/** @param folder a copy of github.com/ocsf/ocsf-schema */
export function readOcsfSchema(folder: string): OcsfSchema {
  const read = (file: string): JsonValue => JSON.parse(readFileSync(join(folder, file), 'utf8')) as JsonValue
  const words = dictionary.parse(read('dictionary.json'))
  const load = (pattern: string): ReadonlyMap<string, Definition> =>
    new Map(
      globSync(pattern, { cwd: folder })
        .map((file) => definition.parse(read(file)))
        .map((one) => [one.name, one]),
    )
  const [classes, objects] = [load('events/**/*.json'), load('objects/*.json')]

  const categories = z.object({ attributes: z.record(z.string(), z.object({ uid: z.number() })) }).parse(read('categories.json')).attributes
  /** Numbers that are not written in a class, but made of where it stands. */
  const numbersOf = (of: Definition): Readonly<Record<string, number>> => {
    let category: string | undefined
    for (let one: Definition | undefined = of; one !== undefined && category === undefined; one = classes.get(one.extends ?? ''))
      category = one.category
    const uid = categories[category ?? '']?.uid ?? 0
    return { category_uid: uid, class_uid: uid * 1_000 + (of.uid ?? 0) }
  }

  /** With what it inherits; the dictionary says what nobody else does. */
  const attributesOf = (of: Definition, among: ReadonlyMap<string, Definition>): Map<string, Attribute> => {
    const parent = of.extends === undefined ? undefined : among.get(of.extends)
    const all = parent === undefined ? new Map<string, Attribute>() : attributesOf(parent, among)
    const { $include, ...own } = of.attributes
    for (const file of z.array(z.string()).parse($include ?? [])) {
      const profile = definition.parse(read(file))
      for (const [name, said] of Object.entries(profile.attributes)) add(all, name, { profile: profile.name, ...attribute.parse(said) })
    }
    for (const [name, said] of Object.entries(own)) add(all, name, attribute.parse(said))
    return all
  }
  const add = (all: Map<string, Attribute>, name: string, said: Attribute): void => {
    const known = all.get(name) ?? words.attributes[name]
    const given = Object.fromEntries(
      Object.entries(said).filter(([key, value]) => value !== undefined && (key === 'profile' || value !== null)),
    )
    all.set(name, { ...known, ...given, ...(said.enum === undefined ? {} : { enum: { ...known?.enum, ...said.enum } }) })
  }

  const flawOfScalar = (value: JsonValue, type: string): string | undefined => {
    const scalar = words.types.attributes[type]
    const base = scalar?.type ?? type
    if (base === 'string_t') {
      if (typeof value !== 'string') return 'is no text'
      if (scalar?.regex !== undefined && !new RegExp(scalar.regex).test(value)) return `is no ${type}: ${value}`
      return undefined
    }
    if (base === 'boolean_t') return typeof value === 'boolean' ? undefined : 'is no boolean'
    if (base === 'float_t') return typeof value === 'number' ? undefined : 'is no number'
    if (base === 'integer_t' || base === 'long_t') return Number.isSafeInteger(value) ? undefined : 'is no whole number'
    return base === 'json_t' ? undefined : `is of a type that nobody knows: ${type}`
  }

  const look = (
    value: JsonObject,
    of: Definition,
    among: ReadonlyMap<string, Definition>,
    profiles: ReadonlySet<string>,
    at: string,
  ): string[] => {
    const known = attributesOf(of, among)
    const isOn = ({ profile }: Attribute): boolean => profile === undefined || profile === null || profiles.has(profile)
    const flaws: string[] = []
    for (const [name, each] of known)
      if (each.requirement === 'required' && isOn(each) && value[name] === undefined) flaws.push(`${at}${name} is missing`)
    for (const [kind, names] of Object.entries(of.constraints ?? {})) {
      const count = names.filter((name) => value[name] !== undefined).length
      if (count === 0 || (kind === 'just_one' && count > 1)) flaws.push(`${at}: ${kind} of ${names.join(', ')}`)
    }
    for (const [name, found] of Object.entries(value)) {
      if (found === undefined) continue
      const each = known.get(name)
      if (each === undefined || !isOn(each)) flaws.push(`${at}${name} is unknown there`)
      else flaws.push(...flawsIn(found, each, profiles, `${at}${name}`))
    }
    return flaws
  }
  const flawsIn = (found: JsonValue, each: Attribute, profiles: ReadonlySet<string>, at: string): string[] => {
    if (each.is_array === true && !Array.isArray(found)) return [`${at} is no array`]
    return (Array.isArray(found) ? found : [found]).flatMap((value) => {
      const type = each.type ?? ''
      const object = objects.get(type)
      if (object !== undefined) {
        if (!isObject(value)) return [`${at} is no object`]
        // `object` itself is free-form.
        return type === 'object' ? [] : look(value, object, objects, profiles, `${at}.`)
      }
      const flaw = flawOfScalar(value, type)
      if (flaw !== undefined) return [`${at} ${flaw}`]
      return each.enum === undefined || Object.hasOwn(each.enum, String(value))
        ? []
        : [`${at} is none of ${Object.keys(each.enum)}: ${value}`]
    })
  }

  return {
    flawsOf(event, className) {
      const of = classes.get(className)
      if (of === undefined) return [`there is no class ${className}`]
      const metadata = event['metadata']
      const profiles = isObject(metadata) && Array.isArray(metadata['profiles']) ? metadata['profiles'].map(String) : []
      const { class_uid: _class, category_uid: _category, ...rest } = event
      const numbers = Object.entries({ ...numbersOf(of), type_uid: (numbersOf(of)['class_uid'] ?? 0) * 100 + Number(event['activity_id']) })
      const flaws = numbers.flatMap(([name, number]) => (event[name] === number ? [] : [`${name} is not ${number}`]))
      return [...flaws, ...look({ ...rest, ...STANDING }, of, classes, new Set(profiles), '')]
    },
  }
}
