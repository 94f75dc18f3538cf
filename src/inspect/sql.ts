/** SQL that a tool runs: whole statements under a policy, and the names of tables and columns. Literals are in `sql-literal.ts`. */
import { fold } from './decode.ts'
import type { Label } from './labels.ts'
import { BRACKETS, isExecutable, MYSQL, ORACLE, PLAIN, POSTGRES, type SqlReading, type SqlToken, tokensOf } from './sql-lexer.ts'
import { DANGEROUS_FUNCTIONS, REACHING_SCHEMAS, SECRET_TABLES } from './sql-names.ts'

export const ENGINES = ['postgres', 'mysql', 'sqlite', 'mssql', 'oracle'] as const
export type Engine = (typeof ENGINES)[number]

export interface SqlRule {
  /** Read for every engine unless told. */
  readonly engine?: Engine
  /** Whether statements may only read; true unless told. */
  readonly readOnly?: boolean
}

const READINGS: Readonly<Record<Engine, SqlReading>> = {
  postgres: POSTGRES,
  mysql: MYSQL,
  sqlite: BRACKETS,
  mssql: BRACKETS,
  oracle: ORACLE,
}

/** How a statement that only reads begins. */
const READING = new Set('select with values table explain show describe desc pragma'.split(' '))
/** How a statement that changes anything begins. */
const WRITING = new Set(
  (
    'insert update delete merge replace upsert truncate drop alter create grant revoke rename comment copy call exec execute do declare lock unlock ' +
    'vacuum reindex cluster refresh analyze attach detach load import set reset begin start commit rollback savepoint release prepare deallocate listen ' +
    'notify unlisten discard security reassign waitfor deny backup restore kill shutdown use handler flush install uninstall optimize repair checkpoint bulk dbcc'
  ).split(' '),
)
/** After which a statement may begin within a statement: `WITH x AS (DELETE …)`, `EXPLAIN ANALYZE DELETE …`, `WITH … ) UPDATE …`. */
const BEFORE_STATEMENT = new Set(['(', ')', 'explain', 'analyze', 'verbose', 'plan', 'as', 'then', 'begin', 'else'])
/** `FOR UPDATE` and its like lock rows. */
const LOCKING = new Set(['update', 'share', 'no', 'key'])

