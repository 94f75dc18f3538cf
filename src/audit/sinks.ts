/** Sinks: whoever is told of every event and checkpoint once it is safe in the store. A sink that fails is counted and reported, and refuses nothing. */
import { closeSync, fstatSync, openSync, readSync, statSync, writeSync } from 'node:fs'
import type { Writable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { Fault } from '../core/denial.ts'
import type { AuditEvent } from '../core/event.ts'
import type { Clock } from '../core/time.ts'
import type { Checkpoint } from './checkpoint.ts'
import { Outage } from './outage.ts'

/** What a sink is told; `text` is the canonical JSON of it, on one line. */
export type Told =
  | { readonly kind: 'event'; readonly event: AuditEvent; readonly text: string }
  | { readonly kind: 'checkpoint'; readonly checkpoint: Checkpoint; readonly text: string }

export interface Sink {
  /** For messages and counts: `stdout`, `file audit.jsonl`. */
  readonly name: string
  /**
   * In the order of the chain. Must not wait for long: a slow sink keeps a bounded queue of its own, and throws when that is full.
   * @param then told what came of it, where the answer is `later`: an error when the lines were lost
   */
  write(told: readonly Told[], then: (error?: unknown) => void): void | 'later' | Promise<void>
  /** Lines that wait to be handed over, where it keeps a queue. */
  readonly waiting?: number
  /** Where it knows by itself when it works: of a queue, lines that were taken into it say nothing. */
  readonly outage?: Outage
  /** Opens again what may have been moved away (log rotation). */
  reopen?(): void
  close?(): void | Promise<void>
}

/** Bytes that may wait in a stream nobody reads: about 20,000 events. Beyond it lines are lost, and counted, instead of filling the memory. */
const STREAM_MAX_BYTES = 16 * 1024 * 1024
const NEWLINE = 0x0a

/** JSON lines to a stream, such as the standard output. Never closes it. */
export function streamSink(name: string, stream: Writable): Sink {
  // Each write is told of its error; without a listener the same error would end the process.
  const ignore = (): void => undefined
  stream.on('error', ignore)
  return {
    name,
    write(told, then) {
      if (stream.errored !== null) throw stream.errored
      if (stream.writableLength > STREAM_MAX_BYTES) throw new Error('nobody reads it')
      stream.write(linesOf(told), (error) => then(error ?? undefined))
      return 'later'
    },
    close: () => void stream.off('error', ignore),
  }
}

/** Whoever moves a file away makes the new one himself, or says SIGHUP; a name that stays free is taken. */
const MOVED_MS = 1_000

/**
 * JSON lines at the end of a file, which is made with mode 0600. When it was moved away or removed, the next lines go to the file of that name.
 * @param steady milliseconds that only ever go forward
 * @throws Fault `FAULT_SINK` when it cannot be opened
 */
export function fileSink(path: string, steady: Clock = () => performance.now()): Sink {
  let file = openFile(path)
  let isTorn = endsTorn(file)
  let { ino, dev } = fstatSync(file)
  let freeSince: number | undefined
  const reopen = (): void => {
    const old = file
    file = openFile(path)
    isTorn = endsTorn(file)
    ;({ ino, dev } = fstatSync(file))
    freeSince = undefined
    closeSync(old)
  }
  const isMoved = (): boolean => {
    const there = statSync(path, { throwIfNoEntry: false })
    if (there !== undefined) {
      freeSince = undefined
      return there.ino !== ino || there.dev !== dev
    }
    // Removed: what is written to it is nowhere.
    if (fstatSync(file).nlink === 0) return true
    freeSince ??= steady()
    return steady() - freeSince >= MOVED_MS
  }
  return {
    name: `file ${path}`,
    write(told) {
      if (isMoved()) reopen()
      // What a crash or a full disk left of a line must not swallow the next one.
      const bytes = Buffer.from((isTorn ? '\n' : '') + linesOf(told))
      isTorn = true
      for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done)
      isTorn = false
    },
    reopen,
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
  readonly #sinks: readonly (readonly [Sink, Outage])[]
  readonly #onFault: (fault: Fault) => void
  readonly #under = new Set<Promise<void>>()

  constructor(sinks: readonly Sink[], onFault: (fault: Fault) => void) {
    this.#sinks = sinks.map((sink) => [sink, sink.outage ?? new Outage(sink.name, onFault)] as const)
    this.#onFault = onFault
  }

  /** How many lines each has lost, of those that have lost any. */
  get lost(): ReadonlyMap<string, number> {
    return new Map(this.#sinks.flatMap(([{ name }, { lost }]) => (lost === 0 ? [] : [[name, lost] as const])))
  }

  tell(told: readonly Told[]): void {
    for (const [sink, outage] of this.#sinks) {
      const lose = (error: unknown): void => outage.lose(told.length, error)
      try {
        const writing = sink.write(told, (error) => (error === undefined ? outage.worked() : lose(error)))
        if (writing instanceof Promise) this.#await(writing.then(() => outage.worked(), lose))
        else if (writing === undefined && sink.outage === undefined) outage.worked()
      } catch (error) {
        lose(error)
      }
    }
  }

  /** @returns whether all that could be opened again are: one that cannot goes on with what it had. */
  reopen(): boolean {
    let isDone = true
    for (const [sink] of this.#sinks) {
      try {
        sink.reopen?.()
      } catch (error) {
        isDone = false
        this.#onFault(
          error instanceof Fault ? error : new Fault('FAULT_SINK', `Audit sink ${sink.name} was not opened again`, { cause: error }),
        )
      }
    }
    return isDone
  }

  async close(): Promise<void> {
    await Promise.all(this.#under)
    // What became of the last lines is told in the next turn.
    await setImmediate()
    const close = async ([sink, outage]: readonly [Sink, Outage]): Promise<void> => {
      try {
        await sink.close?.()
        outage.end(0)
      } catch (error) {
        outage.end(sink.waiting ?? 0, error)
      }
    }
    await Promise.all(this.#sinks.map(close))
  }

  #await(told: Promise<void>): void {
    const done: Promise<void> = told.then(() => void this.#under.delete(done))
    this.#under.add(done)
  }
}
