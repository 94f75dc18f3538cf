/** A value that an old server pastes into a query: put between quotes of each kind and read as SQL, and judged by what stands outside of them then. */
import { readEveryWay } from './decode.ts'
import type { Label } from './labels.ts'
import { isDangerousFunction } from './sql.ts'
import { isBareInjection } from './sql-bare.ts'
import { MYSQL, PLAIN, type SqlToken, TOKENS_MAX, tokensOf } from './sql-lexer.ts'

const QUOTES = ["'", '"', '`'] as const
const CONNECTIVES = new Set(['or', 'and', 'xor', '||', '&&', 'div', 'mod'])
const COMPARATORS = new Set(['=', '<', '>', '<>', '!=', '>=', '<=', '<=>', '==', '~', '!~', '~*', '@>', ':=', '->', '->>'])
/** Comparing words, and what has to follow for them to compare rather than to speak. */
const COMPARING = new Set(['like', 'ilike', 'rlike', 'regexp', 'glob', 'in', 'between', 'is', 'similar', 'sounds', 'match'])
const JOINING = new Set(['+', '-', '*', '/', '%', '^', '|', '&'])
const CONSTANTS = new Set(['true', 'false', 'null', 'exists', 'select', 'case', 'cast', 'unknown'])
const UNARY = new Set(['not', '(', '-', '+', '!', '~', 'binary', '@'])

export function judgeLiteral(text: string): Label | undefined {
  return readEveryWay(text, { percent: true, entities: true, escapes: true, base64: true }, (view) =>
    isInjection(view) ? ('sql-injection' as const) : undefined,
  )
}

function isInjection(text: string): boolean {
  for (const quote of QUOTES) {
    if (!text.includes(quote) || (quote === '`' && isPaired(text))) continue
    for (const reading of text.includes('\\') || text.includes('#') ? [PLAIN, MYSQL] : [PLAIN]) {
      const tail = tokensOf(quote + text + quote, reading)
        .slice(1)
        // Between others a comment is a space.
        .filter(({ kind }, index, { length }) => kind !== 'comment' || index === 0 || index === length - 1)
      if (continues(tail)) return true
    }
  }
  const tokens = tokensOf(text, text.includes('#') ? MYSQL : PLAIN)
  return tokens.length > TOKENS_MAX || isBareInjection(tokens, text)
}

/** Backticks in pairs are how people write of code; one alone ends a name. */
const isPaired = (text: string): boolean => text.split('`').length % 2 === 1

/** Whether what follows the closing quote goes on as SQL, rather than being words after an apostrophe. */
function continues(tail: readonly SqlToken[]): boolean {
  if (isClosedAgain(tail)) return true
  let at = 0
  while (tail[at]?.text === ')' || tail[at]?.text === ']') at++
  const token = tail[at]
  const next = tail[at + 1]
  if (token === undefined) return false
  if (token.kind === 'comment') return true
  if (token.text === ';') return next === undefined || next.isOpen || next.kind === 'comment' || isBareInjection(tail.slice(at), '')
  if (CONNECTIVES.has(token.text) && isCondition(tail, at + 1)) return true
  if (token.kind === 'word') return continuesClause(tail, at)
  if (token.text === '(') return next?.text === 'select'
  if (COMPARATORS.has(token.text)) return isOperand(tail, at + 1)
  if (JOINING.has(token.text) || token.text === '||') return joins(tail, at + 1)
  return false
}

/** Out of a text and into another one, with a comparison between and an operator before it: what was broken out of is whole again. */
function isClosedAgain(tail: readonly SqlToken[]): boolean {
  const [before, last] = tail.slice(-2)
  if (before === undefined || last === undefined || !isClosingText(last, undefined)) return false
  return (
    (CONNECTIVES.has(before.text) || COMPARATORS.has(before.text)) &&
    tail.slice(0, -1).some(({ kind, text }) => kind === 'sign' && COMPARATORS.has(text))
  )
}

/** A quoted text that runs to the very end: what was broken out of is closed again. */
const isClosingText = (token: SqlToken | undefined, after: SqlToken | undefined): boolean =>
  token !== undefined && (token.kind === 'text' || token.kind === 'quoted') && !token.isOpen && after === undefined

function joins(tail: readonly SqlToken[], at: number): boolean {
  const [token, after] = [tail[at], tail[at + 1]]
  if (isClosingText(token, after)) return true
  if (token?.text === '(') return after?.text === 'select' || (after?.kind === 'word' && tail[at + 2]?.text === '(')
  return token?.kind === 'word' && after?.text === '(' && after.isGlued && isDangerousFunction(token.text)
}

