/** Commands that fetch what they run, without saying which version: what was looked at yesterday need not be what runs today. */
import { basename } from 'node:path'

interface Fetcher {
  /** The program, and the words behind it that make it fetch. */
  readonly words: readonly string[]
  /** A package with its version. */
  readonly exact: RegExp
  /** Options that name the package; without one it is the first word that is no option. */
  readonly naming: readonly string[]
  /** A word in front of the package that takes no value of its own. */
  readonly flag: RegExp
}

/** A version to the last digit, a commit, or a path of this machine. */
const NPM = /^[./~]|^file:|.@v?\d+\.\d+\.\d+(?:[-+][\w.+-]+)?$|#[0-9a-f]{40}$/
const NPM_FLAG = /^(-y|--yes|-q|--quiet|-s|--silent|--bun|--no|--no-install|--offline|--prefer-offline|.*=.*)$/
const PYPI = /^[./~]|.(?:==|@)\d+(?:\.\w+)+$|@[0-9a-f]{40}$/
const PYPI_FLAG = /^(-q|--quiet|-v|--verbose|-n|--no-cache|--isolated|--offline|--native-tls|--no-config|--no-progress|.*=.*)$/
/** A digest, or a tag that is not `latest`: whoever publishes images can move a tag, which is no reason to write none. */
const IMAGE = /@sha256:[0-9a-f]{64}$|:(?!latest$)[\w.-]+$/
const IMAGE_FLAG =
  /^(-[itdPq]+|--rm|--init|--interactive|--tty|--detach|--privileged|--read-only|--no-healthcheck|--publish-all|--quiet|.*=.*)$/

const npm = (...words: readonly string[]): Fetcher => ({ words, exact: NPM, naming: ['-p', '--package'], flag: NPM_FLAG })
const pypi = (...words: readonly string[]): Fetcher => ({ words, exact: PYPI, naming: ['--from', '--spec'], flag: PYPI_FLAG })
const image = (...words: readonly string[]): Fetcher => ({ words, exact: IMAGE, naming: [], flag: IMAGE_FLAG })

const FETCHERS: readonly Fetcher[] = [
  npm('npx'),
  npm('bunx'),
  npm('pnpx'),
  npm('npm', 'exec'),
  npm('npm', 'x'),
  npm('pnpm', 'dlx'),
  npm('yarn', 'dlx'),
  npm('bun', 'x'),
  pypi('uvx'),
  pypi('uv', 'tool', 'run'),
  pypi('uv', 'x'),
  pypi('pipx', 'run'),
  image('docker', 'run'),
  image('docker', 'container', 'run'),
  image('podman', 'run'),
  image('nerdctl', 'run'),
]

/** @returns the package or image whose version floats; undefined when the command fetches nothing, or exactly what it says. */
export function floatingOf(command: readonly string[]): string | undefined {
  const [program = '', ...rest] = command
  const named = [basename(program).replace(/\.(cmd|exe|ps1)$/i, ''), ...rest]
  const fetcher = FETCHERS.find(({ words }) => words.every((word, index) => named[index] === word))
  if (fetcher === undefined) return undefined
  const fetched = packagesOf(named.slice(fetcher.words.length), fetcher)
  return fetched.find((name) => !fetcher.exact.test(name))
}

function packagesOf(words: readonly string[], { naming, flag }: Fetcher): readonly string[] {
  const named: string[] = []
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? ''
    const [option = '', value] = word.split(/=(.*)/, 2)
    if (naming.includes(option)) named.push(value ?? words[++index] ?? '')
    else if (!word.startsWith('-')) return named.length > 0 ? named : [word]
    else if (word === '--') return named.length > 0 ? named : words.slice(index + 1, index + 2)
    else if (!flag.test(word)) index++
  }
  return named
}
