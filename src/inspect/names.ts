/** Names that objects and their members may not have: those that change other objects, run in a database, or are two names at once. */
import type { JsonObject, JsonValue } from '../core/json.ts'
import { fold } from './decode.ts'
import type { Label } from './labels.ts'

/** Run as a program by the database (MongoDB). */
const PROGRAMS = new Set(['$where', '$function', '$accumulator', '$eval', 'mapreduce', '$expr.$function'])
const OPERATORS = new Set(
  '$ne $gt $gte $lt $lte $in $nin $not $nor $or $and $exists $regex $type $mod $elemmatch $all $size $text $expr $options $lookup $out $merge $unionwith $jsonschema'.split(
    ' ',
  ),
)
/** What a comparison with a secret or a name must not be: anything but a value. */
const SECRET_NAME =
  /^(?:user(?:_?name)?|login|e?-?mail|pass(?:word|wd|phrase)?|pwd|token|api_?key|secret|pin|otp|code|session(?:_?id)?|reset_?token|auth|id|_id|uid)$/i
const OUTPUTS = new Set(['$out', '$merge'])

/** A member's name by itself. */
export function judgeName(name: string): Label | undefined {
  if (
    name === '__proto__' ||
    name.includes('__proto__') ||
    name.includes('constructor.prototype') ||
    name.includes('constructor[prototype]')
  )
    return 'prototype-pollution'
  return PROGRAMS.has(name.toLowerCase()) ? 'nosql-injection' : undefined
}

/** The members of one object together. */
export function judgeMembers(object: JsonObject, names: readonly string[], owner: string): Label | undefined {
  if (isPolluting(object)) return 'prototype-pollution'
  if (names.length > 1 && isAmbiguous(names)) return 'ambiguous-name'
  if (ENVIRONMENT.test(owner) && names.some((name) => LOADING.test(name))) return 'command-injection'
  if (isTyped(object)) return 'deserialization'
  const operators = names.filter((name) => OPERATORS.has(name.toLowerCase()))
  if (operators.some((name) => OUTPUTS.has(name.toLowerCase()))) return 'nosql-injection'
  if (operators.length === 0) return undefined
  if (SECRET_NAME.test(owner) || operators.some((name) => isAnything(name.toLowerCase(), object[name]))) return 'nosql-injection'
  return 'nosql-operator'
}

/** What a text must hold for a name in it to be one of those. */
const TELLING = /__proto__|prototype|"\s{0,8}\$|mapReduce|\\u00/i
/** Longer ones are documents. */
const PACKED_MAX_CHARS = 65_536
const PACKED_DEPTH_MAX = 64

/** A text that is itself JSON, as servers take objects that a model wrote as text: its names alone, for what its values are for nobody has said. */
export function judgePacked(text: string): Label | undefined {
  if (text.length > PACKED_MAX_CHARS || !/^\s{0,64}[[{]/.test(text) || !TELLING.test(text)) return undefined
  try {
    return judgeTree(JSON.parse(text) as JsonValue, '', 0) // the type of whatever JSON.parse returns
  } catch {
    return undefined
  }
}

function judgeTree(value: JsonValue, owner: string, depth: number): Label | undefined {
  if (typeof value !== 'object' || value === null || depth > PACKED_DEPTH_MAX) return undefined
  for (const [name, member] of Object.entries(value as JsonObject | readonly JsonValue[])) {
    const found =
      (Array.isArray(value) ? undefined : judgeName(name)) ?? judgeTree(member ?? null, Array.isArray(value) ? owner : name, depth + 1)
    if (found !== undefined) return found
  }
  if (Array.isArray(value)) return undefined
  const object = value as JsonObject
  const names = Object.keys(object)
  if (isPolluting(object)) return 'prototype-pollution'
  const operators = names.filter((name) => OPERATORS.has(name.toLowerCase()))
  return operators.some((name) => SECRET_NAME.test(owner) || isAnything(name.toLowerCase(), object[name])) ? 'nosql-injection' : undefined
}

const isPolluting = (object: JsonObject): boolean =>
  Object.hasOwn(object, 'constructor') && isRecord(object['constructor']) && Object.hasOwn(object['constructor'], 'prototype')

const isRecord = (value: JsonValue | undefined): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value)

const ENVIRONMENT = /^env(?:ironment|iron|_?vars?)?$/i
/** Variables by which a program is made to load or run something else. */
const LOADING =
  /^(?:LD_|DYLD_|BASH_ENV$|ENV$|PROMPT_COMMAND$|NODE_OPTIONS$|PYTHON(?:STARTUP|PATH|HOME)$|PERL5(?:OPT|LIB)$|RUBYOPT$|JAVA_TOOL_OPTIONS$|GIT_(?:SSH|EXTERNAL_DIFF|PAGER|ASKPASS)|IFS$|PATH$)/

/** Conditions that everything meets: `{ $ne: null }`, `{ $gt: "" }`, `{ $regex: ".*" }`. */
function isAnything(operator: string, value: JsonValue | undefined): boolean {
  switch (operator) {
    case '$ne':
      return value === null || value === '' || value === 0 || value === 1
    case '$gt':
    case '$gte':
      return value === '' || value === null
    case '$regex':
      return value === '' || value === '.*' || value === '^' || value === '.' || value === '^.*' || value === '.+'
    case '$nin':
      return Array.isArray(value) && value.length === 0
    default:
      return false
  }
}

/** Type names that deserialisers build objects from (Jackson, fastjson, Json.NET). */
function isTyped(object: JsonObject): boolean {
  const type = object['@type'] ?? object['$type'] ?? object['@class']
  return typeof type === 'string' && /^(?:[a-z_]\w{0,40}\.){2,12}[A-Z]|^System\.|,\s{0,4}(?:mscorlib|System)/.test(type)
}

/** Names that nobody takes for one another: JSON has each of them once. */
const PLAIN_NAME = /^[a-z0-9_]{0,64}$/

/** Two names that some reader takes for one: case, space around, disguised letters. */
function isAmbiguous(names: readonly string[]): boolean {
  if (names.every((name) => PLAIN_NAME.test(name))) return false
  const seen = new Set<string>()
  for (const name of names) {
    const plain = fold(name).trim().toLowerCase()
    if (seen.has(plain)) return true
    seen.add(plain)
  }
  return false
}

/** What else readers bind to a member: protobuf's JSON takes `filePath` for `file_path`, Java's comparison a dotless `ı` for an `i`. */
function bindable(name: string): string {
  return fold(name).normalize('NFKC').trim().replace(/[ıİ]/g, 'i').toLowerCase().replace(/[_-]/g, '')
}

const BINDABLE = new WeakMap<ReadonlyMap<string, unknown>, ReadonlySet<string>>()

/**
 * Whether a name that is none of the known ones is read as one of them all the same (Go's JSON binds `Path` to `path`): then what is said of the
 * known one, its bounds and every policy on it, would not be asked.
 */
export function isOtherSpelling(name: string, known: ReadonlyMap<string, unknown>): boolean {
  if (known.size === 0 || known.has(name)) return false
  const read = BINDABLE.get(known) ?? new Set([...known.keys()].map(bindable))
  BINDABLE.set(known, read)
  return read.has(bindable(name))
}
