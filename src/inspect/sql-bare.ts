/** SQL that needs no quote to get in: where a number was expected, or a whole statement behind a semicolon. Told from prose by pairs of words that prose does not have. */
import { isDangerousFunction } from './sql.ts'
import { isExecutable, type SqlToken } from './sql-lexer.ts'

const CONNECTIVES = new Set(['or', 'and', 'xor', '||', '&&', 'having'])
const ARITHMETIC = new Set(['+', '-', '*', '/', '%'])
const COMPARATORS = new Set(['=', '<', '>', '<>', '!=', '>=', '<=', '<=>', '==', 'like', 'in', 'between', 'rlike', 'regexp', 'glob', '~'])
/** Verbs and what they are about; `*`: anything. */
const STATEMENTS: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries({
    insert: 'into ignore',
    replace: 'into',
    delete: 'from',
    merge: 'into',
    drop: 'table database schema index view user column procedure function trigger role',
    create: 'table database schema index view user procedure function trigger role or temporary temp extension',
    alter: 'table database schema user role system',
    truncate: 'table',
    copy: '*',
    load: 'data extension',
    attach: 'database',
    exec: '*',
    execute: 'immediate',
    declare: '*',
    waitfor: 'delay time',
    grant: 'all select insert execute',
    shutdown: '; with',
    use: 'master mysql',
    set: 'global session role',
    select: '* ( case count null',
    with: 'recursive',
    commit: ';',
    rollback: ';',
  }).map(([verb, objects]) => [verb, new Set(objects.split(' '))] as const),
)
/** Facts of the database that only an attacker asks for by function. */
const PROBES = new Set(
  'version database user current_user session_user system_user schema current_database current_schema sqlite_version xmltype'.split(' '),
)
const BUILDERS = new Set(
  'concat concat_ws group_concat char chr ascii substring substr mid hex unhex convert cast ord hex_string string_agg'.split(' '),
)
/** How far a `from` is looked for behind its `select`. */
const SELECT_TOKENS_MAX = 24

/** @param text the same as text, for what a lexer does not see. */
export function isBareInjection(all: readonly SqlToken[], text: string): boolean {
  if (all.some((token, index) => isExecutable(token) || isPartingComment(all, token, index))) return true
  if (/\d\.e[\s(,)]/i.test(text) && text.includes('(')) return true
  const tokens = all.filter(({ kind }) => kind !== 'comment')
  if (NUMBER_THEN_COMMENT.test(text) || isCutOff(all)) return true
  return tokens.some((token, index) => {
    if (token.kind === 'sign') return isTellingSign(tokens, index, token.text)
    return token.kind === 'word' && isTelling(tokens, index, token.text)
  })
}

function isTellingSign(tokens: readonly SqlToken[], at: number, sign: string): boolean {
  if (sign === '(') return opensSelect(tokens, at + 1)
  return sign === ';' ? isStatement(tokens, at + 1) : CONNECTIVES.has(sign) && isTautology(tokens, at)
}

