/** Opens the store that a configuration names, and sees that it was written with this installation's key. */
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Config } from '../config/config.ts'
import type { Keyring } from '../config/keyfile.ts'
import { IN_MEMORY } from '../config/store.ts'
import { Fault } from '../core/denial.ts'
import { keyedHash } from '../core/secret.ts'
import type { Clock } from '../core/time.ts'
import { KEYS, LOGS } from '../store/keys.ts'
import { openRedis } from '../store/redis.ts'
import { openSqlite } from '../store/sqlite.ts'
import type { Store } from '../store/store.ts'
import type { Turn } from '../store/turn.ts'

export interface StoreOptions {
  readonly clock: Clock
  readonly turn?: Turn
  readonly onFault?: (fault: Fault) => void
  /** Whether events may wait on this machine while the store is away. */
  readonly spools?: boolean
}

/** Redis is not asked before the first verb. @throws Fault `FAULT_STORE` when a file cannot be opened. */
export function openStore(config: Pick<Config, 'store' | 'redis'>, { clock, turn, onFault, spools = false }: StoreOptions): Store {
  const shared = { clock, ...(turn === undefined ? {} : { turn }) }
  const { store, redis } = config
  if (redis !== undefined) {
    const { spool, ...settings } = redis
    return openRedis(settings, {
      ...shared,
      ...(onFault === undefined ? {} : { onFault }),
      ...(spools ? { spool: { ...spool, logs: [LOGS.audit, LOGS.checkpoints] } } : {}),
    })
  }
  if (store !== IN_MEMORY) mkdirSync(dirname(store), { recursive: true, mode: 0o700 })
  return openSqlite(store, shared)
}

/**
 * Two replicas with two keys would know nobody of each other, and each would take the journal of the other for forged.
 * @param isFirst whether a store that nobody has used becomes ours by this
 * @throws Fault `FAULT_KEYFILE` when the store was written with another key, `FAULT_STORE` (rejects)
 */
export async function checkInstallation(
  { store, keyring }: { readonly store: Store; readonly keyring: Keyring },
  config: Config,
  isFirst = true,
): Promise<void> {
  if (config.keyFile === undefined) return
  const check = keyedHash(keyring.key('installation'), 'portcullis installation v1')
  const found = await store.get(KEYS.instance)
  if (found === check || (found === undefined && !isFirst)) return
  if (found === undefined && (await store.put(KEYS.instance, check, { onlyIfAbsent: true }))) return
  if (found === undefined && (await store.get(KEYS.instance)) === check) return
  throw new Fault(
    'FAULT_KEYFILE',
    `${config.keyFile}: ${config.store} was written with another key; every replica needs a copy of the one key file`,
  )
}
