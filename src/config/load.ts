/** File and environment in, Config out, or a Fault that lists every mistake. The only place that reads the environment. */
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import type { z } from 'zod'
import { Fault } from '../core/denial.ts'
import { Secret } from '../core/secret.ts'
import { type CommandServer, type Config, commandServer, contradictions, settle } from './config.ts'
import { configSchema, settings } from './schema.ts'
import { type Environment, type Mistake, type Path, parseSource, type Source, showPath } from './source.ts'

/** What `-c` means when it is not given. */
export const DEFAULT_FILE = 'portcullis.yaml'
/** Further apart than this, a name was not meant. */
const TYPO_DISTANCE_MAX = 3
const RUN_TIMEOUT_MS = 60_000

interface Reading {
  /** As the operator named it: mistakes are told with it. */
  readonly file: string
  readonly environment?: Environment
}

/**
 * Reads a configuration file.
 * @throws Fault `FAULT_CONFIG` with one line `file:line:column: path: what was expected` for each mistake.
 */
export function loadConfig(file: string, environment: Environment = process.env): Config {
  return parseConfig(readText(file), { file, environment })
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
export function parseConfig(text: string, { file, environment = process.env }: Reading): Config {
  const source = parseSource(text, environment)
  if (source.mistakes.length > 0) throw fault(file, source.mistakes)
  const read = settings.safeParse(source.value)
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
  const absolute = resolve(file)
  return settle(read.data, { file: absolute, directory: dirname(absolute), environment })
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT' // readFileSync throws nothing else
    throw new Fault('FAULT_CONFIG', isMissing ? `${file}: there is no such file` : `${file}: cannot be read`, { cause })
  }
}

function fault(file: string, mistakes: readonly Mistake[]): Fault {
  const lines = mistakes
    .toSorted((left, right) => left.line - right.line || left.column - right.column)
    .map(({ line, column, path, expected }) => `${file}:${line}:${column}: ${path === '' ? '' : `${path}: `}${expected}`)
  return new Fault('FAULT_CONFIG', lines.join('\n'))
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
  const meant = known
    .map((name) => ({ name, distance: distanceOf(key.toLowerCase(), name.toLowerCase()) }))
    .filter(({ name, distance }) => distance <= Math.min(TYPO_DISTANCE_MAX, Math.floor(name.length / 2)))
    .sort((left, right) => left.distance - right.distance)[0]
  if (meant !== undefined) return `unknown setting, did you mean ${meant.name}?`
  return `unknown setting, expected ${path.length === 0 ? 'one of' : `in ${showPath(path)} one of`} ${known.join(', ')}`
}

interface Node {
  readonly properties?: Readonly<Record<string, Node>>
  readonly additionalProperties?: Node | boolean
  readonly items?: Node
  readonly anyOf?: readonly Node[]
}

/** The settings there are at a path, read from the JSON Schema. */
function knownNames(path: Path): readonly string[] {
  let node: Node | undefined = configSchema()
  for (const part of path) {
    const rest: Node | boolean | undefined = node?.additionalProperties
    node = typeof part === 'number' ? node?.items : (node?.properties?.[String(part)] ?? (typeof rest === 'object' ? rest : undefined))
    node = node?.anyOf?.find(({ properties }) => properties !== undefined) ?? node
  }
  return Object.keys(node?.properties ?? {})
}

/** Levenshtein's distance. */
function distanceOf(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (const [i, letter] of [...left].entries()) {
    const next = [i + 1]
    for (let j = 0; j < right.length; j++) {
      next.push(Math.min((row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1, (row[j] ?? 0) + (letter === right[j] ? 0 : 1)))
    }
    row = next
  }
  return row[right.length] ?? 0
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
