/** Memory: three nouns (records that expire, cells that refill, logs that grow), nine verbs, each atomic on one replica or on many. */
import type { JsonValue } from '../core/json.ts'

/** A record and the version of its last change. */
export interface Stored {
  readonly key: string
  readonly value: JsonValue
  /** Milliseconds since the epoch. */
  readonly expiresAt?: number
}

/** Until when a record is kept, and whether it may take the place of another. */
export interface PutOptions {
  /** Milliseconds since the epoch; the record is gone from then on. */
  readonly expiresAt?: number
  /** Write only when no live record is there; the answer says whether it was written. */
  readonly onlyIfAbsent?: boolean
  /** Write only when the live record's value is this one (compared in canonical form): compare-and-set. */
  readonly onlyIf?: JsonValue
}

/** One token bucket that a call charges (GCRA). */
export interface Cell {
  readonly key: string
  /** Milliseconds between two tokens at the sustained rate. */
  readonly intervalMs: number
  /** How many may come at once. */
  readonly burst: number
  /** How many this call takes. */
  readonly cost: number
}

/** Whether a call may be made, by all the cells that it charges. */
export interface Charge {
  readonly allowed: boolean
  /** How long until the same charge would be allowed; 0 when it was. */
  readonly waitMs: number
  /** Index of the cell that refused longest; -1 when none did. */
  readonly refusedBy: number
  /** What is left in each cell, in the order asked. */
  readonly remaining: readonly number[]
}

/** Which part of a list is read. */
export interface Page {
  /** Continue behind this key or position. */
  readonly after?: string
  /** At most this many; 1000 unless told. */
  readonly limit?: number
}

/** A stretch of a log, both ends exclusive. */
export interface Stretch extends Page {
  /** Only lines in front of this position. */
  readonly before?: string
  /** The last so many lines of the stretch instead of the first; they come in order all the same. */
  readonly last?: number
}

/** Lines that are JSON text already, each one value on one line: whoever had to write it for its digest need not have it written twice. */
export interface Written {
  readonly texts: readonly string[]
}

/**
 * What a writer says of where it stands in a log, beside the log. Its next one takes the place of this.
 * A name has at most 80 bytes of UTF-8, a value 400 of JSON.
 */
export interface Mark {
  /** Who says so. One writer of a log marks at a time; many writers have a mark each. */
  readonly by: string
  /** Undefined: it stands nowhere any more. */
  readonly value: JsonValue | undefined
}

/** A line of a log and where it stands. Positions of one log increase and sort as text. */
export interface Line {
  readonly position: string
  /** Null for a line that is no JSON. */
  readonly value: JsonValue
  /** The JSON text as it stands, where the store keeps texts: whoever looks at it first need not have every line parsed. */
  readonly text?: string
  /** What stands here is not what was appended, as far as the store itself can tell. */
  readonly isDamaged?: true | undefined
}

/**
 * Nine verbs: get, put, take, list, charge, append, read, marks, trim. All reject with a `Fault` (`FAULT_STORE`) when the store is away; none of them ever answers from memory instead.
 * Keys are the texts of `keys.ts`. Values are JSON.
 */
export interface Store {
  get(key: string): Promise<JsonValue | undefined>
  /** @returns whether it was written. */
  put(key: string, value: JsonValue, options?: PutOptions): Promise<boolean>
  /** Reads and removes: of many takers exactly one gets it. */
  take(key: string): Promise<JsonValue | undefined>
  /** Live records whose key starts with `prefix`, in key order. */
  list(prefix: string, page?: Page): Promise<readonly Stored[]>
  /** Every cell is charged or none. */
  charge(cells: readonly Cell[], now: number): Promise<Charge>
  /**
   * Appends the lines in order, all or none. When it resolves, lines and mark survive SIGKILL; when it rejects, they may be there all the same.
   * @param mark written behind the lines: whoever dies in between leaves the lines without it, never the other way round. No lines: the mark alone.
   */
  append(log: string, lines: readonly JsonValue[] | Written, mark?: Mark): Promise<void>
  /** Lines in order, from the first, or from the end where `last` says so. */
  read(log: string, stretch?: Stretch): Promise<readonly Line[]>
  /** Where the writers of a log stand, in the order of their names. */
  marks(log: string): Promise<readonly Mark[]>
  /**
   * Removes lines in front of this position for good, the first ones first and none from here on; all others keep their positions. Where a log is
   * kept in pieces, whole pieces go: what was written since the last time stays until the one that is asked for after it is past.
   */
  trim(log: string, before: string): Promise<void>
  /**
   * What anybody could read stands in front of what is appended to the same log afterwards, for good. Absent where a store that takes over may lack
   * the last lines, which their writers then bring again in an order of their own.
   */
  readonly isInOrder?: true
  close(): Promise<void>
}
