/** The most frequent of very many names, in bounded memory: whoever is frequent is never lost, however many strangers come in between. */

/** Names counted at once, of which half stay when there are too many. Enough for every caller and tool of a house; a flood of forged ones gives way. */
const NAMES_MAX = 4_096

export interface Top {
  readonly name: string
  readonly count: number
}

/*
 * Misra-Gries, pruned in batches (Agarwal et al., Mergeable Summaries, 2012, §2): when there are too many names, the count of the median one is
 * taken from all, and whoever has nothing left is forgotten. A count is then too low by at most `missed`, and never too high.
 */
export class Tally {
  readonly #counts = new Map<string, number>()
  /** By how much a count may be too low; 0 as long as all names had room. */
  missed = 0

  /** @param weight a whole number above 0 */
  add(name: string, weight = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + weight)
    if (this.#counts.size > NAMES_MAX) this.#prune()
  }

  /** The most frequent, the first by name among equals. */
  top(most: number): readonly Top[] {
    const all = [...this.#counts].map(([name, count]) => ({ name, count }))
    return all.sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1)).slice(0, most)
  }

  #prune(): void {
    const sorted = [...this.#counts.values()].sort((a, b) => b - a)
    const cut = sorted[NAMES_MAX >> 1] ?? 0
    this.missed += cut
    for (const [name, count] of this.#counts) {
      if (count > cut) this.#counts.set(name, count - cut)
      else this.#counts.delete(name)
    }
  }
}
