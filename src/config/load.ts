/** File and environment in, Config out, or a Fault that lists every mistake. The only place that reads the environment. */
import { readFileSync, statSync } from 'node:fs'
import { homedir, hostname } from 'node:os'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { z } from 'zod'
import { Fault } from '../core/denial.ts'
import type { Seal } from '../core/seal.ts'
import { Secret } from '../core/secret.ts'
import { type Config, settle } from './config.ts'
import { contradictions } from './contradictions.ts'
import { type Doubt, meant } from './names.ts'
import { settingsAt, textsOf } from './places.ts'
import { configSchema, DEFAULT_STORE, settings } from './schema.ts'
import { isSealed, openSealed, plainSecrets, type Resealed, resealText } from './sealed.ts'
import { Sealing } from './sealing.ts'
import { type CommandServer, commandServer } from './servers.ts'
import { type Environment, type Mistake, type Path, parseSource, type Source, showPath } from './source.ts'
import { type StoreConfig, settleStore, storeSetting } from './store.ts'

/** What `-c` means when it is not given. */
export const DEFAULT_FILE = 'portcullis.yaml'
const RUN_TIMEOUT_MS = 60_000
const WRITABLE_BY_ALL = 0o002

interface Reading {
  /** As the operator named it: mistakes are told with it. */
  readonly file: string
  readonly environment?: Environment
  /** The same file as it was read before: a key that was fetched for it is not fetched again. */
  readonly before?: Config
}

/**
 * Reads a configuration file.
 * @throws Fault `FAULT_CONFIG` with one line `file:line:column: path: what was expected` for each mistake.
 */
export function loadConfig(file: string, environment: Environment = process.env): Config {
  return parseConfig(readText(file), { file, environment })
}

/**
 * How a file is read again for who runs on what it said; undefined where that cannot be, because it came through a pipe.
 * What is read throws as `loadConfig` does, and for a file without anything in it too: it is being written.
 */
export function rereading(file: string, environment: Environment = process.env): ((before: Config) => Config) | undefined {
  if (!statSync(file).isFile()) return undefined
  return (before) => {
    const text = readText(file)
    if (text.trim() === '') throw new Fault('FAULT_CONFIG', `${file}: there is nothing in it`)
    return parseConfig(text, { file, environment, before })
  }
}

/** A server given as a command line, as for `portcullis run`. */
export function serverOf(
  command: readonly [string, ...string[]],
  directory: string,
  environment: Environment = process.env,
): CommandServer {
  return commandServer(command, directory, environment, { timeout: RUN_TIMEOUT_MS })
}

/** The same for a text that is already read. */
export function parseConfig(text: string, { file, environment = process.env, before }: Reading): Config {
  const source = parseSource(text, environment)
  if (source.mistakes.length > 0) throw fault(file, source.mistakes)
  const absolute = resolve(file)
  const directory = dirname(absolute)
  const written = sealingOf(source.value, directory, environment)
  const sealing = before?.sealing.isSame(written) === true ? before.sealing : written
  const opened = openSealed(source, configSchema, () => sealing.values())
  if (opened.mistakes.length > 0) throw fault(file, opened.mistakes)
  const read = settings.safeParse(opened.value)
  if (!read.success)
    throw fault(
      file,
      read.error.issues.flatMap((issue) => mistakesOf(issue, source)),
    )
  const found = contradictions(read.data)
  if (found.length > 0)
    throw fault(
      file,
      found.map(({ path, expected }) => source.mistake(path, expected)),
    )
  const plain = read.data.profile === 'strict' ? plainSecrets(text, configSchema()) : []
  if (plain.length > 0) throw fault(file, plain)
  return settle(read.data, { file: absolute, sealing, directory, environment, host: hostname() })
}

/** A store that is named by itself. @throws Fault `FAULT_CONFIG` */
export function storeOf(text: string): StoreConfig {
  const read = storeSetting.safeParse(text)
  if (!read.success) throw new Fault('FAULT_CONFIG', `${read.error.issues[0]?.message ?? 'expected a store'}`)
  return settleStore(read.data, undefined, process.cwd())
}

/** Read before everything else, because everything else may be sealed. What is wrong with it is told where all mistakes are. */
const FIRST = z.object({
  store: settings.shape.store.catch(DEFAULT_STORE),
  keyFile: settings.shape.keyFile.catch(undefined),
  sealing: settings.shape.sealing.catch({ previous: [] }),
})

function sealingOf(value: unknown, directory: string, environment: Environment): Sealing {
  const { store, keyFile, sealing } = FIRST.safeParse(value).data ?? FIRST.parse({})
  return new Sealing(sealing, { directory, environment, keyFile: settleStore(store, keyFile, directory).keyFile })
}

