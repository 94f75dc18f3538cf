/** What the detectors remember with: counts that slide, sets and maps that never grow past their bound. All of it is plain values, so that it can be written down. */

/** What is full makes room for this part of itself at once: a Map that loses its first entry again and again is walked from its beginning each time. */
const ROOM_SHARE = 1 / 16

/**
 * The value at a key, made where there is none. In a full map those that are not worth keeping give way; where all are, those that came
 * first. So a flood of newcomers drives out newcomers.
 */
export function obtain<V>(memory: Map<string, V>, key: string, max: number, make: () => V, isWorth: (value: V) => boolean): V {
  const known = memory.get(key)
  if (known !== undefined) return known
  if (memory.size >= max) makeRoom(memory, max, isWorth)
  const made = make()
  memory.set(key, made)
  return made
}

function makeRoom<V>(memory: Map<string, V>, max: number, isWorth: (value: V) => boolean): void {
  const wanted = Math.floor(max * (1 - ROOM_SHARE))
  let unseen = memory.size
  for (const [key, value] of memory) {
    if (memory.size <= wanted) return
    memory.delete(key)
    // Kept behind the others; when all have been looked at, the first go all the same.
    if (unseen-- > 0 && isWorth(value)) memory.set(key, value)
  }
}

/** Adds to what was noted when, keeping at most `max`: those noted last. */
export function note(seen: Map<string, number>, name: string, at: number, max: number): void {
  // Who stands alone stands last already; a Map that loses and takes what it holds again and again is made anew each few times.
  if (seen.size !== 1 || !seen.has(name)) seen.delete(name)
  if (seen.size >= max) makeRoom(seen, max, () => false)
  seen.set(name, at)
}

/** How many were noted after an instant; older ones are forgotten. Notes stand in the order of time. */
export function countSince(seen: Map<string, number>, since: number): number {
  for (const [name, at] of seen) {
    if (at > since) break
    seen.delete(name)
  }
  return seen.size
}

/** A count over a span that slides in steps. */
const STEPS = 5

export interface Slide {
  /** The number of the newest step since the epoch. */
  step: number
  /** One for each of `STEPS`. */
  readonly counts: number[]
}

export function createSlide(): Slide {
  return { step: 0, counts: [0, 0, 0, 0, 0] }
}

/** Adds one, and tells how many there were in the span that ends now. */
export function slide(counter: Slide, at: number, spanMs: number): number {
  const step = Math.floor((at * STEPS) / spanMs)
  const passed = Math.min(STEPS, step - counter.step)
  for (let ago = 0; ago < passed; ago++) counter.counts[(step - ago) % STEPS] = 0
  if (step > counter.step) counter.step = step
  const place = counter.step % STEPS
  counter.counts[place] = (counter.counts[place] ?? 0) + 1
  let sum = 0
  for (const count of counter.counts) sum += count
  return sum
}

/** The newest so many. */
export function keepLast(list: string[], value: string, max: number): void {
  list.push(value)
  if (list.length > max) list.shift()
}
