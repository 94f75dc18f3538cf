/** What SQLite and the file system say when they cannot, as a Fault that names the next step. */
import { Fault } from '../core/denial.ts'

/** Primary result codes (sqlite.org/rescode.html): what it means, and what to do. */
const STEPS: Readonly<Record<number, string>> = {
  3: 'permission is missing: give the gateway’s user the right to write it',
  5: 'another writer held it for too long: end whatever keeps it open, then try again',
  6: 'another writer held it for too long: end whatever keeps it open, then try again',
  8: 'it is read-only: give the gateway’s user the right to write the file and its folder',
  10: 'reading or writing failed: look at the disk and at the system’s log',
  11: 'the file is damaged: stop the gateway, keep the file as evidence, restore a copy and run `portcullis audit verify`',
  13: 'the disk, or the size the store may have, is full: free space; nothing was written',
  14: 'the file cannot be opened: see that its folder exists and may be written',
  26: 'the file is not a database: name another file in `store`',
}

/** What the file system says, as SQLite would say it. */
const FULL = 13
const CODES: Readonly<Record<string, number>> = { ENOSPC: FULL, EDQUOT: FULL, EFBIG: FULL, EIO: 10, EROFS: 8 }

/** The primary code is the low byte of an extended one. */
const PRIMARY = 0xff

/** A Fault `FAULT_STORE` for anything that SQLite or the file system threw; a Fault stays what it is. */
export function faultOf(error: unknown, path: string): Fault {
  if (error instanceof Fault) return error
  const said = error instanceof Error ? error.message : String(error)
  const step = STEPS[resultCode(error) & PRIMARY] ?? 'the store does not work: look at the cause'
  return new Fault('FAULT_STORE', `${path}: ${step} (${said})`, { cause: error })
}

/** Something was too large for what is left, before anything was written. */
export function fullFault(path: string): Fault {
  return new Fault('FAULT_STORE', `${path}: ${STEPS[FULL]}`)
}

/** Somebody has removed, moved or replaced what is open. */
export function goneFault(path: string): Fault {
  return new Fault(
    'FAULT_STORE',
    `${path}: it, its journal or a mark was removed or moved while it was open, and what is written to it would be lost: put back what was there, or stop, restore a copy and start again`,
  )
}

/** `errcode` of an error of node:sqlite; what it would be for an error of the file system, 14 (cannot open) unless it says more; else 1. */
function resultCode(error: unknown): number {
  if (typeof error !== 'object' || error === null) return 1
  if ('errcode' in error && typeof error.errcode === 'number') return error.errcode
  if ('code' in error && typeof error.code === 'string' && error.code in CODES) return CODES[error.code] ?? 1
  return 'syscall' in error ? 14 : 1
}
