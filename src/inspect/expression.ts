/** Small expressions and templates that a server evaluates: what reaches out of the values it was given, or never ends. */
import type { Label } from './labels.ts'

/** Ways from a value to the machine, in the languages that expressions are written in; what is done there does not matter. */
const REACH = new Set(
  [
    // JavaScript
    'constructor __proto__ prototype mainModule process require child_process globalThis Function eval importScripts Reflect Proxy',
    '__defineGetter__ __defineSetter__ __lookupGetter__ fromCharCode execSync spawnSync execFile readFileSync Deno Bun',
    // Python
    '__class__ __mro__ __base__ __bases__ __subclasses__ __globals__ __builtins__ __import__ __init__ __getattribute__ __dict__ __code__',
    'func_globals gi_frame f_globals f_locals f_back cr_frame mro exec compile execfile getattr setattr delattr globals locals vars breakpoint',
    'subprocess popen Popen lipsum cycler joiner os sys importlib pickle',
    // Java, SpEL, OGNL, EL
    'Runtime getRuntime ProcessBuilder forName getClass getClassLoader newInstance invoke getMethod getDeclaredMethod ScriptEngineManager',
    'getEngineByName URLClassLoader classLoader MethodUtils OgnlContext getProtectionDomain',
    // Ruby, PHP, .NET, shells
    'instance_eval class_eval module_eval send public_send Kernel IO system passthru shell_exec proc_open assert call_user_func',
    'file_get_contents phpinfo backticks Process Assembly GetType Activator',
    // Spreadsheets and jq
    'global window self WEBSERVICE IMPORTXML IMPORTDATA HYPERLINK DDE input_filename getpath $__loc__ $ENV env ENV',
  ].flatMap((line) => line.split(' ')),
)
/** Of these a value may well be called so; they reach only when they are called, or when something of theirs is. */
const WEAK = new Set(
  'global window self Function process system exec compile send env ENV os sys invoke call assert vars input open mro IO Process Runtime joiner cycler'.split(
    ' ',
  ),
)
/** Only as calls, and only where no program belongs. */
const CALLS = new Set(
  'open import input alert setTimeout setInterval fetch XMLHttpRequest load loadstring dofile readfile include'.split(' '),
)
/** Loops and definitions: an expression has none. */
const STATEMENTS = new Set('while function class def import throw debugger with'.split(' '))
/** A power of a power, or a number with more digits than any count has. */
const HUGE =
  /\*\*[^*]{0,40}\*\*|\b\d{10,}\s{0,4}(?:\*\*|\))|\b\d{1,12}\s{0,4}\*\*\s{0,4}\d{4,}|\bpow\s{0,4}\(\s{0,4}\d{1,12}\s{0,4},\s{0,4}\d{4,}|\brange\s{0,4}\([^)]{0,20}(?:\d{8,}|\*\*|\d{1,3}e\d)|\.(?:repeat|padStart|padEnd|ljust|rjust|zfill)\s{0,4}\(\s{0,4}\d{7,}|\*\s{0,4}10\s{0,4}\*\*\s{0,4}(?:[7-9]|\d{2})|\*\s{0,4}\d{8,}|\*\s{0,4}\d{1,3}e\d{1,3}\b|\b(?:fact|factorial|fib)\s{0,4}\(\s{0,4}\d{4,}/i
const DELIMITERS = /^\s{0,4}@\(|\{\{|\}\}|\$\{|#\{|\*\{|@\{|<%|%>|\{%|#set\s{0,4}\(|<#|\$!?\w{1,20}\.(?:class|getClass)\b/

/** An expression that a person wrote is shorter. */
const EXPRESSION_MAX_CHARS = 8_192

interface Token {
  readonly kind: 'name' | 'text' | 'sign'
  readonly text: string
}

const SPACE = /\s+/y
const NUMBER = /0x[0-9a-f]+|\d+(?:\.\d+)?(?:e[+-]?\d+)?/iy
const NAME = /[$A-Za-z_][\w$]*/y
const QUOTED: Readonly<Record<string, RegExp>> = { '"': /"(?:[^"\\\n]|\\.)*"/sy, "'": /'(?:[^'\\\n]|\\.)*'/sy }

/** Names, quoted texts and signs; numbers and space are passed over. A quote that does not end on its line is a sign, and so are those after it. */
function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = []
  let openUntil = -1
  for (let at = 0; at < text.length; ) {
    const skipped = endOf(SPACE, text, at) ?? endOf(NUMBER, text, at)
    if (skipped !== undefined) {
      at = skipped
      continue
    }
    const name = endOf(NAME, text, at)
    const quoted = at < openUntil ? undefined : QUOTED[text[at] ?? '']
    const end = name ?? (quoted === undefined ? undefined : endOf(quoted, text, at))
    if (quoted !== undefined && end === undefined) openUntil = lineEnd(text, at)
    if (name !== undefined) tokens.push({ kind: 'name', text: text.slice(at, name) })
    else if (end !== undefined) tokens.push({ kind: 'text', text: text.slice(at + 1, end - 1) })
    else tokens.push({ kind: 'sign', text: text[at] ?? '' })
    at = end ?? at + 1
  }
  return tokens
}

function endOf(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at
  return pattern.test(text) ? pattern.lastIndex : undefined
}

function lineEnd(text: string, at: number): number {
  const end = text.indexOf('\n', at)
  return end === -1 ? text.length : end
}

/**
 * @param place `whole`: the text is evaluated, so nothing but an expression belongs there; `reach`: it stands in some text, and counts only
 *   when it reaches for the machine.
 */
export function isExpressionAttack(text: string, place: 'whole' | 'reach'): boolean {
  const tokens = tokensOf(text)
  return tokens.some(({ kind, text: word }, index) => {
    const before = tokens[index - 1]?.text
    const after = tokens[index + 1]?.text
    if (kind === 'name') return reaches([before, after, tokens[index + 2]?.text], word, place)
    if (kind === 'text') return before === '[' && after === ']' ? REACH.has(word) && !WEAK.has(word) : false
    // A name put together from pieces is a name that was not to be seen.
    if (word === '[' && tokens[index + 1]?.kind === 'text' && tokens[index + 2]?.text === '+') return true
    return place === 'whole' && (word === '`' || (word === ';' && after !== undefined))
  })
}

/** What of theirs reaches; a value may be called `process` and have a `status`. */
const MEMBERS = new Set(
  (
    'process constructor exit env mainModule binding argv cwd kill stdout stdin stdin versions dlopen abort nextTick system popen environ listdir remove unlink rmdir spawn exec execute ' +
    'modules read write open getRuntime GetEnvironmentVariable Start'
  ).split(' '),
)
/** Of an environment everything reaches that is written as variables are. */
const leads = (word: string, member = ''): boolean =>
  MEMBERS.has(member) || (word.toLowerCase() === 'env' && /^[A-Z][A-Z0-9_]*$/.test(member))

/** What a value may be made of. */
const MADE = new Set('Date Map Set Array RegExp URL Number String Intl'.split(' '))

function reaches([before, after, third]: readonly (string | undefined)[], word: string, place: 'whole' | 'reach'): boolean {
  if (REACH.has(word))
    return (
      !WEAK.has(word) || (before !== '.' && (after === '(' || (after === '.' && leads(word, third)) || (word === 'ENV' && after === '[')))
    )
  // The packages of the platform, and jq's environment at the end of a pipe.
  if (/^javax?$/.test(word) && after === '.' && /^(?:lang|io|net|nio|util|naming|script|rmi|security)$/.test(third ?? '') && before !== '.')
    return true
  if (place === 'whole' && word === 'env' && before === '|' && (after === undefined || after === '.' || after === '|')) return true
  if (word === 'T' && after === '(') return true
  if (place === 'reach') return false
  if (word === 'new') return after !== undefined && /^[A-Za-z]/.test(after) && !MADE.has(after)
  return (
    (CALLS.has(word) && after === '(' && before !== '.') ||
    (STATEMENTS.has(word) && before !== '.' && after !== undefined && !/^[=<>!,)&|?]/.test(after))
  )
}

/** Out of quotes that the server put around it. */
const QUOTED_OUT = /^\s{0,4}['"`]\s{0,4}(?:[;)}\]]{1,4}\s{0,4}\w|\|\||&&|\+\s{0,4}\w)/
const PLACEHOLDER = /\{\{-?\s{0,4}[A-Za-z_][\w.]{0,80}(?:\s{0,4}\|\s{0,4}[a-z_]{1,24}){0,4}\s{0,4}-?\}\}|\$\{[A-Za-z_][\w.]{0,80}\}/g
/** What template engines call themselves and their own settings. */
const OWN =
  /[{\s](?:_?self|config|settings|app|application|request|environ|_context|block)[\s}]|\bconfig\.[A-Z_]{3}|\brequest\.(?:application|environ)|\bapp\.config|\bENV\b/

/** Sheets that start a program or fetch (OWASP CSV Injection): their names are read in either case. */
const SHEET =
  /^\s{0,8}[=+@-]\s{0,4}\w{1,20}\|\s{0,4}['"]|\b(?:DDE|WEBSERVICE|IMPORT(?:XML|DATA|HTML|FEED|RANGE)|FILTERXML|REGISTER\.ID|RTD)\s{0,4}\(/i

/** A text with values put in by name, and nothing else. */
function isPlainTemplate(text: string): boolean {
  const rest = text.replace(PLACEHOLDER, '')
  return (
    !DELIMITERS.test(rest) &&
    !OWN.test(text) &&
    ![...text.matchAll(PLACEHOLDER)].some(([found]) => isExpressionAttack(found.slice(1), 'reach'))
  )
}

/** An expression that a server evaluates over values of its own. */
export function judgeExpression(text: string): Label | undefined {
  if (text.length > EXPRESSION_MAX_CHARS) return 'expensive-code'
  if (DELIMITERS.test(text) && !isPlainTemplate(text)) return 'template-injection'
  if (SHEET.test(text)) return 'formula-injection'
  if (QUOTED_OUT.test(text)) return 'code-injection'
  if (HUGE.test(text)) return 'expensive-code'
  if (/for\s{0,4}\(\s{0,4};/.test(text)) return 'expensive-code'
  return isExpressionAttack(text, 'whole') ? 'code-injection' : undefined
}
