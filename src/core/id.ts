/** Identifiers that sort by time: UUIDv7 (RFC 9562 §5.7). */
import { randomFillSync } from 'node:crypto'

/** Random bytes are drawn and written as text in blocks: one system call for 512 identifiers. */
const BLOCK_BYTES = 4096
const BYTES_EACH = 8
/** The third group: version and counter. */
const COUNTED = Array.from({ length: 0x1000 }, (_, counter) => `7${counter.toString(16).padStart(3, '0')}`)

/** A maker of UUIDv7s; within one maker they also increase within a millisecond (RFC 9562 §6.2, method 1). */
export function createIds(clock: () => number): () => string {
  const block = Buffer.alloc(BLOCK_BYTES)
  let used = BLOCK_BYTES
  let random = ''
  let lastAt = 0
  let counter = 0
  /** The first two groups: they change once a millisecond, and writing them costs as much as all the rest. */
  let time = ''

  const moveTo = (at: number): void => {
    lastAt = at
    const hex = at.toString(16).padStart(12, '0')
    time = `${hex.slice(0, 8)}-${hex.slice(8)}`
  }
  return () => {
    if (used + BYTES_EACH > BLOCK_BYTES) {
      randomFillSync(block)
      // The variant: the two highest bits of the fourth group are 10.
      for (let at = 0; at < BLOCK_BYTES; at += BYTES_EACH) block[at] = ((block[at] ?? 0) & 0x3f) | 0x80
      random = block.toString('hex')
      used = 0
    }
    const now = clock()
    if (now > lastAt) {
      moveTo(now)
      counter = block.readUInt16BE(used + 2) & 0x7ff
    } else if (++counter > 0xfff) {
      moveTo(lastAt + 1)
      counter = 0
    }
    const at = used * 2
    used += BYTES_EACH
    return `${time}-${COUNTED[counter] ?? ''}-${random.slice(at, at + 4)}-${random.slice(at + 4, at + 16)}`
  }
}
