/** Sinks: whoever is told of every event and checkpoint once it is safe in the store. A sink that fails is counted and reported, and refuses nothing. */
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs'
import type { Writable } from 'node:stream'
import { Fault } from '../core/denial.ts'
import type { AuditEvent } from '../core/event.ts'
import type { Checkpoint } from './checkpoint.ts'

/** What a sink is told; `text` is the canonical JSON of it, on one line. */
export type Told =
  | { readonly kind: 'event'; readonly event: AuditEvent; readonly text: string }
  | { readonly kind: 'checkpoint'; readonly checkpoint: Checkpoint; readonly text: string }

export interface Sink {
  /** For messages and counts: `stdout`, `file audit.jsonl`. */
  readonly name: string
  /** In the order of the chain. Must not wait for long: a slow sink keeps a bounded queue of its own, and throws when that is full. */
  write(told: readonly Told[]): void | Promise<void>
  /** Lines that wait to be handed over, where it keeps a queue. */
  readonly waiting?: number
  /** Opens again what may have been moved away (log rotation). */
  reopen?(): void
  close?(): void | Promise<void>
}

/** Bytes that may wait in a stream nobody reads: about 20,000 events. Beyond it lines are lost, and counted, instead of filling the memory. */
const STREAM_MAX_BYTES = 16 * 1024 * 1024
const NEWLINE = 0x0a

/** JSON lines to a stream, such as the standard output. Never closes it. */
export function streamSink(name: string, stream: Writable): Sink {
  return {
    name,
    write(told) {
      if (stream.writableLength > STREAM_MAX_BYTES) throw new Error('nobody reads it')
      stream.write(linesOf(told))
    },
  }
}

/**
 * JSON lines at the end of a file, which is made with mode 0600.
 * @throws Fault `FAULT_SINK` when it cannot be opened
 */
export function fileSink(path: string): Sink {
  let file = openFile(path)
  let isTorn = endsTorn(file)
  return {
    name: `file ${path}`,
    write(told) {
      // What a crash or a full disk left of a line must not swallow the next one.
      const bytes = Buffer.from((isTorn ? '\n' : '') + linesOf(told))
      isTorn = true
      for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done)
      isTorn = false
    },
    reopen() {
      const old = file
      file = openFile(path)
      isTorn = endsTorn(file)
      closeSync(old)
    },
    close() {
      closeSync(file)
    },
  }
}

function openFile(path: string): number {
  try {
    return openSync(path, 'a+', 0o600)
  } catch (error) {
    throw new Fault('FAULT_SINK', `${path}: the audit file cannot be opened: see that its folder exists and may be written`, {
      cause: error,
    })
  }
}

function endsTorn(file: number): boolean {
  const { size } = fstatSync(file)
  const last = Buffer.alloc(1)
  return size > 0 && readSync(file, last, 0, 1, size - 1) === 1 && last[0] !== NEWLINE
}

function linesOf(told: readonly Told[]): string {
  let lines = ''
  for (const one of told) lines += `${escapeLine(one.text)}\n`
  return lines
}

/**
 * JSON escapes U+0000 to U+001F. Terminals and viewers also obey DEL, the C1 controls, line and paragraph separators and the marks that turn
 * the direction of writing; in JSON text they stand only within strings, so an escape means the same.
 */
export function escapeLine(text: string): string {
  return text.replace(UNSAFE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

const UNSAFE = /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g

/** Tells every sink; keeps their failures from the journal. */
export class Fanout {
  readonly lost = new Map<string, number>()
  readonly #sinks: readonly Sink[]
  readonly #onFault: (fault: Fault) => void
  readonly #failures = new Map<string, number>()
  readonly #under = new Set<Promise<void>>()

  constructor(sinks: readonly Sink[], onFault: (fault: Fault) => void) {
    this.#sinks = sinks
    this.#onFault = onFault
  }

  tell(told: readonly Told[]): void {
    for (const sink of this.#sinks) {
      try {
        const writing = sink.write(told)
        if (writing !== undefined) this.#await(sink, writing, told.length)
      } catch (error) {
        this.#failed(sink, error, told.length)
      }
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#under)
    for (const sink of this.#sinks) {
      try {
        await sink.close?.()
      } catch (error) {
        this.#failed(sink, error, 0)
      }
    }
  }

  #await(sink: Sink, writing: Promise<void>, lines: number): void {
    const done: Promise<void> = writing
      .catch((error: unknown) => this.#failed(sink, error, lines))
      .then(() => void this.#under.delete(done))
    this.#under.add(done)
  }

  /** Reported the first time and then each time the number has doubled: a dead sink must not flood the log. */
  #failed(sink: Sink, error: unknown, lines: number): void {
    const failures = (this.#failures.get(sink.name) ?? 0) + 1
    const lost = (this.lost.get(sink.name) ?? 0) + lines
    this.#failures.set(sink.name, failures)
    this.lost.set(sink.name, lost)
    if ((failures & (failures - 1)) !== 0) return
    const said = error instanceof Error ? error.message : String(error)
    this.#onFault(
      new Fault('FAULT_SINK', `Audit sink ${sink.name} failed ${failures} times, ${lost} lines lost: ${said}`, { cause: error }),
    )
  }
}
