/** What a key and an instant must be, whichever store keeps them. */
import { Fault } from '../core/denial.ts'

/** Longest key: ten times what any shape of `keys.ts` needs, and a tenth of what would spill out of a page of SQLite. */
const KEY_MAX_CHARS = 4_096

/** Stores keep text as UTF-8, in which two ill-formed texts could become one key. @throws Fault `FAULT_STORE` */
export function checkKey(key: string): string {
  if (key.length > KEY_MAX_CHARS) throw new Fault('FAULT_STORE', `A key is longer than ${KEY_MAX_CHARS} characters`)
  if (!key.isWellFormed()) throw new Fault('FAULT_STORE', 'A key has lone surrogates; build keys with keys.ts')
  return key
}

/** @throws Fault `FAULT_STORE` */
export function checkInstant(at: number): number {
  if (!Number.isFinite(at)) throw new Fault('FAULT_STORE', `A record cannot expire at ${at}`)
  return Math.floor(at)
}
