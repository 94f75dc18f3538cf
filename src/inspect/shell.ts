/** What a shell is given: a single argument, in which nothing may be a command, and whole commands, judged for a developer's workspace. */
import { fold, readEveryWay } from './decode.ts'
import type { Label } from './labels.ts'
import { namesSensitiveFile } from './places.ts'
import { judgeProgram } from './programs.ts'
import { type Command, commandsOf, type Word } from './shell-lexer.ts'

/** No argument is longer (ARG_MAX of one argument is 128 KiB on Linux; people write less). */
const COMMAND_MAX_CHARS = 32_768

/** Ends a command, begins another, moves its output, or is replaced before the program sees it (POSIX Shell §2.2, §2.6, §2.7). */
const META = /[;|&`<>\n\r\0]|\$[({'"A-Za-z_@*#?!$-]|%[A-Za-z]{3,20}%|%[A-Za-z]{2,20}:~|\^[&|<>]/
/** A program with what it is to do, in the place of an argument. */
const PROGRAM =
  /^\s{0,8}(?:\/(?:usr\/)?s?bin\/|(?:wget|curl|nc|ncat|bash|sh|powershell|pwsh|cmd)(?:\.exe)?\s{1,8}\S{0,80}[/:]|socat\s{1,8}\S{0,80}:|telnet\s{1,8}[\w.:-]{1,80}\s{1,8}\d|busybox\s{1,8}[a-z]|(?:iex|invoke-\w{1,40})\s{0,4}\()/i
/** `/b?n/c[a]t`, `{cat,/etc/passwd}`: names that were not to be seen. */
const HIDDEN = /\/[^\s/]{0,40}[?[][^\s/]{0,40}\/|^\s{0,8}\{[^}\s]{1,200},[^}]{0,200}\}/
/** Options that name a program to run, whatever the program is that takes them; and transports that are one. */
const RUNNING_OPTION =
  /(?:^|[\s=,:@/])-{1,2}(?:upload-pack|receive-pack|exec(?:-batch|dir)?|checkpoint-action|to-command|use-compress-program|rsh|rsync-path|use-askpass|post-file|input-file|config-file|open-files-in-pager|ext-diff|init-file|rcfile|eval|require|proxycommand|init-eval-command|pre-run|shell|wrapper)\b|-o\s?(?:Proxy|Local|Permit|Known\w{0,10})Command|\bProxyCommand\s{0,4}=|^ext::|^fd::\d|(?:^|\s)-c\s{0,2}(?:core|alias|credential|protocol|diff|merge|pager|gpg|sequence|ssh|uploadpack|remote)\.[\w.]{1,60}=/i
/** Those of them that no honest command line has: tests are run with `--require`, containers with `--shell`. */
const RUNNING_IN_COMMAND =
  /(?:^|\s)(?:--(?:upload-pack|receive-pack|checkpoint-action|to-command|use-compress-program|rsync-path|use-askpass|open-files-in-pager)\b|-o\s?(?:Proxy|Local)Command|ext::|-c\s{0,2}(?:core|alias|credential|protocol|diff|pager|gpg|sequence|ssh|uploadpack)\.[\w.]{1,60}=)/i
const OPTION = /^\s{0,8}-{1,2}(?:[A-Za-z?]|\s{0,8}$)|\s-{1,2}[A-Za-z]/
/** A host, a user or a file that begins with a dash is an option to the program that is handed it. */
const LATE_OPTION = /[@:/]-o[A-Z]|^[\w+.-]{1,20}:\/\/-/
/** `@file` of curl and others: read the file. */
const FILE_REFERENCE = /^\s{0,8}@(?:\/|~|\.{1,2}\/)|^\s{0,8}file:/i

export interface ArgumentRule {
  /** Whether it may be an option: one of several words that a caller writes for a program. */
  readonly options?: boolean
}

/** One argument of a command that the server builds and runs. */
export function judgeArgument(text: string, { options = false }: ArgumentRule): Label | undefined {
  return readEveryWay(text, { percent: true, escapes: true, base64: true }, (view, round) => {
    if (PROGRAM.test(view)) return 'command-injection'
    if (META.test(round === 0 ? view.replace(/[\r\n]{1,2}$/, '') : view) || HIDDEN.test(view)) return 'command-injection'
    if (RUNNING_OPTION.test(view) || LATE_OPTION.test(view)) return 'argument-injection'
    if (!options && OPTION.test(view)) return 'argument-injection'
    return FILE_REFERENCE.test(view) || namesSensitiveFile(view) ? 'sensitive-file' : undefined
  })
}

const FORK_BOMB = /\(\)\s{0,4}\{[^}]{0,80}\|[^}]{0,80}&/
/** Encoded words, names in pieces: nobody writes commands so that they cannot be read. */
const OBSCURED = /\$'[^']{0,400}\\(?:x[0-9a-fA-F]|[0-7]{2}|u[0-9a-fA-F])|\$\{IFS|\$\{[A-Za-z_]\w{0,40}:\d|\$\{![A-Za-z_]/
const SOCKET = /\/dev\/(?:tcp|udp)\//

/** What is read of one command line, commands within its commands among it: beyond that nobody could say what is run. */
const READ_MAX_CHARS = 8 * COMMAND_MAX_CHARS
/** As many characters as taking up the shortest command is worth. */
const COMMAND_CHARS = 64
/** Programs that start one that starts one: more of them than anybody writes. */
const CHAIN_MAX = 16

/** What is known while a command line is read. */
interface Reading {
  /** By variable, the program that it names. */
  readonly assigned: ReadonlyMap<string, string>
  /** A command within a command. */
  readonly judgeInner: (text: string) => Label | undefined
}

/** A whole command line, for a workspace without network and without a home. */
export const judgeCommand = (text: string): Label | undefined => judgeWithin(text, { left: READ_MAX_CHARS })

/** @param tank characters that may still be read. */
function judgeWithin(text: string, tank: { left: number }): Label | undefined {
  tank.left -= text.length + COMMAND_CHARS
  if (text.length > COMMAND_MAX_CHARS || tank.left < 0) return 'dangerous-command'
  const plain = fold(text)
  if (FORK_BOMB.test(plain) || OBSCURED.test(plain)) return 'dangerous-command'
  if (SOCKET.test(plain)) return 'network-command'
  const { commands, isTooLong } = commandsOf(plain)
  if (isTooLong) return 'dangerous-command'
  const reading: Reading = { assigned: assignmentsIn(commands), judgeInner: (inner) => judgeWithin(inner, tank) }
  for (const command of commands) {
    const found = judgeOne(command, reading)
    if (found !== undefined) return found
  }
  return commands.some(({ words }) => namesHome(words)) || namesSensitiveFile(plain) ? 'sensitive-file' : undefined
}

const HOME = /^(?:[\w-]{1,40}=)?(?:~(?:[\w-]{0,32})?(?:\/|$)|\$(?:HOME\b|\{HOME\}))/
const namesHome = (words: readonly Word[]): boolean => words.some(({ text, raw }) => HOME.test(text) && !raw.startsWith("'"))

/** Quotes or backslashes inside of a name, a pattern for a name, a name put together: written so as not to be read. */
const DISGUISED_NAME =
  /[A-Za-z](?:''|""|\\[A-Za-z]|'[A-Za-z]{1,20}'|"[A-Za-z]{1,20}")|^\/\S{0,80}[?*[]|\$[@*]|^\$\{?\w{1,40}\}?\$|[A-Za-z]\$[A-Za-z{]|^(?:\$\(.{0,400}\)|`.{0,400}`)$/s
const ASSIGNMENT = /^[A-Za-z_]\w{0,80}=/
/** Variables that make other programs load or run something. */
const LOADING =
  /^(?:LD_(?:PRELOAD|LIBRARY_PATH|AUDIT)|BASH_ENV|ENV|PROMPT_COMMAND|PYTHONSTARTUP|PERL5OPT|GIT_(?:SSH|SSH_COMMAND|EXTERNAL_DIFF|PAGER|ASKPASS)|IFS|HISTFILE)=/
/** What stands in front of a command, and which of its options have a word of their own behind them. */
const WRAPPERS: ReadonlyMap<string, RegExp | undefined> = new Map<string, RegExp | undefined>([
  ...'nohup builtin exec busybox setsid script if then else elif while until do ! { coproc function'
    .split(' ')
    .map((name) => [name, undefined] as const),
  ['env', /^-(?:u|C|-unset|-chdir)$/],
  ['time', /^-(?:f|o|-format|-output)$/],
  ['nice', /^-(?:n|-adjustment)$/],
  ['ionice', /^-[cnp]$/],
  ['xargs', /^-(?:[InPLdEsa]|-replace|-max-\w{1,5}|-delimiter|-arg-file)$/],
  ['parallel', /^-(?:[jInLaS]|-jobs|-colsep|-arg-file)$/],
  ['command', undefined],
  ['timeout', /^-(?:[sk]|-signal|-kill-after)$/],
  ['stdbuf', /^-[ioe]$/],
  ['watch', /^-(?:n|-interval)$/],
  ['strace', /^-[oepPsSuE]$/],
  ['ltrace', /^-[oepSsu]$/],
  ['taskset', undefined],
])
/** Wrappers that take a text for a whole command. */
const TEXT_WRAPPERS: ReadonlyMap<string, RegExp> = new Map([
  ['env', /^-\w{0,4}S$|^--split-string$/],
  ['flock', /^-\w{0,4}c$|^--command$/],
  ['su', /^-c$/],
])

/** What wrappers are told to run, each by the first of its options that takes a text. */
function toldIn(words: readonly Word[]): readonly string[] {
  const told: string[] = []
  const awaited = new Set<RegExp>()
  let isTold = false
  for (const { text } of words) {
    if (isTold) told.push(text)
    isTold = false
    for (const option of awaited) if (option.test(text)) isTold = awaited.delete(option)
    const option = TEXT_WRAPPERS.get(text)
    if (option !== undefined) awaited.add(option)
  }
  return told
}

/** No file has a longer name (NAME_MAX of Linux is 255 bytes). */
const NAME_MAX_CHARS = 256

/** What a program is called: without its folder, lower case. */
function nameOf(word: string): string {
  const end = word.slice(-NAME_MAX_CHARS)
  return end.slice(Math.max(end.lastIndexOf('/'), end.lastIndexOf('\\')) + 1).toLowerCase()
}

/** `c=curl; $c …`: variables that are given a value in the same text, and the program that its first word names. */
function assignmentsIn(commands: readonly Command[]): ReadonlyMap<string, string> {
  const values = new Map<string, string>()
  for (const { words } of commands) {
    for (const { text } of words) {
      if (/^(?:export|local|declare|readonly|typeset)$/.test(text)) continue
      if (!ASSIGNMENT.test(text)) break
      const at = text.indexOf('=')
      values.set(text.slice(0, at), nameOf(/\S+/.exec(text.slice(at + 1))?.[0] ?? ''))
    }
  }
  return values
}

const NAME = /^[A-Za-z_][\w-]{0,80}$/
const VARIABLE = /^"?\$\{?([A-Za-z_]\w{0,80})\}?"?$/

/** Where the command itself begins, behind assignments and wrappers; and whether others bring it words. */
function commandAt(words: readonly Word[]): { readonly at: number; readonly isFed: boolean; readonly isLoading: boolean } {
  let wrapper: string | undefined
  let isFed = false
  for (let at = 0; at < words.length; at++) {
    const { text } = words[at] ?? { text: '' }
    if (LOADING.test(text)) return { at, isFed, isLoading: true }
    if (ASSIGNMENT.test(text)) continue
    if (wrapper !== undefined && (text.startsWith('-') || /^(?:\d{1,6}[smh]?|0x[0-9a-f]{1,8})$/.test(text))) {
      if (WRAPPERS.get(wrapper)?.test(text) === true) at++
      continue
    }
    if (wrapper === 'function' && NAME.test(text)) {
      wrapper = undefined
      continue
    }
    if (!WRAPPERS.has(text)) return { at, isFed, isLoading: false }
    wrapper = text
    isFed ||= text === 'xargs' || text === 'parallel'
  }
  return { at: words.length, isFed, isLoading: false }
}

function judgeOne(command: Command, reading: Reading): Label | undefined {
  if (command.redirects.some(({ sign, to }) => sign.includes('>') && isOutside(to))) return 'dangerous-command'
  for (const text of toldIn(command.words)) {
    const found = reading.judgeInner(text)
    if (found !== undefined) return found
  }
  return judgeStarted(command, reading, 0)
}

/** @param depth how many programs have started one another. */
function judgeStarted({ words, redirects, isPiped }: Command, reading: Reading, depth: number): Label | undefined {
  if (depth > CHAIN_MAX) return 'dangerous-command'
  const { assigned, judgeInner } = reading
  const { at, isFed, isLoading } = commandAt(words)
  if (isLoading) return 'dangerous-command'
  const first = words[at]
  if (first === undefined) return undefined
  // A whole command in quotes, as `watch` takes it.
  if (at > 0 && /\s/.test(first.text) && first.text !== first.raw) return judgeInner(first.text)
  if (DISGUISED_NAME.test(first.raw)) return 'dangerous-command'
  const name = assigned.get(VARIABLE.exec(first.raw)?.[1] ?? '') ?? nameOf(first.text)
  const rest = words.slice(at + 1).map(({ text }) => text)
  if (RUNNING_IN_COMMAND.test(rest.join(' '))) return 'dangerous-command'
  if (/^(?:export|declare|typeset|readonly|local)$/.test(name) && rest.some((word) => LOADING.test(word))) return 'dangerous-command'
  const inner = startedBy(name, words.slice(at + 1))
  if (inner !== undefined) {
    const found = judgeStarted({ words: inner, redirects: [], isPiped: false }, reading, depth + 1)
    if (found !== undefined) return found
  }
  const given = redirects.flatMap(({ sign, to, body }) => (sign === '<<<' ? [to] : body === undefined ? [] : [body]))
  // What brings words brings at least one.
  const program = { name: name.replace(/\.exe$/, ''), rest: isFed ? [...rest, '_'] : rest, isPiped, judgeInner }
  return judgeProgram({ ...program, given })
}

/** A command that a program starts with what it was given. */
function startedBy(name: string, rest: readonly Word[]): readonly Word[] | undefined {
  // The lock's file, then the command.
  if (name === 'flock') return rest.slice(rest.findIndex(({ text }) => !text.startsWith('-')) + 1)
  if (name !== 'find' && name !== 'fd') return undefined
  const at = rest.findIndex(({ text }) => /^-(?:exec|execdir|ok|okdir|x|X|-exec|-exec-batch)$/.test(text))
  return at === -1 ? undefined : rest.slice(at + 1)
}

/** Written to a place that is not the workspace's: what is absolute, but for `/tmp` and the devices that swallow. */
function isOutside(path: string): boolean {
  if (/^\/(?:tmp|dev\/(?:null|stdout|stderr|fd\/[12]))(?:\/(?!.*\.\.)|$)/.test(path)) return false
  return path.startsWith('/') || path.startsWith('~') || /^\$\{?HOME/.test(path) || /(?:^|\/)\.\.\/\.\./.test(path)
}
