/** Whether calls would be let through now: what `/health` says to whoever spreads them. */
import type { Journal } from '../audit/journal.ts'
import type { Config } from '../config/config.ts'
import type { Clock } from '../core/time.ts'
import { KEYS } from '../store/keys.ts'
import type { Store } from '../store/store.ts'

/** Anybody may ask; the store is asked once in so long. */
const ASK_MS = 1_000

interface ReadyParts {
  readonly config: Pick<Config, 'redis' | 'authentication'>
  readonly journal: Pick<Journal, 'isFailing'>
  readonly store: Pick<Store, 'get'>
  /** Milliseconds that only ever go forward. */
  readonly steady?: Clock | undefined
}

/**
 * No while the journal cannot be written, and while the store is away: nobody's key or token can be looked up then. While Redis is away the
 * journal waits on this machine, and who needs no looking up is served: where there may be such callers, that is no reason to send all elsewhere.
 */
export function createReadiness({ config, journal, store, steady = () => performance.now() }: ReadyParts): () => Promise<boolean> {
  const { anonymous, certificates } = config.authentication
  const isBridged = config.redis !== undefined && (anonymous !== undefined || certificates !== undefined)
  let askedAt = Number.NEGATIVE_INFINITY
  let answers = Promise.resolve(true)
  return async () => {
    if (journal.isFailing) return false
    if (isBridged) return true
    if (steady() - askedAt >= ASK_MS) {
      askedAt = steady()
      answers = store.get(KEYS.instance).then(
        () => true,
        () => false,
      )
    }
    return answers
  }
}