export function judgeStatement(text: string, { engine, readOnly = true }: SqlRule): Label | undefined {
  // Where engines read the same, once is enough.
  const readings =
    engine !== undefined ? [READINGS[engine]] : /[\\#$[`]|--\S|q'/i.test(text) ? [PLAIN, POSTGRES, MYSQL, BRACKETS, ORACLE] : [PLAIN]
  for (const reading of readings) {
    const found = judgeTokens(tokensOf(text, reading), readOnly)
    if (found !== undefined) return found
  }
  const plain = fold(text)
  return plain === text ? undefined : judgeDisguised(plain, readOnly)
}

/** Full-width letters are letters of names to an engine; a driver that converts them makes words of them. */
function judgeDisguised(text: string, readOnly: boolean): Label | undefined {
  const found = judgeTokens(tokensOf(text, PLAIN), readOnly)
  // A typographic quote in a text closes it only for us.
  return found === 'sql-unreadable' ? undefined : found
}

function judgeTokens(all: readonly SqlToken[], readOnly: boolean): Label | undefined {
  if (all.some(isExecutable) || all.some(({ isOpen }) => isOpen)) return 'sql-unreadable'
  const tokens = all.filter(({ kind }) => kind !== 'comment')
  const end = tokens.findIndex(({ text }) => text === ';')
  if (end !== -1 && tokens.slice(end).some(({ text }) => text !== ';')) return 'sql-stacked'
  const danger = tokens.findIndex((token, index) => isDangerous(tokens, token, index))
  if (danger !== -1) return 'sql-function'
  if (!readOnly) return undefined
  const first = tokens.find(({ text }) => text !== '(')
  if (first !== undefined && (first.kind !== 'word' || !READING.has(first.text))) return 'sql-write'
  return writes(tokens) ? 'sql-write' : undefined
}

function isDangerous(tokens: readonly SqlToken[], token: SqlToken, index: number): boolean {
  // `"pg_sleep"(1)`: a quoted name is a name.
  const name = token.kind === 'word' ? token.text : token.kind === 'quoted' ? token.text.slice(1, -1).toLowerCase() : undefined
  if (name === undefined) return false
  if (SECRET_TABLES.has(name) && tokens[index - 1]?.text !== 'as') return true
  if (name === 'user' && tokens[index - 1]?.text === '.' && tokens[index - 2]?.text === 'mysql') return true
  const after = tokens[index + 1]?.text
  // SQL Server runs procedures without a bracket.
  if (/^(?:xp_|sp_oa)/.test(name) && /^(?:exec|execute|\.)$/.test(tokens[index - 1]?.text ?? '') && after !== ',' && after !== 'from')
    return true
  // Oracle's packages are called by what is in them.
  return (after === '(' && isDangerousFunction(name)) || (after === '.' && (/^(?:utl|dbms)_/.test(name) || REACHING_SCHEMAS.has(name)))
}

export function isDangerousFunction(name: string): boolean {
  return (
    DANGEROUS_FUNCTIONS.has(name) ||
    /^(?:dblink|xp_|sp_oa|dbms_|utl_|lo_(?:import|export|put|get|open|truncate|from|unlink|creat)|lo(?:read|write)$|(?:query|table|database|schema|cursor)_to_xml|pg_(?:read|ls|stat_file|file|sleep|write|advisory|try_advisory|logical|create|drop|promote|switch|start|stop|backup|replication|terminate|cancel|reload|rotate|notify|export_snapshot|prewarm|stat_reset|wal_replay))/.test(
      name,
    )
  )
}

function writes(tokens: readonly SqlToken[]): boolean {
  if (tokens[0]?.text === 'pragma' && setsPragma(tokens)) return true
  return tokens.some(({ kind, text }, index) => {
    if (kind !== 'word') return text === ':='
    const before = tokens[index - 1]?.text
    const after = tokens[index + 1]
    if (text === 'into') return true
    if (text === 'for' && after !== undefined && LOCKING.has(after.text) && tokens[index + 2]?.text !== '(') return true
    if (!WRITING.has(text)) return false
    if (followsWithoutSign(tokens, index)) return true
    return before !== undefined && BEFORE_STATEMENT.has(before) && startsStatement(text, after)
  })
}

/** Pragmas of SQLite that are asked with what is in brackets; in those of all others it is a new value. */
const ASKING_PRAGMA =
  /^(?:table_(?:info|xinfo|list)|index_(?:list|info|xinfo)|foreign_key_(?:list|check)|integrity_check|quick_check|collation_list|function_list|compile_options)$/
/** Pragmas that do something by being named. */
const DOING_PRAGMA = /^(?:optimize|wal_checkpoint|incremental_vacuum|shrink_memory)$/

function setsPragma(tokens: readonly SqlToken[]): boolean {
  const name = tokens[2]?.text === '.' ? tokens[3]?.text : tokens[1]?.text
  if (name === undefined || DOING_PRAGMA.test(name)) return true
  return tokens.some(({ text }) => text === '=' || (text === '(' && !ASKING_PRAGMA.test(name)))
}

const OBJECTS =
  /^(?:table|database|schema|index|view|user|login|proc|procedure|function|trigger|role|type|sequence|synonym|assembly|server)$/
/** What follows a name, not a verb. */
const CLAUSE =
  /^(?:and|or|as|is|in|like|between|asc|desc|then|end|when|else|order|group|limit|where|join|inner|left|right|on|union|over|filter|not)$/
/** SQL Server takes the next statement without a sign in between: `SELECT 1 DELETE FROM t`. By verb, what follows it there. */
const FOLLOWING: Readonly<Record<string, RegExp>> = {
  delete: /^(?!(?:where|order|group|limit|join|inner|left|on)$)\w/,
  update: /^(?!of$)[\w[]/,
  insert: /^(?:into|\w)/,
  merge: /^(?:into|\w)/,
  exec: /^[\w@[(]/,
  execute: /^[\w@[(]/,
  drop: /^\w/,
  alter: /^\w/,
  create: /^\w/,
  truncate: /^table$/,
  grant: /^\w/,
  revoke: /^\w/,
  backup: /^(?:database|log)$/,
  restore: /^(?:database|log)$/,
  dbcc: /^\w/,
  bulk: /^insert$/,
  declare: /^@/,
  shutdown: /^with$/,
  kill: /^\d/,
  waitfor: /^(?:delay|time)$/,
  deny: /^\w/,
}
/** What of such a statement stands within its next words, where its verb could be a name; nothing where what follows says enough. */
const WITHIN: Readonly<Record<string, RegExp>> = {
  update: /^set$/,
  insert: /^(?:into|values|select|default|exec|execute)$/,
  merge: /^using$/,
  grant: /^(?:on|to)$/,
  revoke: /^(?:on|from)$/,
  deny: /^(?:on|to)$/,
  drop: OBJECTS,
  alter: OBJECTS,
  create: OBJECTS,
}
const WITHIN_TOKENS = 12
/** Behind these no statement ends. */
const UNFINISHED =
  /^(?:select|distinct|all|by|and|or|not|on|where|when|then|else|as|from|join|in|is|like|between|limit|offset|having|case|for|with|set|using|explain|analyze|describe|desc|show)$/

function followsWithoutSign(tokens: readonly SqlToken[], at: number): boolean {
  const [before, verb, after] = [tokens[at - 1], tokens[at]?.text ?? '', tokens[at + 1]]
  if (before === undefined || before.kind === 'comment') return false
  if (before.kind === 'word' ? UNFINISHED.test(before.text) : before.kind === 'sign' && before.text !== ')' && before.text !== '*')
    return false
  const begins = Object.hasOwn(FOLLOWING, verb) ? FOLLOWING[verb] : undefined
  if (after === undefined) return false
  const word = after.kind === 'quoted' ? 'name' : after.text
  if (begins === undefined || !begins.test(word) || CLAUSE.test(word)) return false
  const within = Object.hasOwn(WITHIN, verb) ? WITHIN[verb] : undefined
  return within === undefined || tokens.slice(at + 1, at + WITHIN_TOKENS).some(({ text }) => within.test(text))
}

/** Whether a word that can begin a change does: a column may be called `comment`, `(comment)` is no statement. */
function startsStatement(word: string, after: SqlToken | undefined): boolean {
  if (after === undefined || (after.kind !== 'word' && after.kind !== 'quoted')) return false
  if (word === 'analyze') return false
  return (
    !/^(?:from|and|or|as|is|in|like|between|asc|desc|then|end|when|else|order|group|limit|over|filter|not)$/.test(after.text) ||
    word === 'delete'
  )
}

const NAME = String.raw`(?:[\p{L}_][\p{L}\p{N}_$]{0,127}|\d[\p{L}\p{N}_$]{0,127}|"[\p{L}\p{N}_$ .-]{1,128}"|\x60[\p{L}\p{N}_$ .-]{1,128}\x60|\[[\p{L}\p{N}_$ .-]{1,128}\])`
const ITEM = String.raw`${NAME}(?:\.(?:${NAME}|\*)){0,4}(?: {1,4}(?:asc|desc))?(?: {1,4}nulls {1,4}(?:first|last))?`
const IDENTIFIERS = new RegExp(String.raw`^(?:\*|-?${ITEM}(?: {0,4}, {0,4}-?${ITEM}){0,63})$`, 'iu')
const IDENTIFIER_MAX_CHARS = 4_096

/** The name of a table or column, or a list of them with directions as in `ORDER BY`: nothing else. */
export function judgeIdentifier(text: string): Label | undefined {
  const trimmed = text.trim()
  return trimmed === '' || (trimmed.length <= IDENTIFIER_MAX_CHARS && IDENTIFIERS.test(trimmed)) ? undefined : 'sql-identifier'
}
