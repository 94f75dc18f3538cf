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
const PROGRAM = /^\s{0,8}(?:\/(?:usr\/)?s?bin\/|(?:wget|curl|nc|ncat|bash|sh|powershell|pwsh|cmd)(?:\.exe)?\s{1,8}\S{0,80}[/:])/i
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

/** A whole command line, for a workspace without network and without a home. */
export function judgeCommand(text: string): Label | undefined {
  if (text.length > COMMAND_MAX_CHARS) return 'dangerous-command'
  const plain = fold(text)
  if (FORK_BOMB.test(plain) || OBSCURED.test(plain)) return 'dangerous-command'
  if (SOCKET.test(plain)) return 'network-command'
  const { commands, isTooLong } = commandsOf(plain)
  if (isTooLong) return 'dangerous-command'
  for (const command of commands) {
    const found = judgeOne(command)
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
const WRAPPERS = new Set(
  'env nohup time nice ionice xargs command builtin exec timeout busybox stdbuf setsid watch strace ltrace script parallel if then else elif while until do ! {'.split(
    ' ',
  ),
)

function judgeOne({ words, redirects, isPiped }: Command): Label | undefined {
  if (redirects.some(({ sign, to }) => sign.includes('>') && isOutside(to))) return 'dangerous-command'
  let at = 0
  for (; at < words.length; at++) {
    const { text } = words[at] ?? { text: '' }
    if (LOADING.test(text)) return 'dangerous-command'
    const isOfWrapper = at > 0 && (text.startsWith('-') || /^\d{1,6}[smh]?$/.test(text))
    if (!ASSIGNMENT.test(text) && !WRAPPERS.has(text) && !isOfWrapper) break
  }
  const first = words[at]
  if (first === undefined) return undefined
  if (DISGUISED_NAME.test(first.raw)) return 'dangerous-command'
  const name = first.text.slice(Math.max(first.text.lastIndexOf('/'), first.text.lastIndexOf('\\')) + 1).toLowerCase()
  const rest = words.slice(at + 1).map(({ text }) => text)
  if (RUNNING_IN_COMMAND.test(rest.join(' '))) return 'dangerous-command'
  return judgeProgram({ name: name.replace(/\.exe$/, ''), rest, isPiped, judgeInner: judgeCommand })
}

/** Written to a place that is not the workspace's: what is absolute, but for `/tmp` and the devices that swallow. */
function isOutside(path: string): boolean {
  if (/^\/(?:tmp|dev\/(?:null|stdout|stderr|fd\/[12]))(?:\/(?!.*\.\.)|$)/.test(path)) return false
  return path.startsWith('/') || path.startsWith('~') || /^\$\{?HOME/.test(path) || /(?:^|\/)\.\.\/\.\./.test(path)
}
