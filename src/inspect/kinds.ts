/** What each text in a tool's arguments is for: as an operator wrote it, else as the tool's schema says it, else as its name does; else text. */
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import type { PathRule } from './path.ts'
import type { RecipientRule } from './recipients.ts'
import type { ArgumentRule as ShellRule } from './shell.ts'
import type { SqlRule } from './sql.ts'
import type { UrlRule } from './url.ts'

export type Kind =
  | 'path'
  | 'url'
  | 'email'
  | 'sql'
  | 'sql-literal'
  | 'sql-identifier'
  | 'html'
  | 'shell'
  | 'shell-argument'
  | 'code'
  | 'expression'
  | 'regex'
  | 'line'
  | 'text'
  | 'opaque'

/** What may be said of an argument. Without a kind, the kind is inferred. */
export interface ArgumentRule extends PathRule, UrlRule, RecipientRule, SqlRule, ShellRule {
  readonly kind?: Kind
  /** UTF-8 bytes. */
  readonly maxBytes?: number
}

/** An argument's rule with its kind. */
export interface Leaf extends ArgumentRule {
  readonly kind: Kind
}

/** What is known of a place in the arguments; arrays are passed through, so that a list of paths is paths. */
export interface Shape {
  readonly leaf: Leaf
  readonly members: ReadonlyMap<string, Shape>
}

/** Parts of one schema that are looked at, and how deep: a hostile schema ends here, and what is below is inferred by name. */
const SHAPES_MAX = 2_000
const DEPTH_MAX = 16
const DESCRIPTION_MAX_CHARS = 600

export const TEXT: Leaf = { kind: 'text' }

const set = (text: string): ReadonlySet<string> => new Set(text.split(' '))
const PATHS = set(
  'path paths file files filename filenames filepath filepaths dir dirs directory directories folder folders dirname pathname cwd workdir',
)
const URLS = set('url urls uri uris href link links endpoint webhook callback website homepage hyperlink')
const COMMANDS = set('command cmd commands shell commandline bash')
const WORDS = set('args argv arguments flags cmdargs extraargs')
const ARGUMENTS = set('branch ref revision rev remote hostname host refspec commitish')
const CODES = set('code sourcecode snippet program script javascript typescript python')
const EXPRESSIONS = set('expression expr formula condition jq jmespath jsonata cel')
const REGEXES = set('regex regexp regexes')
const LINES = set(
  'subject title name label username recipient recipients to cc bcc from sender email emails header headers phone firstname lastname nickname headline',
)
const IDENTIFIERS = set('table tables column columns tablename columnname orderby sortby groupby schemaname sortcolumn ordercolumn')

const FORMATS: Readonly<Record<string, Kind>> = {
  uri: 'url',
  url: 'url',
  iri: 'url',
  'uri-reference': 'url',
  'iri-reference': 'url',
  regex: 'regex',
  path: 'path',
  'file-path': 'path',
  'directory-path': 'path',
  html: 'html',
  sql: 'sql',
  email: 'line',
  'idn-email': 'line',
  hostname: 'shell-argument',
}
const MEDIA: readonly (readonly [RegExp, Kind])[] = [
  [/^text\/html|xhtml/, 'html'],
  [/sql/, 'sql'],
  [/javascript|typescript|x-python|x-sh|ecmascript/, 'code'],
]

/** The kind that a name tells, or nothing. @param description what is said of it; lower case. */
export function kindOfName(name: string, description = ''): Kind | undefined {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '')
  const last = words.at(-1) ?? ''
  const whole = words.join('')
  const is = (names: ReadonlySet<string>): boolean => names.has(last) || names.has(whole)
  if (words.includes('sql')) return 'sql'
  if ((last === 'query' || last === 'statement') && /\bsql\b/.test(description)) return 'sql'
  if (words.includes('html') || whole === 'markup') return 'html'
  if (is(REGEXES) || (last === 'pattern' && /\bregex|regular expression/.test(description))) return 'regex'
  if (is(WORDS)) return 'shell-argument'
  if (is(URLS)) return 'url'
  if (is(PATHS))
    return /xpath|jsonpath|json path|url path|api path|dotted|\bcontents? of\b|base64/.test(`${whole} ${description}`) ? 'text' : 'path'
  if (is(COMMANDS)) return 'shell'
  if (names(IDENTIFIERS, last, whole) && (whole !== last || /\b(?:sql|database|table|column)\b/.test(description))) return 'sql-identifier'
  if (is(CODES) || (last === 'source' && /\bcode\b/.test(description))) return 'code'
  if (is(EXPRESSIONS) || (last === 'filter' && /expression|\bjq\b|\bcel\b/.test(description))) return 'expression'
  if (is(ARGUMENTS)) return 'shell-argument'
  return is(LINES) ? 'line' : undefined
}

const names = (known: ReadonlySet<string>, last: string, whole: string): boolean => known.has(whole) || known.has(last)

