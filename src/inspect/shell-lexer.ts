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
  readonly redirects: readonly { readonly sign: string; readonly to: string }[]
  /** Whether its input is another command's output. */
  readonly isPiped: boolean
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
    let redirects: { sign: string; to: string }[] = []
    let redirect: string | undefined
    let isPiped = false
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
        continue
      }
      if (letter === '#') {
        const end = text.indexOf('\n', at)
        at = end === -1 ? text.length : end
        continue
      }
      const { word, end, inner } = readWord(text, at)
      for (const part of inner) this.read(part, depth + 1)
      if (redirect === undefined) words.push(word)
      else redirects.push({ sign: redirect, to: word.text })
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

const WORD_END = new Set([' ', '\t', '\r', '\n', ';', '|', '&', '<', '>', '(', ')'])

function readWord(text: string, from: number): ReadWord {
  let plain = ''
  let at = from
  const inner: string[] = []
  while (at < text.length) {
    const letter = text[at] ?? ''
    if (WORD_END.has(letter)) break
    if (letter === '\\') {
      plain += text[at + 1] ?? ''
      at += 2
    } else if (letter === "'") {
      const end = closing(text, at + 1, "'", false)
      plain += text.slice(at + 1, end)
      at = end + 1
    } else if (letter === '"') {
      const end = closing(text, at + 1, '"', true)
      const body = text.slice(at + 1, end)
      if (body.includes('$(') || body.includes('`')) inner.push(...substitutions(body))
      plain += body
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

/** The body of `$(…)` or of backticks that begins at `at`, and where it ends; to the end of the text when it does not. */
function substitution(text: string, at: number): readonly [string, number] {
  if (text[at] === '`') {
    const end = closing(text, at + 1, '`', true)
    return [text.slice(at + 1, end), Math.min(end + 1, text.length)]
  }
  let open = 1
  let end = at + 2
  for (; end < text.length && open > 0; end++) {
    if (text[end] === '(') open++
    else if (text[end] === ')') open--
  }
  return [text.slice(at + 2, open === 0 ? end - 1 : end), end]
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
