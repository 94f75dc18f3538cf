/** The keys that an installation seals with: from a key file, the environment or a command; one that seals, and those before it. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { Fault } from '../core/denial.ts'
import { createSeal, type Seal } from '../core/seal.ts'
import { createKeyring, Keyring, openKeyring, type Purpose } from './keyfile.ts'
import type { Environment } from './source.ts'
import { list, text, VARIABLE, word } from './values.ts'

const KEY_BYTES = 32
/** A key management service across the network answers within a second or two; a person may have to touch a token. */
const COMMAND_MS = 30_000
/** A key has 64 characters; what says more says something else. */
const COMMAND_MAX_BYTES = 4_096

const keySource = z.union(
  [
    z.strictObject({ file: text('a path').describe('32 bytes, for its owner alone; made on first use.') }),
    z.strictObject({
      environment: word(VARIABLE, 'the name of an environment variable').describe(
        'Holds 32 bytes in base64 or hex: openssl rand -base64 32',
      ),
    }),
    z.strictObject({
      command: list(text('a text'), 'texts: a program and its arguments', 1).describe('Prints 32 bytes in base64 or hex. No shell.'),
    }),
  ],
  { error: 'expected one of file, environment and command' },
)

export const sealingSettings = z.strictObject({
  key: keySource.optional().describe('Where the key is. Unless told: the key file of the store.'),
  previous: list(keySource, 'keys')
    .prefault([])
    .describe('Keys that came before: what they sealed is still opened, until "portcullis rekey" has sealed it anew.'),
})

type Source =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'environment'; readonly name: string }
  | { readonly kind: 'command'; readonly command: readonly string[] }
  /** Of a store in memory. */
  | { readonly kind: 'process' }

interface Place {
  /** What relative paths are relative to. */
  readonly directory: string
  readonly environment: Environment
  readonly keyFile: string | undefined
}

/** Keys are fetched when something has to be sealed or opened, and once. */
export class Sealing {
  readonly #current: Source
  readonly #previous: readonly Source[]
  readonly #place: Place
  readonly #keyrings = new Map<Source, Keyring>()

  constructor({ key, previous }: z.output<typeof sealingSettings>, place: Place) {
    const { keyFile, directory } = place
    const unwritten: Source = keyFile === undefined ? { kind: 'process' } : { kind: 'file', path: keyFile }
    this.#current = key === undefined ? unwritten : sourceOf(key, directory)
    this.#previous = previous.map((one) => sourceOf(one, directory))
    this.#place = place
  }

  /**
   * For values of the configuration.
   * @param isNew whether something is about to be sealed: then a key file that is not there is made.
   * @throws Fault `FAULT_KEYFILE`
   */
  values(isNew = false): Seal {
    if (this.#current.kind === 'process')
      throw new Fault('FAULT_KEYFILE', `sealing.key is not set, and a store in memory has no key file: a sealed value could not be opened`)
    // Where a key has just been put in front of others, it is about to be used; alone, it would open nothing.
    return this.#seal('sealed-values', isNew || this.#previous.length > 0)
  }

  /** Whether the keys of another configuration are in the same places. */
  isSame(other: Sealing): boolean {
    return isDeepStrictEqual([this.#current, this.#previous, this.#place], [other.#current, other.#previous, other.#place])
  }

  /** Where keys lie in files. */
  get files(): readonly string[] {
    return [this.#current, ...this.#previous].flatMap((source) => (source.kind === 'file' ? [source.path] : []))
  }

  /** For records of the store. @throws Fault `FAULT_KEYFILE` */
  records(): Seal {
    return this.#seal('sealed-records', true)
  }

  #seal(purpose: Purpose, mayMake: boolean): Seal {
    return createSeal(
      this.#keyring(this.#current, mayMake).key(purpose),
      this.#previous.map((source) => this.#keyring(source, false).key(purpose)),
    )
  }

  #keyring(source: Source, mayMake: boolean): Keyring {
    const known = this.#keyrings.get(source)
    if (known !== undefined) return known
    const fetched = this.#fetch(source, mayMake)
    this.#keyrings.set(source, fetched)
    return fetched
  }

  #fetch(source: Source, mayMake: boolean): Keyring {
    const { environment, directory } = this.#place
    switch (source.kind) {
      case 'file':
        if (!mayMake && !existsSync(source.path)) throw new Fault('FAULT_KEYFILE', `${source.path}: there is no such key file`)
        return openKeyring(source.path)
      case 'environment':
        return new Keyring(readKey(environment[source.name] ?? '', `the environment variable ${source.name}`))
      case 'command':
        return new Keyring(readKey(printed(source.command, directory, environment), `the command ${source.command[0]}`))
      case 'process':
        return createKeyring()
    }
  }
}

function sourceOf(written: z.output<typeof keySource>, directory: string): Source {
  if ('file' in written) return { kind: 'file', path: resolve(directory, written.file) }
  if ('environment' in written) return { kind: 'environment', name: written.environment }
  return { kind: 'command', command: written.command }
}

/** What a program prints. It is the operator's own, so it inherits the environment: services are reached with what stands there. */
function printed([program = '', ...rest]: readonly string[], cwd: string, environment: Environment): string {
  const { status, stdout, error } = spawnSync(program, rest, {
    cwd,
    env: { ...environment },
    shell: false,
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: COMMAND_MS,
    killSignal: 'SIGKILL',
    maxBuffer: COMMAND_MAX_BYTES,
    windowsHide: true,
  })
  // What it said is not told: it may be the key.
  if (error !== undefined) throw new Fault('FAULT_KEYFILE', `the command ${program} gives no key (${codeOf(error)})`)
  if (status !== 0) throw new Fault('FAULT_KEYFILE', `the command ${program} gives no key (it ended with ${status ?? 'a signal'})`)
  return stdout.toString('latin1')
}

const codeOf = (error: Error): string => ('code' in error && typeof error.code === 'string' ? error.code : error.name)

/** 64 digits of hex, or 43 characters of base64 or base64url, padded or not. */
function readKey(written: string, place: string): Buffer {
  const said = written.trim()
  const isHex = /^[0-9A-Fa-f]{64}$/.test(said)
  if (!isHex && !/^[A-Za-z0-9+/_-]{43}=?$/.test(said))
    throw new Fault('FAULT_KEYFILE', `${place} holds no key: ${KEY_BYTES} bytes in base64 or hex; make them with: openssl rand -base64 32`)
  const key = Buffer.from(said, isHex ? 'hex' : 'base64')
  if (new Set(key).size < KEY_BYTES / 4) throw new Fault('FAULT_KEYFILE', `${place} holds a key that could be guessed`)
  return key
}
