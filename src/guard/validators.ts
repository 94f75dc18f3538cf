/** Definitions compiled, each once, and kept within bounds; what is wrong with one is told once. */
import type { Finding } from '../core/finding.ts'
import { compileSchema, type Validator } from '../inspect/schema.ts'
import type { Definition } from './catalog.ts'

/** Characters of schemas that are kept compiled; code takes some ten times as much memory. Twice as many may be held for a time. */
const KEPT_MAX_CHARS = 4 * 1024 * 1024

export type OnFlaw = (server: string, tool: string, flaws: readonly Finding[]) => void

export class Validators {
  readonly #strict: boolean
  readonly #onFlaw: OnFlaw
  /** By digest of the definition. What is found among the old ones moves to the young; when these are too many, the old are forgotten. */
  #young = new Map<string, Validator>()
  #old = new Map<string, Validator>()
  #chars = 0

  constructor(strict: boolean, onFlaw: OnFlaw) {
    this.#strict = strict
    this.#onFlaw = onFlaw
  }

  of({ digest, inputSchema, chars }: Definition, server: string, tool: string): Validator {
    const known = this.#young.get(digest)
    if (known !== undefined) return known
    const aged = this.#old.get(digest)
    const validator = aged ?? compileSchema(inputSchema, { strict: this.#strict })
    if (aged === undefined && validator.flaws.length > 0) this.#onFlaw(server, tool, validator.flaws)
    if (this.#chars > KEPT_MAX_CHARS) {
      this.#old = this.#young
      this.#young = new Map()
      this.#chars = 0
    }
    this.#chars += chars
    this.#young.set(digest, validator)
    return validator
  }
}