/** `un/**\/ion`, `drop/**\/table`: a comment in the place of a space. */
function isPartingComment(all: readonly SqlToken[], token: SqlToken, index: number): boolean {
  const [before, after] = [all[index - 1], all[index + 1]]
  return (
    token.kind === 'comment' &&
    token.text.startsWith('/*') &&
    token.isGlued &&
    after?.isGlued === true &&
    before?.kind === 'word' &&
    /^[\w(@'"]/.test(after.text)
  )
}

/** What stands behind the number is cut off; years, as in `2019--2020`, are not. */
const NUMBER_THEN_COMMENT = /^\s{0,8}-?\d{1,20}[\s)]{0,8}(?:--|#|\/\*)[\s+-]{0,8}$/

/** `1 or 1 --`: a condition behind a number, and nothing behind the comment. */
function isCutOff(all: readonly SqlToken[]): boolean {
  const last = all.at(-1)
  return (
    all[0]?.kind === 'number' && CONNECTIVES.has(all[1]?.text ?? '') && last?.kind === 'comment' && /^(?:--|#|\/\*)\s*$/.test(last.text)
  )
}

function isTelling(tokens: readonly SqlToken[], at: number, word: string): boolean {
  const [after, third] = [tokens[at + 1], tokens[at + 2]]
  if (word.startsWith('xp_') || (word === 'declare' && after?.text.startsWith('@') === true)) return true
  if (CONNECTIVES.has(word)) return isTautology(tokens, at)
  switch (word) {
    case 'union':
      return isUnion(tokens, at)
    case 'waitfor':
      return after?.text === 'delay' || after?.text === 'time'
    case 'into':
      return after?.text === 'outfile' || after?.text === 'dumpfile'
    case 'procedure':
      return after?.text === 'analyse'
    case 'order':
      return after?.text === 'by' && (third?.text === '(' || (third?.kind === 'number' && tokens[at + 3]?.kind !== 'word'))
    case 'exists':
      return after?.text === '(' && third?.text === 'select'
    case 'case':
      return after?.text === 'when' && tokens.slice(at, at + SELECT_TOKENS_MAX).some(({ text }) => text === 'then')
    case 'select':
      return at === 0 && (after?.text === '*' || after?.text.startsWith('@@') === true || (third?.text === '(' && third.isGlued))
    default:
      return after?.text === '(' && isTellingCall(tokens, at, word)
  }
}

function isTellingCall(tokens: readonly SqlToken[], at: number, name: string): boolean {
  const [open, argument] = [tokens[at + 1], tokens[at + 2]]
  if (isDangerousFunction(name))
    return (name !== 'sleep' && open?.isGlued === true) || argument?.kind === 'number' || argument?.text === '('
  if (open?.isGlued !== true) return false
  if (PROBES.has(name)) return argument?.text === ')'
  if (name === 'if' || name === 'iif' || name === 'elt')
    return tokens.slice(at, at + SELECT_TOKENS_MAX).some(({ text }) => COMPARATORS.has(text))
  return (
    BUILDERS.has(name) &&
    tokens.slice(at + 2, at + 8).some(({ text, isGlued }, index) => text.startsWith('0x') || (text === '(' && isGlued && index > 0))
  )
}

/** `or 1=1`, `or 'a'='a'`, `and 5 in (`; and after a number alone any condition. */
function isTautology(tokens: readonly SqlToken[], at: number): boolean {
  let from = at + 1
  while (['not', '(', '-', '+', '!', '~'].includes(tokens[from]?.text ?? '')) from++
  // `3*2=6`
  while (tokens[from]?.kind === 'number' && ARITHMETIC.has(tokens[from + 1]?.text ?? '') && tokens[from + 2]?.kind === 'number') from += 2
  const [left, sign, right] = [tokens[from], tokens[from + 1], tokens[from + 2]]
  const isAfterNumber = at === 1 && tokens[0]?.kind === 'number'
  if (isAfterNumber && left !== undefined && (/^(?:true|false)$/.test(left.text) || left.text.startsWith('@@'))) return true
  if (left === undefined || sign === undefined) return false
  if (isAfterNumber && left.kind === 'word' && sign.text === 'is' && /^(?:not|null)$/.test(right?.text ?? '')) return true
  const isLiteral = left.kind === 'number' || left.kind === 'text' || left.kind === 'quoted'
  if (isLiteral && !left.isOpen) {
    if (sign.text === '::') return true
    return COMPARATORS.has(sign.text) && right !== undefined && (sign.kind === 'sign' || right.text === '(' || right.kind !== 'word')
  }
  if (!isAfterNumber || left.kind !== 'word') return left.text === 'exists' && sign.text === '('
  return (sign.kind === 'sign' && COMPARATORS.has(sign.text)) || (sign.text === '(' && sign.isGlued)
}

function isUnion(tokens: readonly SqlToken[], at: number): boolean {
  let next = at + 1
  while (['all', 'distinct', '('].includes(tokens[next]?.text ?? '')) next++
  if (tokens[next]?.text !== 'select' && tokens[next]?.text !== 'values') return false
  // A committee may be called so; behind a number or a bracket it is not.
  const before = tokens[at - 1]
  if (tokens.length === next + 2 && tokens[next + 1]?.kind === 'word') return before !== undefined && before.kind !== 'word'
  return isProjection(tokens, next + 1)
}

/** What is selected, as nobody writes it in a sentence. */
function isProjection(tokens: readonly SqlToken[], at: number): boolean {
  const [first, second] = [tokens[at], tokens[at + 1]]
  if (first === undefined) return true
  if (first.kind !== 'word') return true
  if (first.text === 'null' || first.text === 'distinct' || first.text.startsWith('@')) return true
  return second === undefined || second.kind !== 'word' || second.text === 'from'
}

function opensSelect(tokens: readonly SqlToken[], at: number): boolean {
  if (tokens[at]?.text !== 'select') return false
  const first = tokens[at + 1]
  if (first !== undefined && (first.kind !== 'word' || first.text.startsWith('@'))) return true
  return tokens.slice(at + 1, at + SELECT_TOKENS_MAX).some(({ text }) => text === 'from' || text === '(')
}

function isStatement(tokens: readonly SqlToken[], at: number): boolean {
  const [verb, object, third] = [tokens[at], tokens[at + 1], tokens[at + 2]]
  if (verb?.kind !== 'word') return false
  if (verb.text === 'update') return object?.kind !== undefined && tokens.slice(at + 2, at + 6).some(({ text }) => text === 'set')
  if (verb.text === 'replace' || verb.text === 'insert') {
    if (tokens.slice(at, at + SELECT_TOKENS_MAX).some(({ text }) => text === 'values')) return true
  }
  if (verb.text === 'shutdown' || verb.text === 'commit' || verb.text === 'rollback') return object === undefined || object.kind === 'sign'
  if (verb.text === 'set') return object?.text.startsWith('@') === true || STATEMENTS.get('set')?.has(object?.text ?? '') === true
  if (verb.text === 'select') return isProjection(tokens, at + 1) || third?.text === 'from'
  if (verb.text === 'exec') return object?.kind === 'word' && /^(?:xp_|sp_|master|immediate|@)/.test(object.text)
  if (verb.text === 'declare') return object?.text.startsWith('@') === true
  if (verb.text === 'copy')
    return tokens.slice(at, at + SELECT_TOKENS_MAX).some(({ text }) => text === 'from' || text === 'to') && third !== undefined
  if (verb.text === 'truncate' && object?.kind === 'word' && third?.text === ';') return true
  if (verb.text === 'call') return third?.text === '('
  return STATEMENTS.get(verb.text)?.has(object?.text ?? '') === true
}
