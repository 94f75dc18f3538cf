/** A memory that never grows past its bound: what was put first goes first. */

/** Puts an entry, after making room for it. */
export function remember<K, V>(memory: Map<K, V>, key: K, value: V, max: number): void {
  memory.delete(key)
  if (memory.size >= max) {
    for (const oldest of memory.keys()) {
      memory.delete(oldest)
      break
    }
  }
  memory.set(key, value)
}
