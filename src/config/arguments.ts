/** What an operator says of a tool's arguments: what each of them is for, and within which bounds. */
import { resolve } from 'node:path'
import { z } from 'zod'
import { flag, size, some, text, word } from './values.ts'

/** What a text may be for. `opaque` is not looked into. */
const KINDS = [
  'path',
  'url',
  'email',
  'sql',
  'sql-literal',
  'sql-identifier',
  'html',
  'shell',
  'shell-argument',
  'code',
  'expression',
  'regex',
  'line',
  'content',
  'text',
  'opaque',
] as const
const ENGINES = ['postgres', 'mysql', 'sqlite', 'mssql', 'oracle'] as const

/** Bounds that belong to one kind alone. */
const BELONGS = {
  within: 'path',
  schemes: 'url',
  hosts: 'url',
  private: 'url',
  domains: 'email',
  engine: 'sql',
  readOnly: 'sql',
  options: 'shell-argument',
} as const satisfies Readonly<Record<string, (typeof KINDS)[number]>>
type Bound = keyof typeof BELONGS
const BOUNDS: readonly Bound[] = ['within', 'schemes', 'hosts', 'private', 'domains', 'engine', 'readOnly', 'options']

const oneOf = <const Names extends readonly string[]>(names: Names) => z.enum(names, { error: `expected one of ${names.join(', ')}` })

const argument = z
  .strictObject(
    {
      kind: oneOf(KINDS).optional().describe('What it is for. Without one, the schema of the tool says it, then its name.'),
      maxBytes: size('1B', '64MiB').optional().describe('Longest text, as UTF-8.'),
      within: some(text('a folder'), 'a folder')
        .optional()
        .describe('Folders that a path must lie in. Relative paths are relative to this file.'),
      schemes: some(word(/^[a-z][a-z0-9+.-]{0,31}$/, 'a scheme such as https'), 'a scheme')
        .optional()
        .describe('Schemes of a URL. Default https and http.'),
      hosts: some(
        word(/^(\*\.)?[a-z0-9.-]{1,253}$|^\[[0-9a-f:.]+\]$/, 'a host such as example.com or *.example.com, in lower case'),
        'a host',
      )
        .optional()
        .describe('Where a URL may lead. Default anywhere public.'),
      private: flag().optional().describe('Whether a URL may lead to private and loopback addresses. Default false.'),
      domains: some(word(/^(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)+$/, 'a domain such as example.com or *.example.com, in lower case'), 'a domain')
        .optional()
        .describe(
          'Where mail may go. Then so may that of every other field of recipients (to, cc, bcc) and nowhere else. Default anywhere.',
        ),
      engine: oneOf(ENGINES).optional().describe('Which database reads the SQL. Default: it must be harmless for each.'),
      readOnly: flag().optional().describe('Whether SQL may only read. Default true.'),
      options: flag().optional().describe('Whether a word for a program may be an option. Default false.'),
    },
    { error: 'expected a map such as { kind: path, within: [./data] }' },
  )
  .superRefine((written, context) => {
    for (const bound of BOUNDS) {
      if (written[bound] !== undefined && written.kind !== BELONGS[bound])
        context.addIssue({ code: 'custom', path: [bound], message: `expected only beside kind: ${BELONGS[bound]}` })
    }
  })

/** By argument; what is within an argument by `.` or as a JSON Pointer (RFC 6901), lists passed through: `edits.path`, `/edits/path`. */
export const argumentSettings = z.record(
  word(
    /^(?:[^.\s/][^.]{0,127}(?:\.[^.]{1,128}){0,15}|(?:\/(?:[^/~]|~[01]){1,128}){1,16})$/,
    'the name of an argument, or of a part of one such as edits.path or /edits/path',
  ),
  argument,
  { error: 'expected a map of arguments' },
)

/** Folders are absolute; what was not written is not there. */
export interface ArgumentConfig {
  readonly kind?: (typeof KINDS)[number]
  readonly maxBytes?: number
  readonly within?: readonly string[]
  readonly schemes?: readonly string[]
  readonly hosts?: readonly string[]
  readonly private?: boolean
  readonly domains?: readonly string[]
  readonly engine?: (typeof ENGINES)[number]
  readonly readOnly?: boolean
  readonly options?: boolean
}

export function settleArguments(written: z.output<typeof argumentSettings>, directory: string): Readonly<Record<string, ArgumentConfig>> {
  return Object.fromEntries(
    Object.entries(written).map(([name, { within, ...rest }]) => [name, { ...defined(rest), ...absolute(within, directory) }]),
  )
}

const absolute = (folders: readonly string[] | undefined, directory: string): { readonly within?: readonly string[] } =>
  folders === undefined ? {} : { within: folders.map((folder) => resolve(directory, folder)) }

function defined({
  kind,
  maxBytes,
  schemes,
  hosts,
  domains,
  engine,
  readOnly,
  options,
  private: mayBePrivate,
}: z.output<typeof argument>): ArgumentConfig {
  return {
    ...(kind === undefined ? {} : { kind }),
    ...(maxBytes === undefined ? {} : { maxBytes }),
    ...(schemes === undefined ? {} : { schemes }),
    ...(hosts === undefined ? {} : { hosts }),
    ...(domains === undefined ? {} : { domains }),
    ...(mayBePrivate === undefined ? {} : { private: mayBePrivate }),
    ...(engine === undefined ? {} : { engine }),
    ...(readOnly === undefined ? {} : { readOnly }),
    ...(options === undefined ? {} : { options }),
  }
}