/** What a description says where the name says nothing. */
const TOLD: readonly (readonly [RegExp, Kind])[] = [
  [
    /^(?:the |an? )?(?:absolute |relative |full |local )?(?:file|directory|folder)?\s?path (?:to|of)\b|\bpath to (?:the |an? )?(?:file|directory|folder)\b/,
    'path',
  ],
  [/^(?:the |an? )?(?:web |http |https |full )?url (?:to|of|for)\b/, 'url'],
  [/\bsql (?:query|statement) to (?:run|execute)\b/, 'sql'],
  [/\bshell command\b|\bcommand (?:line )?to (?:run|execute)\b/, 'shell'],
  [/\bhtml (?:body|content|fragment|markup)\b/, 'html'],
]

function leafOf(name: string, schema: JsonObject): Leaf {
  const { format, contentMediaType: media, description } = schema
  const told = typeof description === 'string' ? description.slice(0, DESCRIPTION_MAX_CHARS).toLowerCase() : ''
  const kind =
    (typeof format === 'string' && Object.hasOwn(FORMATS, format) ? FORMATS[format] : undefined) ??
    (typeof media === 'string' ? MEDIA.find(([pattern]) => pattern.test(media))?.[1] : undefined) ??
    kindOfName(name, told) ??
    TOLD.find(([pattern]) => pattern.test(told))?.[1]
  return leafOfKind(name, kind)
}

/** A list of words for a program may hold options; one argument may not. */
function leafOfKind(name: string, kind: Kind | undefined): Leaf {
  if (kind === undefined) return TEXT
  return kind === 'shell-argument' && !ARGUMENTS.has(name.toLowerCase()) ? { kind, options: true } : { kind }
}

export const leafOfName = (name: string): Leaf => leafOfKind(name, kindOfName(name))

/**
 * What a tool's arguments are for.
 * @param rules by argument; within an argument by `.`: `edits.path`. They win over the schema, part by part.
 */
export function shapeOf(schema: JsonValue | undefined, rules: Readonly<Record<string, ArgumentRule>>): Shape {
  const compiler = new Compiler(isObject(schema) ? schema : {}, rules)
  return compiler.shape('', '', isObject(schema) ? [schema] : [], 0)
}

class Compiler {
  private readonly root: JsonObject
  private readonly rules: Readonly<Record<string, ArgumentRule>>
  private count = 0

  constructor(root: JsonObject, rules: Readonly<Record<string, ArgumentRule>>) {
    this.root = root
    this.rules = rules
  }

  shape(name: string, path: string, schemas: readonly JsonObject[], depth: number): Shape {
    this.count++
    const parts = schemas.flatMap((schema) => this.parts(schema, 0))
    // Any part may say what it is for; the first that says something is believed.
    const leaves = parts.map((part) => leafOf(name, part))
    const inferred = leaves.find(({ kind }) => kind !== 'text') ?? (parts.length === 0 ? leafOfName(name) : TEXT)
    const rule = Object.hasOwn(this.rules, path) ? this.rules[path] : undefined
    const leaf: Leaf = rule === undefined ? inferred : { ...inferred, ...rule }
    const found = new Map<string, JsonObject[]>()
    if (depth < DEPTH_MAX) {
      for (const part of parts) for (const [member, schema] of membersOf(part)) collect(found, member, schema)
    }
    const prefix = path === '' ? '' : `${path}.`
    for (const written of Object.keys(this.rules)) {
      const member = written.startsWith(prefix) ? (written.slice(prefix.length).split('.')[0] ?? '') : ''
      if (member !== '' && !found.has(member)) found.set(member, [])
    }
    const members = new Map<string, Shape>()
    for (const [member, inner] of found) {
      if (this.count > SHAPES_MAX) break
      members.set(member, this.shape(member, prefix + member, inner, depth + 1))
    }
    return { leaf, members }
  }

  /** A schema with all that it is put together from, and the items of a list in its place. */
  private parts(schema: JsonObject, depth: number): readonly JsonObject[] {
    if (depth > DEPTH_MAX || this.count > SHAPES_MAX) return []
    this.count++
    const { $ref: reference, items, prefixItems, anyOf, oneOf, allOf } = schema
    const inner = [
      this.resolve(reference),
      items,
      ...[prefixItems, anyOf, oneOf, allOf].flatMap((list) => (Array.isArray(list) ? list : [])),
    ]
    return [schema, ...inner.filter(isObject).flatMap((part) => this.parts(part, depth + 1))]
  }

  /** Within the document; nothing is fetched. */
  private resolve(reference: JsonValue | undefined): JsonValue | undefined {
    if (reference === '#') return this.root
    if (typeof reference !== 'string' || !reference.startsWith('#/')) return undefined
    let value: JsonValue | undefined = this.root
    for (const token of reference.slice(2).split('/')) {
      const name = token.replaceAll('~1', '/').replaceAll('~0', '~')
      value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined
    }
    return value
  }
}

function collect(found: Map<string, JsonObject[]>, member: string, schema: JsonObject): void {
  const known = found.get(member)
  if (known === undefined) found.set(member, [schema])
  else known.push(schema)
}

function membersOf({ properties }: JsonObject): readonly (readonly [string, JsonObject])[] {
  if (!isObject(properties)) return []
  return Object.keys(properties)
    .slice(0, SHAPES_MAX)
    .flatMap((name) => {
      const schema = properties[name]
      return isObject(schema) ? [[name, schema] as const] : []
    })
}
