/** What a key and an instant must be, whichever store keeps them, and where keys with a prefix end. */
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

/** The first text, in code point order, behind all that start with `prefix`; undefined when there is none. */
export function successor(prefix: string): string | undefined {
  const points = Array.from(prefix)
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    const point = last.codePointAt(0) ?? 0
    if (point === 0x10ffff) continue
    // Surrogates are no characters: behind U+D7FF comes U+E000.
    return points.join('') + String.fromCodePoint(point === 0xd7ff ? 0xe000 : point + 1)
  }
  return undefined
}
