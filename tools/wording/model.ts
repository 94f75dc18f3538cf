/** A linear support vector machine with squared hinge loss, learned by dual coordinate descent (Hsieh and others, ICML 2008). */

export interface Document {
  /** Whoever wrote it: what is left out together when it is judged. */
  readonly set: string
  readonly isBad: boolean
  /** Each once. */
  features: readonly string[]
}

export interface Model {
  readonly weights: ReadonlyMap<string, number>
  readonly bias: number
}

/** How much mistakes cost against large weights. */
const COST = 1
const ROUNDS = 60

/** Documents are as long as any other, however much they say. */
const lengthOf = (features: readonly unknown[]): number => Math.sqrt(Math.max(1, features.length))

export function scoreOf({ weights, bias }: Model, features: readonly string[]): number {
  const known = features.filter((feature) => weights.has(feature))
  return known.reduce((sum, feature) => sum + (weights.get(feature) ?? 0), 0) / lengthOf(known) + bias
}

export function train(documents: readonly Document[]): Model {
  const places = new Map<string, number>()
  const rows = documents.map(({ features }) => Int32Array.from(features, (feature) => placeOf(places, feature)))
  const weights = new Float64Array(places.size)
  let bias = 0
  const alphas = new Float64Array(documents.length)
  const order = Uint32Array.from(documents, (_, index) => index)
  let state = 1
  for (let round = 0; round < ROUNDS; round++) {
    // The same order every time: a generator of our own (Park and Miller 1988).
    for (let at = order.length - 1; at > 0; at--) {
      state = (state * 48_271) % 2_147_483_647
      const other = state % (at + 1)
      ;[order[at], order[other]] = [order[other] ?? 0, order[at] ?? 0]
    }
    for (const index of order) {
      const row = rows[index] ?? new Int32Array()
      const document = documents[index]
      if (document === undefined) continue
      const sign = document.isBad ? 1 : -1
      const length = lengthOf(Array.from(row))
      let sum = 0
      for (const place of row) sum += weights[place] ?? 0
      const slack = 1 / (2 * COST)
      const before = alphas[index] ?? 0
      const gradient = sign * (sum / length + bias) - 1 + slack * before
      const after = Math.max(0, before - gradient / (2 + slack))
      if (after === before) continue
      alphas[index] = after
      const step = (after - before) * sign
      for (const place of row) weights[place] = (weights[place] ?? 0) + step / length
      bias += step
    }
  }
  return { weights: new Map([...places].map(([feature, place]) => [feature, weights[place] ?? 0])), bias }
}

function placeOf(places: Map<string, number>, feature: string): number {
  const known = places.get(feature)
  if (known !== undefined) return known
  places.set(feature, places.size)
  return places.size - 1
}
