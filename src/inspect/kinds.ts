/** What a text in a tool's arguments is for: as the tool's schema says it, else as its name does; else text. */
import type { JsonObject } from '../core/json.ts'
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
  | 'content'
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

/** What is said before the word that counts: `the absolute`, `your project's`; not `the name of the`, `title or`. */
const BEFORE =
  /(?:(?!(?:of|in|with|for|from|to|by|on|at|and|or|no|not|without|whether|if|as|any|text|name|title|list|number)\b)[a-z][a-z'-]{0,20} ){0,4}/
    .source
/** Behind it the description ends, or says more of it. */
const BEHIND = /(?:$|[.,;:]| ?\(| -|\s+(?:to|of|for|from|where|that|which|in|on|relative|including|you|as)\b)/.source

/** What a description says where the name says nothing. */
const TOLD: readonly (readonly [RegExp, Kind])[] = [
  [
    /^(?:the |an? )?(?:absolute |relative |full |local )?(?:file|directory|folder)?\s?path (?:to|of)\b|\bpath to (?:the |an? )?(?:file|directory|folder)\b/,
    'path',
  ],
  [new RegExp(`^${BEFORE}(?:file|directory|folder|dir)[ -]?(?:path|name)s?${BEHIND}`), 'path'],
  [/^(?:the |an? )?(?:absolute |relative |full |local |valid )?path[.]?$/, 'path'],
  [new RegExp(`^${BEFORE}ur[li]s?${BEHIND}`), 'url'],
  [
    /^(?:the |an? |raw |read-only |valid |single ){0,3}sql(?: (?:query|statement|code|text|script|command)s?)?(?:$|[.,;:(]| (?:to|that|which|for)\b)/,
    'sql',
  ],
  [/\bsql (?:query|statement) to (?:run|execute)\b/, 'sql'],
  [/\bshell command\b|\bcommand (?:line )?to (?:run|execute)\b/, 'shell'],
  [/\bhtml (?:body|content|fragment|markup)\b/, 'html'],
]

/** What is put into a file, or looked for in it. Beside a path only: elsewhere it is somebody's words. */
const CONTENT_NAME =
  /^(?:content|contents|patch|diff|(?:file|new|old|insert|inserted|replace|replacement|updated|append|original|modified)(?:content|contents|text|string|str|source|lines?))$/
const CONTENT_TOLD =
  /\b(?:content|contents|text|data|lines?) (?:to (?:write|append|insert|add|put)|to be (?:written|appended|inserted)|of the (?:new |whole |entire )?file)\b|\bfile contents?\b/

/** @param parts of the schema that say what it is. */
export function isContent(name: string, parts: readonly JsonObject[]): boolean {
  return CONTENT_NAME.test(name.toLowerCase().replace(/[^a-z0-9]/g, '')) || parts.some((part) => CONTENT_TOLD.test(descriptionOf(part)))
}

const descriptionOf = ({ description }: JsonObject): string =>
  typeof description === 'string' ? description.slice(0, DESCRIPTION_MAX_CHARS).trim().toLowerCase() : ''

/** By one part of a schema. */
export function leafOf(name: string, schema: JsonObject): Leaf {
  const { format, contentMediaType: media } = schema
  const told = descriptionOf(schema)
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
