/** Sealed records brought under the key that seals now. Each knows its own key, so whoever was stopped in the middle just starts again. */
import { isObject, type JsonValue } from '../core/json.ts'
import type { Seal } from '../core/seal.ts'
import { KEYS } from './keys.ts'
import type { Store } from './store.ts'

/** Two who change one record at once are rare, three rarer. */
const ATTEMPTS = 8

/** What became of the records that were to be sealed anew. */
export interface Resealing {
  /** Sealed anew. */
  readonly changed: number
  /** Under a key that is not here: they belong to somebody else, or to a key that was lost. */
  readonly unknown: number
}

/** @throws Fault `FAULT_SEAL` for a record that does not open, `FAULT_STORE`; what was done until then is done. */
export async function resealRecords(store: Store, seal: Seal, prefixes: readonly string[]): Promise<Resealing> {
  let [changed, unknown] = [0, 0]
  for (const prefix of prefixes) {
    for (let page = await store.list(prefix); page.length > 0; page = await store.list(prefix, { after: page.at(-1)?.key ?? '' })) {
      for (const { key, value, expiresAt } of page) {
        if (key.startsWith(KEYS.oauthReplays)) continue
        const outcome = await resealRecord(store, seal, key, value, expiresAt)
        if (outcome === 'changed') changed++
        if (outcome === 'unknown') unknown++
      }
    }
  }
  return { changed, unknown }
}

type Outcome = 'changed' | 'unknown' | 'same'

async function resealRecord(store: Store, seal: Seal, key: string, found: JsonValue, expiresAt: number | undefined): Promise<Outcome> {
  let value: JsonValue | undefined = found
  for (let attempt = 0; attempt < ATTEMPTS && value !== undefined; attempt++) {
    const keys = new Set<string>()
    const next = anew(value, key, (text, place) => {
      const standing = seal.keyOf(text)
      keys.add(standing)
      return standing === 'previous' ? seal.seal(seal.open(text, place), place) : text
    })
    if (!keys.has('previous')) return keys.has('unknown') ? 'unknown' : 'same'
    if (await store.put(key, next, { onlyIf: value, ...(expiresAt === undefined ? {} : { expiresAt }) })) return 'changed'
    value = await store.get(key)
  }
  return 'same'
}

/** The three shapes of a sealed record: a text, a text beside what may be read, and a list of those, each with a name of its own. */
function anew(value: JsonValue, place: string, reseal: (text: string, place: string) => string): JsonValue {
  if (typeof value === 'string') return reseal(value, place)
  if (Array.isArray(value)) return value.map((one) => (isObject(one) ? anew(one, `${place} ${String(one['kid'])}`, reseal) : one))
  if (isObject(value) && typeof value['sealed'] === 'string') return { ...value, sealed: reseal(value['sealed'], place) }
  return value
}