/** The keys of a configuration that need not be whole yet: a secret is sealed to be put into it. @throws Fault `FAULT_CONFIG` */
export function loadSealing(file: string, environment: Environment = process.env): Sealing {
  const source = parseSource(readText(file), environment)
  if (source.mistakes.length > 0) throw fault(file, source.mistakes)
  return sealingOf(source.value, dirname(resolve(file)), environment)
}

/** The sealed text at a place, of the file or of the environment that it refers to. */
export function findSealed(file: string, path: Path, environment: Environment = process.env): string | undefined {
  const { value } = parseSource(readText(file), environment)
  const place = showPath(path)
  return textsOf(configSchema(), value).find((written) => showPath(written.path) === place && isSealed(written.text))?.text
}

/** @see resealText */
export function resealConfig(text: string, seal: () => Seal, environment: Environment = process.env): Resealed {
  return resealText(text, environment, configSchema(), seal)
}

/** Secrets that stand in the file as they are, a line for each as mistakes are told. */
export function findPlainSecrets(file: string): readonly string[] {
  return linesOf(file, plainSecrets(readText(file), configSchema()))
}

/** What is no mistake, a line for each as mistakes are told. */
export function placeDoubts(file: string, doubts: readonly Doubt[]): readonly string[] {
  const source = parseSource(readText(file))
  return linesOf(
    file,
    doubts.map(({ path, told, isKey }) => source.mistake(path, told, isKey)),
  )
}

/** Who writes it decides everything, and may have commands run. */
function readText(file: string): string {
  try {
    if (process.platform === 'win32' || (statSync(file).mode & WRITABLE_BY_ALL) === 0) return readFileSync(file, 'utf8')
  } catch (cause) {
    const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT' // readFileSync throws nothing else
    throw new Fault('FAULT_CONFIG', isMissing ? `${file}: there is no such file` : `${file}: cannot be read`, { cause })
  }
  throw new Fault('FAULT_CONFIG', `${file}: everybody may write it; run "chmod o-w ${file}"`)
}

function fault(file: string, mistakes: readonly Mistake[]): Fault {
  return new Fault('FAULT_CONFIG', linesOf(file, mistakes).join('\n'))
}

function linesOf(file: string, mistakes: readonly Mistake[]): readonly string[] {
  return mistakes
    .toSorted((left, right) => left.line - right.line || left.column - right.column)
    .map(({ line, column, path, expected }) => `${file}:${line}:${column}: ${path === '' ? '' : `${path}: `}${expected}`)
}

function mistakesOf(issue: z.core.$ZodIssue, source: Source): readonly Mistake[] {
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => source.mistake([...issue.path, key], unknownSetting(issue.path, key), true))
    case 'invalid_key':
      return [source.mistake(issue.path, issue.issues[0]?.message ?? issue.message, true)]
    case 'invalid_union': {
      // Of the forms that were possible, the one that was meant is the one that could be read so far that something is wrong with it.
      const inner = issue.errors.find((issues) => issues.some(({ path, code }) => path.length > 0 || MEANT.has(code)))
      if (inner === undefined) return [source.mistake(issue.path, issue.message)]
      return inner.flatMap((one) => mistakesOf({ ...one, path: [...issue.path, ...one.path] }, source))
    }
    default:
      return [source.mistake(issue.path, issue.message)]
  }
}

const MEANT: ReadonlySet<string> = new Set(['custom', 'unrecognized_keys'])

function unknownSetting(path: Path, key: string): string {
  const known = knownNames(path)
  const expected = `, expected ${path.length === 0 ? 'one of' : `in ${showPath(path)} one of`} ${known.join(', ')}`
  return `unknown setting${meant(key, known) || expected}`
}

/** The settings there are at a path. */
function knownNames(path: Path): readonly string[] {
  return [...new Set(settingsAt(configSchema(), path).flatMap(({ properties }) => Object.keys(properties ?? {})))]
}

/** The configuration of a person, whatever folder a program of theirs was started in (XDG Base Directory Specification; on Windows, application data). */
export function ownConfigFile(environment: Environment = process.env): string {
  const told = environment['XDG_CONFIG_HOME'] ?? environment['APPDATA']
  return join(told !== undefined && isAbsolute(told) ? told : join(homedir(), '.config'), 'portcullis', DEFAULT_FILE)
}

/** Where a person's programs keep what is theirs (XDG Base Directory Specification; on Windows, local application data). */
export function stateFolder(environment: Environment = process.env): string {
  const told = environment['XDG_STATE_HOME'] ?? environment['LOCALAPPDATA']
  return join(told !== undefined && isAbsolute(told) ? told : join(homedir(), '.local', 'state'), 'portcullis')
}

/** A secret that a person put into a variable, so that it stands in no command line. Undefined when there is none of that name, or an empty one. */
export function secretOf(name: string, environment: Environment = process.env): Secret | undefined {
  const text = environment[name] ?? ''
  return text === '' ? undefined : new Secret(text)
}
