/** Batches that wait for Redis, in a file of this machine: bounded, in order, and there again after a kill. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { Fault } from '../core/denial.ts'
import { isObject, type JsonValue } from '../core/json.ts'
import { encodeName } from './file-name.ts'
import { BatchWriter } from './log-batch.ts'
import { isMissing, LogFile } from './log-file.ts'
import type { Ready } from './mark.ts'
import type { Numbered } from './redis-logs.ts'
import { faultOf } from './sqlite-fault.ts'

export interface SpoolSettings {
  readonly folder: string
  /** Of what waits; the next append is refused. */
  readonly maxBytes: number
  /** Which logs may wait. */
  readonly logs: readonly string[]
}

const WRITER_BYTES = 9
const PAGE_LINES = 256
/** `<host>.<process>.<writer>.spool` */
const FILE = /^([^.]*)\.([0-9]+)\.([A-Za-z0-9_-]{12})\.spool$/

/** Who brings batches: nobody else numbers them. */
export function newWriter(): string {
  return randomBytes(WRITER_BYTES).toString('base64url')
}

export class Spool {
  readonly path: string
  readonly writer: string
  readonly #file: LogFile
  readonly #maxBytes: number
  readonly #waiting: Numbered[] = []
  #bytes = 0

  constructor(path: string, writer: string, maxBytes: number) {
    this.path = path
    this.writer = writer
    this.#maxBytes = maxBytes
    this.#file = new LogFile(path, new BatchWriter())
  }

  get first(): Numbered | undefined {
    return this.#waiting[0]
  }

  has(log: string): boolean {
    return this.#waiting.some((batch) => batch.log === log)
  }

  /** On the disk when it returns, as far as a kill can tell. @throws Fault `FAULT_STORE` when no more may wait */
  push(batch: Numbered): void {
    let bytes = 0
    try {
      this.#file.append([JSON.stringify(jsonOf(batch))], (wanted) => {
        if (this.#bytes + wanted > this.#maxBytes)
          throw new Fault(
            'FAULT_STORE',
            `${this.path}: ${this.#maxBytes} bytes wait for Redis, which is all that may (store.spool.maxBytes)`,
          )
        bytes = wanted
      })
    } catch (error) {
      throw faultOf(error, this.path)
    }
    this.#bytes += bytes
    this.#waiting.push(batch)
  }

  /** The first was delivered. It stays in the file until all are: brought again, it is recognised by its number. */
  shift(): void {
    this.#waiting.shift()
  }

  /** Reads what a process left behind. */
  load(): this {
    let after: string | undefined
    do {
      const lines = this.#file.read({ limit: PAGE_LINES, ...(after === undefined ? {} : { after }) })
      for (const { value } of lines) {
        const batch = batchOf(value)
        if (batch !== undefined) this.#waiting.push(batch)
      }
      after = lines.at(-1)?.position
    } while (after !== undefined)
    return this
  }

  remove(): void {
    this.#file.close()
    rmSync(this.path, { force: true })
  }

  close(): void {
    this.#file.close()
  }
}

/** @throws Fault `FAULT_STORE` when its folder cannot be made */
export function openSpool({ folder, maxBytes }: SpoolSettings, writer: string): Spool {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new Fault('FAULT_STORE', `${folder}: cannot be made, so nothing can wait there`, { cause })
  }
  return new Spool(join(folder, `${ownHost()}.${process.pid}.${writer}.spool`), writer, maxBytes)
}

/** What processes of this host have left that are no more. */
export function strandedSpools({ folder, maxBytes }: SpoolSettings): readonly Spool[] {
  return namesIn(folder).flatMap((name) => {
    const [, host, pid, writer] = FILE.exec(name) ?? []
    const path = join(folder, name)
    return host !== ownHost() || writer === undefined || isOwned(path, Number(pid)) ? [] : [new Spool(path, writer, maxBytes).load()]
  })
}

/** Without a dot in it. */
function ownHost(): string {
  return encodeName(hostname())
}

/** In a container most processes have the number 1: what was written before we were started another one wrote. */
function isOwned(path: string, pid: number): boolean {
  if (pid === process.pid) return statSync(path).mtimeMs >= performance.timeOrigin
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: somebody else's, but there.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

function jsonOf({ log, number, texts, mark }: Numbered): JsonValue {
  return { log, number, texts, ...(mark === undefined ? {} : { by: mark.by, ...(mark.text === undefined ? {} : { mark: mark.text }) }) }
}

/** What `jsonOf` made; undefined for a line that somebody else wrote. */
function batchOf(value: JsonValue): Numbered | undefined {
  if (!isObject(value)) return undefined
  const { log, number, texts, by, mark } = value
  if (typeof log !== 'string' || typeof number !== 'number' || !Array.isArray(texts)) return undefined
  const ready: Ready | undefined = typeof by === 'string' ? { by, text: typeof mark === 'string' ? mark : undefined } : undefined
  return { log, number, texts: texts.map(String), mark: ready }
}
