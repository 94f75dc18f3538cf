/** Who of those that share a store in files is still there: each holds a lock, which the system lets go with its process, however that ends. */
import { mkdirSync, readdirSync, rmdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { decodeName, encodeName } from './file-name.ts'
import { isMissing } from './log-file.ts'

/*
 * A process id says little: it is given again, and another container has its own. A lock of SQLite's is one of the system's, and holds between
 * containers that share the files, too, as the store itself asks of them.
 */

const SUFFIX = '.live'
/** Somebody may just look at a lock that was made and is not held yet. */
const OWN_MS = 1_000

/** One who ended without a farewell. Until this is let go, nobody else finds it. */
export interface Gone extends Disposable {
  readonly name: string
  /** What there was to do for it is done: it is not found again. */
  forget(): void
}

export class Living {
  readonly #folder: string
  #own: { readonly file: string; readonly lock: DatabaseSync | undefined } | undefined

  /** @param store its file */
  constructor(store: string) {
    this.#folder = `${store}-live`
  }

  /** From now until `leave` others know that we are there. Where no lock can be had, nobody will learn that we are gone: nothing else depends on it. */
  hold(name: string): void {
    if (this.#own !== undefined) return
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
    } catch {
      return
    }
    const file = this.#fileOf(name)
    this.#own = { file, lock: locked(file, OWN_MS) }
  }

  leave(): void {
    const own = this.#own
    this.#own = undefined
    if (own === undefined) return
    // Whoever takes us for gone in between finds nothing to do.
    own.lock?.close()
    rmSync(own.file, { force: true })
    try {
      rmdirSync(this.#folder)
    } catch {
      // Others are there.
    }
  }

  /** Those that are gone, one after the other. */
  *gone(): Iterable<Gone> {
    for (const entry of this.#entries()) {
      const name = decodeName(entry.slice(0, -SUFFIX.length))
      const file = join(this.#folder, entry)
      if (name === undefined || file === this.#own?.file) continue
      const lock = locked(file, 0)
      if (lock === undefined) continue
      const close = (): void => {
        if (lock.isOpen) lock.close()
      }
      const forget = (): void => {
        close()
        rmSync(file, { force: true })
      }
      yield { name, forget, [Symbol.dispose]: close }
    }
  }

  #fileOf(name: string): string {
    return join(this.#folder, encodeName(name) + SUFFIX)
  }

  #entries(): readonly string[] {
    try {
      return readdirSync(this.#folder).filter((entry) => entry.endsWith(SUFFIX))
    } catch (error) {
      if (isMissing(error)) return []
      throw error
    }
  }
}

/** Undefined where somebody else has it, or it cannot be had. */
function locked(file: string, timeout: number): DatabaseSync | undefined {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(file, { timeout })
    // Nothing is ever written: it needs no journal beside it.
    database.exec('pragma journal_mode = memory; begin exclusive')
    return database
  } catch {
    database?.close()
    return undefined
  }
}
