/** Identifiers that sort by time: UUIDv7 (RFC 9562 §5.7). */
import { randomFillSync } from 'node:crypto'

/** Random bytes are drawn in blocks: one system call for 256 identifiers. */
const BLOCK_BYTES = 4096
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** A maker of UUIDv7s; within one maker they also increase within a millisecond (RFC 9562 §6.2, method 1). */
export function createIds(clock: () => number): () => string {
  const block = Buffer.alloc(BLOCK_BYTES)
  let used = BLOCK_BYTES
  let lastAt = 0
  let counter = 0
  return () => {
    if (used + 8 > BLOCK_BYTES) {
      randomFillSync(block)
      used = 0
    }
    const now = clock()
    if (now > lastAt) {
      lastAt = now
      counter = block.readUInt16BE(used) & 0x7ff
    } else if (++counter > 0xfff) {
      lastAt++
      counter = 0
    }
    const time = lastAt.toString(16).padStart(12, '0')
    const hex = (at: number): string => HEX[block[used + at] ?? 0] ?? '00'
    const variant = HEX[((block[used + 2] ?? 0) & 0x3f) | 0x80] ?? '80'
    const id = `${time.slice(0, 8)}-${time.slice(8)}-7${counter.toString(16).padStart(3, '0')}-${variant}${hex(3)}-${hex(4)}${hex(5)}${hex(6)}${hex(7)}${hex(0)}${hex(1)}`
    used += 8
    return id
  }
}