function isOperand(tail: readonly SqlToken[], at: number): boolean {
  const [token, after] = [tail[at], tail[at + 1]]
  if (token === undefined) return false
  if (token.kind === 'text' || token.kind === 'quoted') return !token.isOpen || after === undefined
  if (token.kind === 'number' || token.kind === 'parameter') return ends(after)
  if (token.text === '(') return after?.text === 'select'
  return token.kind === 'word' && ((after?.text === '(' && after.isGlued) || after?.kind === 'comment')
}

/** Whether an expression can end here, as prose does not: a number is followed by a word there. */
const ends = (token: SqlToken | undefined): boolean =>
  token === undefined ||
  token.kind === 'comment' ||
  token.isOpen ||
  CONNECTIVES.has(token.text) ||
  COMPARATORS.has(token.text) ||
  COMPARING.has(token.text) ||
  [',', ';', ')', '::'].includes(token.text)

/** Whether what follows `or` or `and` is a condition. */
function isCondition(tail: readonly SqlToken[], from: number): boolean {
  let at = from
  while (UNARY.has(tail[at]?.text ?? '')) at++
  // `schema.table.column`
  while (tail[at + 1]?.text === '.' && tail[at + 1]?.isGlued === true) at += 2
  const [token, after] = [tail[at], tail[at + 1]]
  if (token === undefined) return false
  if (token.kind === 'text' || token.kind === 'quoted') return token.isOpen ? false : ends(after) || after?.text === '::'
  if (token.kind === 'number' || token.kind === 'parameter') return ends(after) || compares(tail, at + 1)
  if (token.kind !== 'word') return false
  if (after === undefined || after.isOpen) return CONSTANTS.has(token.text)
  if (CONSTANTS.has(token.text) || token.text.startsWith('@@')) return ends(after) || after.text === '(' || token.text === 'select'
  if (after.text === '(' || after.text === '[') return after.isGlued || isDangerousFunction(token.text)
  return after.kind === 'comment' || COMPARATORS.has(after.text) || compares(tail, at + 1)
}

/** `id in (1)`, `name like '%'`, `x is not null`, `a between 1 and 2`; not `boys like it`. */
function compares(tail: readonly SqlToken[], from: number): boolean {
  let at = from
  while (tail[at]?.text === 'not') at++
  const [token, after] = [tail[at], tail[at + 1]]
  if (token === undefined || after === undefined) return false
  switch (token.text) {
    case 'glob':
    case 'rlike':
    case 'regexp':
    case 'match':
      return true
    case 'is':
      return (
        ['null', 'not', 'true', 'false'].includes(after.text) &&
        (after.text !== 'not' || tail[at + 2]?.kind !== 'word' || tail[at + 2]?.text === 'null')
      )
    case 'sounds':
      return after.text === 'like' && (tail[at + 2]?.kind === 'text' || tail[at + 2]?.kind === 'quoted')
    case 'like':
    case 'ilike':
    case 'similar':
    case 'in':
    case 'between':
      return after.text === '(' || after.kind === 'number' || ((after.kind === 'text' || after.kind === 'quoted') && !after.isOpen)
    default:
      return false
  }
}

const CLAUSES = new Set(['group', 'order', 'having', 'limit', 'where', 'union', 'collate', 'offset', 'from'])

/** Words that go on with a query after a literal: clauses, functions, comparisons. */
function continuesClause(tail: readonly SqlToken[], at: number): boolean {
  const [token, after, third] = [tail[at], tail[at + 1], tail[at + 2]]
  if (token === undefined || after === undefined) return false
  // A clause, and the rest of the query cut off.
  if (CLAUSES.has(token.text) && tail.at(-1)?.kind === 'comment') return true
  switch (token.text) {
    case 'union':
    case 'intersect':
    case 'except':
      return ['select', 'all', 'distinct', '(', 'values'].includes(after.text) || after.kind === 'comment'
    case 'into':
      return after.text === 'outfile' || after.text === 'dumpfile' || after.text.startsWith('@')
    case 'waitfor':
    case 'procedure':
      return after.text === 'delay' || after.text === 'time' || after.text === 'analyse'
    case 'order':
    case 'group':
      return after.text === 'by' && third !== undefined && (third.kind === 'number' || third.text === '(' || ends(tail[at + 3]))
    case 'having':
    case 'where':
      return isCondition(tail, at + 1)
    case 'limit':
    case 'offset':
      return after.kind === 'number' && ends(third)
    default:
      return compares(tail, at) || (isDangerousFunction(token.text) && after.text === '(')
  }
}
