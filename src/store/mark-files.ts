/** The marks of one log: a small file for each writer, written over in place. */
import { closeSync, constants, fstatSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { JsonValue } from '../core/json.ts'
import { decodeName, encodeName } from './file-name.ts'
import { isSameFile } from './file-place.ts'
import { hexOf } from './log-batch.ts'
import { isMissing } from './log-file.ts'
import { fullFault } from './sqlite-fault.ts'
import type { Mark } from './store.ts'

/** One sector, within one page: a write of it is whole or not there, whatever kills the writer. */
const MARK_BYTES = 512
/** `1c291ca3 {"seq":1}   …⏎`: the CRC-32 of all behind it, the value, and spaces up to a newline. */
const VALUE_AT = 9
const SPACE = 0x20
const NEWLINE = 0x0a
const SUFFIX = '.mark'
/** A reader that comes in the middle of a write looks again; a write takes microseconds. */
const READ_TRIES = 16

const { O_CREAT, O_RDWR } = constants

export class MarkFiles {
  readonly #folder: string
  readonly #open = new Map<string, number>()
  readonly #record = Buffer.alloc(MARK_BYTES)

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Makes sure that `write` needs no more room on the disk. @returns the open file */
  prepare(by: string): number {
    const known = this.#open.get(by)
    if (known !== undefined) return known
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
    const file = openSync(this.#pathOf(by), O_RDWR | O_CREAT, 0o600)
    this.#open.set(by, file)
    // Blank: no mark, but its place is taken.
    if (fstatSync(file).size < MARK_BYTES) writeWhole(file, this.#record.fill(SPACE), this.#folder)
    return file
  }

  /** @param text JSON */
  write(by: string, text: string): void {
    const file = this.prepare(by)
    const record = this.#record
    const end = VALUE_AT + record.write(text, VALUE_AT)
    record.fill(SPACE, end, MARK_BYTES - 1)
    record[MARK_BYTES - 1] = NEWLINE
    record.write(`${hexOf(crc32(record.subarray(VALUE_AT)))} `, 0, 'latin1')
    writeWhole(file, record, this.#folder)
  }

  drop(by: string): void {
    const file = this.#open.get(by)
    this.#open.delete(by)
    if (file !== undefined) closeSync(file)
    rmSync(this.#pathOf(by), { force: true })
  }

  all(): readonly Mark[] {
    const marks: Mark[] = []
    for (const name of this.#names()) {
      const by = decodeName(name.slice(0, -SUFFIX.length))
      const value = readMark(join(this.#folder, name))
      if (by !== undefined && value !== undefined) marks.push({ by, value })
    }
    return marks.sort((left, right) => (left.by < right.by ? -1 : 1))
  }

  /** A mark that somebody has removed is written on, and read by nobody. */
  get isGone(): boolean {
    return [...this.#open].some(([by, file]) => !isSameFile(fstatSync(file), this.#pathOf(by)))
  }

  close(): void {
    for (const file of this.#open.values()) closeSync(file)
    this.#open.clear()
  }

  #pathOf(by: string): string {
    return join(this.#folder, encodeName(by) + SUFFIX)
  }

  #names(): readonly string[] {
    try {
      return readdirSync(this.#folder).filter((name) => name.endsWith(SUFFIX))
    } catch (error) {
      if (isMissing(error)) return []
      throw error
    }
  }
}

function writeWhole(file: number, record: Buffer, path: string): void {
  if (writeSync(file, record, 0, MARK_BYTES, 0) < MARK_BYTES) throw fullFault(path)
}

/** Undefined for one that is blank, damaged or was dropped: it says nothing. */
function readMark(path: string): JsonValue | undefined {
  for (let tries = 0; tries < READ_TRIES; tries++) {
    const value = parsed(readIfThere(path))
    if (value !== undefined) return value
  }
  return undefined
}

function readIfThere(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    if (isMissing(error)) return Buffer.alloc(0)
    throw error
  }
}

function parsed(record: Buffer): JsonValue | undefined {
  const rest = record.subarray(VALUE_AT)
  if (record.length !== MARK_BYTES || record.toString('latin1', 0, VALUE_AT) !== `${hexOf(crc32(rest))} `) return undefined
  try {
    return JSON.parse(rest.toString()) as JsonValue // what `write` wrote
  } catch {
    return undefined
  }
}
