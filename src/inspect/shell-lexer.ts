/** A shell's command line as the commands that it would run, one after another, those in substitutions among them. */

export interface Word {
  /** As the program is given it: without quotes and backslashes; expansions stay as written. */
  readonly text: string
  /** As it was written. */
  readonly raw: string
}

export interface Command {
  readonly words: readonly Word[]
  /** Where output goes and input comes from: the words after `>`, `<` and their like, with the sign. */
  readonly redirects: readonly Redirect[]
  /** Whether its input is another command's output. */
  readonly isPiped: boolean
}

export interface Redirect {
  readonly sign: string
  readonly to: string
  /** What stands in a here-document (POSIX Shell §2.7.4). */
  readonly body?: string
}

/** Substitutions within substitutions, deeper than anybody writes. */
const DEPTH_MAX = 6
/** Commands in one text; what is left is not read, and the text is told as too long. */
const COMMANDS_MAX = 2_000

export type CommandLine = { readonly commands: readonly Command[]; readonly isTooLong: boolean }

const OPERATOR = /\|\||&&|\|&|;;|[;|&\n()]/y
const REDIRECT = /(?:\d{0,2}|&)(?:<<<|<<-?|>>|>\||<>|>&|<&|&>>|&>|>|<)/y

/** @returns every command, substitutions flattened; `isTooLong` when there was more than anybody reads. */
export function commandsOf(text: string): CommandLine {
  const reader = new Reader()
  reader.read(text, 0)
  return { commands: reader.commands, isTooLong: reader.isTooLong }
}

class Reader {
  readonly commands: Command[] = []
  isTooLong = false

  read(text: string, depth: number): void {
    if (depth > DEPTH_MAX) this.isTooLong = true
    if (this.isTooLong) return
    let words: Word[] = []
    let redirects: { sign: string; to: string; body?: string }[] = []
    let redirect: string | undefined
    let isPiped = false
    let awaited: { sign: string; to: string; body?: string }[] = []
    const finish = (sign: string): void => {
      if (words.length > 0 || redirects.length > 0) this.commands.push({ words, redirects, isPiped })
      words = []
      redirects = []
      isPiped = sign === '|' || sign === '|&'
      if (this.commands.length > COMMANDS_MAX) this.isTooLong = true
    }
    for (let at = 0; at < text.length && !this.isTooLong; ) {
      const letter = text[at] ?? ''
      if (letter === ' ' || letter === '\t' || letter === '\r') {
        at++
        continue
      }
      const sign = match(REDIRECT, text, at)
      // `<(` and `>(` are substitutions: what is in them is read as commands of its own.
      if (sign !== undefined && text[at + sign.length] !== '(') {
        redirect = sign
        at += sign.length
        continue
      }
      const operator = match(OPERATOR, text, at)
      if (operator !== undefined || sign !== undefined) {
        finish(operator ?? '')
        at += (operator ?? sign ?? ' ').length
        if (operator !== '\n') continue
        for (const document of awaited) {
          const [body, end] = documentAt(text, at, document.to, document.sign === '<<-')
          document.body = body
          // It is text, which another command may run.
          this.read(body, depth + 1)
          at = end
        }
        awaited = []
        continue
      }
      if (letter === '#') {
        const end = text.indexOf('\n', at)
        at = end === -1 ? text.length : end
        continue
      }
      const { word, end, inner } = readWord(text, at)
      for (const part of inner) this.read(part, depth + 1)
      if (redirect !== undefined) {
        const to = { sign: redirect, to: word.text }
        redirects.push(to)
        if (redirect === '<<' || redirect === '<<-') awaited.push(to)
      } else if (!CONTINUATION_ONLY.test(word.raw)) words.push(word)
      redirect = undefined
      at = Math.max(end, at + 1)
    }
    finish('')
  }
}

function match(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0]
}

interface ReadWord {
  readonly word: Word
  readonly end: number
  /** Texts of the substitutions within. */
  readonly inner: readonly string[]
}

