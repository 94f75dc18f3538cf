/** SQL that a tool runs: whole statements under a policy, and the names of tables and columns. Literals are in `sql-literal.ts`. */
import { fold } from './decode.ts'
import type { Label } from './labels.ts'
import { BRACKETS, isExecutable, MYSQL, PLAIN, POSTGRES, type SqlReading, type SqlToken, tokensOf } from './sql-lexer.ts'
import { DANGEROUS_FUNCTIONS, SECRET_TABLES } from './sql-names.ts'

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
  oracle: PLAIN,
}

/** How a statement that only reads begins. */
const READING = new Set('select with values table explain show describe desc pragma'.split(' '))
/** How a statement that changes anything begins. */
const WRITING = new Set(
  (
    'insert update delete merge replace upsert truncate drop alter create grant revoke rename comment copy call exec execute do declare lock unlock ' +
    'vacuum reindex cluster refresh analyze attach detach load import set reset begin start commit rollback savepoint release prepare deallocate listen ' +
    'notify unlisten discard security reassign backup restore kill shutdown use handler flush install uninstall optimize repair checkpoint bulk dbcc'
  ).split(' '),
)
/** After which a statement may begin within a statement: `WITH x AS (DELETE …)`, `EXPLAIN ANALYZE DELETE …`, `WITH … ) UPDATE …`. */
const BEFORE_STATEMENT = new Set(['(', ')', 'explain', 'analyze', 'verbose', 'plan', 'as', 'then', 'begin', 'else'])
/** `FOR UPDATE` and its like lock rows. */
const LOCKING = new Set(['update', 'share', 'no', 'key'])

export function judgeStatement(text: string, { engine, readOnly = true }: SqlRule): Label | undefined {
  // Where engines read the same, once is enough.
  const readings = engine !== undefined ? [READINGS[engine]] : /[\\#$[]|--\S/.test(text) ? [PLAIN, POSTGRES, MYSQL, BRACKETS] : [PLAIN]
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
  // Oracle's packages are called by what is in them.
  return (after === '(' && isDangerousFunction(name)) || (after === '.' && /^(?:utl|dbms)_/.test(name))
}

export function isDangerousFunction(name: string): boolean {
  return (
    DANGEROUS_FUNCTIONS.has(name) ||
    /^(?:dblink|xp_|sp_oa|dbms_|utl_|lo_(?:import|export|put|from|unlink|creat)|pg_(?:read|ls|stat_file|file|sleep|write|advisory|try_advisory|logical|create|drop|promote|switch|start|stop|backup|replication|terminate|cancel|reload|rotate))/.test(
      name,
    )
  )
}

function writes(tokens: readonly SqlToken[]): boolean {
  return tokens.some(({ kind, text }, index) => {
    if (kind !== 'word') return text === ':=' || (text === '=' && tokens[0]?.text === 'pragma')
    const before = tokens[index - 1]?.text
    const after = tokens[index + 1]
    if (text === 'into') return true
    if (text === 'for' && after !== undefined && LOCKING.has(after.text) && tokens[index + 2]?.text !== '(') return true
    if (!WRITING.has(text)) return false
    return before !== undefined && BEFORE_STATEMENT.has(before) && startsStatement(text, after)
  })
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
