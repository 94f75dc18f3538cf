/** Definitions compiled, each once, and kept within bounds; what is wrong with one is told once. */
import type { Finding } from '../core/finding.ts'
import type { Clock } from '../core/time.ts'
import { Flaw } from '../inspect/flaw.ts'
import { compileSchema, unusable, type Validator } from '../inspect/schema.ts'
import type { Definition } from './catalog.ts'

/** Characters of schemas that are kept compiled; code takes some ten times as much memory. Twice as many may be held for a time. */
const KEPT_MAX_CHARS = 4 * 1024 * 1024

/** Subschemas of one server that are compiled in a minute, some seconds of work: a server that redefines its tools all the time is not followed. */
const COMPILED_PER_MINUTE = 20_000
const MINUTE_MS = 60_000
const TOO_OFTEN = new Flaw('inputSchema', undefined, 'the server redefines its tools too often')

export interface ValidatorsParts {
  readonly strict: boolean
  readonly clock: Clock
  /** @param usable whether the tool can be called all the same. */
  readonly onFlaw: (server: string, tool: string, flaws: readonly Finding[], usable: boolean) => void
  /** Subschemas; `COMPILED_PER_MINUTE` unless told. */
  readonly perMinute?: number
}

export class Validators {
  readonly #parts: ValidatorsParts
  /** By digest of the definition. What is found among the old ones moves to the young; when these are too many, the old are forgotten. */
  #young = new Map<string, Validator>()
  #old = new Map<string, Validator>()
  #chars = 0
  /** By server: what was compiled since when, and whether it was told that it is too much. */
  readonly #compiled = new Map<string, { readonly since: number; readonly size: number; readonly isTold: boolean }>()

  constructor(parts: ValidatorsParts) {
    this.#parts = parts
  }

  of(definition: Definition, server: string, tool: string): Validator {
    const known = this.#young.get(definition.digest)
    if (known !== undefined) return known
    const validator = this.#old.get(definition.digest) ?? this.#compile(definition, server, tool)
    if (validator === undefined) return unusable(TOO_OFTEN)
    if (this.#chars > KEPT_MAX_CHARS) {
      this.#old = this.#young
      this.#young = new Map()
      this.#chars = 0
    }
    this.#chars += definition.chars
    this.#young.set(definition.digest, validator)
    return validator
  }

  #compile({ inputSchema }: Definition, server: string, tool: string): Validator | undefined {
    const { clock, strict, onFlaw, perMinute = COMPILED_PER_MINUTE } = this.#parts
    const now = clock()
    const before = this.#compiled.get(server)
    const current = before === undefined || now - before.since >= MINUTE_MS ? { since: now, size: 0, isTold: false } : before
    if (current.size >= perMinute) {
      if (!current.isTold) onFlaw(server, tool, [TOO_OFTEN.finding], false)
      this.#compiled.set(server, { ...current, isTold: true })
      return undefined
    }
    const validator = compileSchema(inputSchema, { strict })
    // One that is refused has cost something too.
    this.#compiled.set(server, { ...current, size: current.size + Math.max(validator.size, 1) })
    if (validator.flaws.length > 0) onFlaw(server, tool, validator.flaws, validator.usable)
    return validator
  }
}
