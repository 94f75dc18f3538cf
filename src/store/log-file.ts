/** One log in one file: only ever appended to, each batch with one system call, by any number of processes. */
import { closeSync, constants, fchmodSync, fstatSync, openSync, writeSync } from 'node:fs'
import { isSameFile } from './file-place.ts'
import type { BatchWriter } from './log-batch.ts'
import { readStretch, SCRATCH_BYTES } from './log-reader.ts'
import { fullFault } from './sqlite-fault.ts'
import type { Line, Stretch } from './store.ts'

const { O_APPEND, O_CREAT, O_RDONLY, O_RDWR } = constants
const MODE_WRITE = 0o200
const MODE_ENDED = 0o400

export class LogFile {
  readonly #path: string
  /** Added to the positions of its lines: where it begins in a log of several files. */
  readonly #base: number
  readonly #writer: BatchWriter
  #file: number | undefined
  #scratch: Buffer | undefined

  constructor(path: string, writer: BatchWriter, base = 0) {
    this.#path = path
    this.#base = base
    this.#writer = writer
  }

  /**
   * The kernel lets writers of one file take turns and puts each at its end (O_APPEND), so the order of batches is the order of positions.
   * What it has taken, every reader finds, also when the writer is killed.
   * @throws Fault `FAULT_STORE`; whatever the file system throws
   */
  append(texts: readonly string[], checkRoom: (bytes: number) => void): void {
    const batch = this.#writer.batchOf(texts)
    checkRoom(batch.length)
    this.#file ??= openSync(this.#path, O_RDWR | O_APPEND | O_CREAT, 0o600)
    const written = writeSync(this.#file, batch, 0, batch.length)
    // What was written of it stays, and is read by nobody: to cut it off could cut off what others wrote behind it.
    if (written < batch.length) throw fullFault(this.#path)
  }

  read(stretch: Stretch): readonly Line[] {
    const file = this.#existing()
    if (file === undefined) return []
    this.#scratch ??= Buffer.allocUnsafeSlow(SCRATCH_BYTES)
    return readStretch(file, stretch, this.#scratch, this.#base)
  }

  /** 0 for a log that was never written. */
  get bytes(): number {
    const file = this.#existing()
    return file === undefined ? 0 : fstatSync(file).size
  }

  /** Nobody appends to it any more: it is told by its mode, which whoever has it open sees too. */
  get isEnded(): boolean {
    const file = this.#existing()
    return file !== undefined && (fstatSync(file).mode & MODE_WRITE) === 0
  }

  /** It is open, and another file has its name, or none: whatever is appended to it is lost. What was ended may be gone. */
  get isGone(): boolean {
    return this.#file !== undefined && !isSameFile(fstatSync(this.#file), this.#path) && !this.isEnded
  }

  end(): void {
    const file = this.#existing()
    if (file !== undefined) fchmodSync(file, MODE_ENDED)
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }

  /** Reading makes no file. */
  #existing(): number | undefined {
    if (this.#file !== undefined) return this.#file
    try {
      this.#file = openSync(this.#path, O_RDWR | O_APPEND)
    } catch (error) {
      if (isMissing(error)) return undefined
      if (!isKept(error)) throw error
      this.#file = openSync(this.#path, O_RDONLY)
    }
    return this.#file
  }
}

function isKept(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EACCES' || error.code === 'EPERM')
}

export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