/** A here-document from the line that begins at `from` to its delimiter, and where the line behind it begins. */
function documentAt(text: string, from: number, delimiter: string, isIndented: boolean): readonly [string, number] {
  for (let at = from; at < text.length; ) {
    const found = text.indexOf('\n', at)
    const end = found === -1 ? text.length : found
    const line = text.slice(at, end).replace(/\r$/, '')
    if ((isIndented ? line.replace(/^\t+/, '') : line) === delimiter) return [text.slice(from, at), Math.min(end + 1, text.length)]
    at = end + 1
  }
  return [text.slice(from), text.length]
}

/** Nothing but lines that go on. */
const CONTINUATION_ONLY = /^(?:\\\n)+$/
const WORD_END = new Set([' ', '\t', '\r', '\n', ';', '|', '&', '<', '>', '(', ')'])

function readWord(text: string, from: number): ReadWord {
  let plain = ''
  let at = from
  const inner: string[] = []
  while (at < text.length) {
    const letter = text[at] ?? ''
    if (WORD_END.has(letter)) break
    if (letter === '\\') {
      // A line that goes on: neither of the two is there for the shell (POSIX Shell §2.2.1).
      if (text[at + 1] !== '\n') plain += text[at + 1] ?? ''
      at += 2
    } else if (letter === "'") {
      // In $'…' a backslash escapes a quote too.
      const end = closing(text, at + 1, "'", text[at - 1] === '$' && at > from)
      plain += text.slice(at + 1, end)
      at = end + 1
    } else if (letter === '"') {
      const end = closingDouble(text, at + 1, 0)
      const body = text.slice(at + 1, end)
      if (body.includes('$(') || body.includes('`')) inner.push(...substitutions(body))
      plain += body.replaceAll('\\\n', '')
      at = end + 1
    } else if (letter === '`' || (letter === '$' && text[at + 1] === '(')) {
      const [body, end] = substitution(text, at)
      inner.push(body)
      plain += text.slice(at, end)
      at = end
    } else {
      plain += letter
      at++
    }
  }
  return { word: { text: plain, raw: text.slice(from, at) }, end: at, inner }
}

function closing(text: string, from: number, quote: string, escapes: boolean): number {
  let at = from
  while (at < text.length && text[at] !== quote) at += escapes && text[at] === '\\' ? 2 : 1
  return Math.min(at, text.length)
}

/** Quotes within substitutions within quotes: deeper than that, the rest of the text is taken for one of them, and read again as such. */
const NESTED_MAX = 32

/** Where a text in double quotes ends; quotes in a substitution within are that substitution's own (POSIX Shell §2.2.3). */
function closingDouble(text: string, from: number, depth: number): number {
  let at = from
  while (at < text.length && text[at] !== '"') {
    if (text[at] === '\\') at += 2
    else if (text[at] === '`') at = closing(text, at + 1, '`', true) + 1
    else if (text[at] === '$' && text[at + 1] === '(') at = closingBracket(text, at + 2, depth + 1) + 1
    else at++
  }
  return Math.min(at, text.length)
}

/** Where `$(…)` ends; brackets in quotes do not count. */
function closingBracket(text: string, from: number, depth: number): number {
  if (depth > NESTED_MAX) return text.length
  let open = 1
  let at = from
  while (at < text.length) {
    const letter = text[at]
    if (letter === '\\') at += 2
    else if (letter === "'") at = closing(text, at + 1, "'", text[at - 1] === '$') + 1
    else if (letter === '"') at = closingDouble(text, at + 1, depth + 1) + 1
    else {
      if (letter === '(') open++
      else if (letter === ')') open--
      if (open === 0) return at
      at++
    }
  }
  return text.length
}

/** The body of `$(…)` or of backticks that begins at `at`, and where it ends; to the end of the text when it does not. */
function substitution(text: string, at: number): readonly [string, number] {
  const isBackticked = text[at] === '`'
  const from = at + (isBackticked ? 1 : 2)
  const end = isBackticked ? closing(text, from, '`', true) : closingBracket(text, from, 0)
  return [text.slice(from, end), Math.min(end + 1, text.length)]
}

function substitutions(body: string): readonly string[] {
  const found: string[] = []
  for (let at = 0; at < body.length; ) {
    if (body[at] === '`' || (body[at] === '$' && body[at + 1] === '(')) {
      const [inner, end] = substitution(body, at)
      found.push(inner)
      at = end
    } else at++
  }
  return found
}
