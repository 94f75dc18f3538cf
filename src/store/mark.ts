/** What a mark may be, whichever store keeps it. */
import { Fault } from '../core/denial.ts'
import type { Mark } from './store.ts'

/** As the name of a file it has at most three times as many. */
const BY_MAX_BYTES = 80
const VALUE_MAX_BYTES = 400

/** A mark that may be written. */
export interface Ready {
  readonly by: string
  /** JSON; undefined to take the mark away. */
  readonly text: string | undefined
}

/** @throws Fault `FAULT_STORE` */
export function readyMark({ by, value }: Mark): Ready {
  if (!by.isWellFormed() || isLonger(by, BY_MAX_BYTES)) {
    throw new Fault('FAULT_STORE', `Who marks a log has a name of at most ${BY_MAX_BYTES} bytes of UTF-8`)
  }
  const text = value === undefined ? undefined : JSON.stringify(value)
  if (text !== undefined && isLonger(text, VALUE_MAX_BYTES)) {
    throw new Fault('FAULT_STORE', `A mark has at most ${VALUE_MAX_BYTES} bytes of JSON`)
  }
  return { by, text }
}

function isLonger(text: string, bytes: number): boolean {
  return text.length * 3 > bytes && Buffer.byteLength(text) > bytes
}
