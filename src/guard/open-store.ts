/** Opens the store that a configuration names, and sees that it was written with this installation's key, and is the one that was there. */
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Config } from '../config/config.ts'
import type { Keyring } from '../config/keyfile.ts'
import { IN_MEMORY } from '../config/store.ts'
import { Fault } from '../core/denial.ts'
import { keyedHash } from '../core/secret.ts'
import type { Clock } from '../core/time.ts'
import type { Turn } from '../core/turn.ts'
import { KEYS, LOGS } from '../store/keys.ts'
import { openRedis } from '../store/redis.ts'
import { openSqlite } from '../store/sqlite.ts'
import type { Store } from '../store/store.ts'
import { endOrphans } from './orphans.ts'
import type { Records } from './records.ts'

export interface StoreOptions {
  readonly clock: Clock
  readonly turn?: Turn
  readonly onFault?: (fault: Fault) => void
  /** Whether events may wait on this machine while the store is away. */
  readonly spools?: boolean
}

/** Redis is not asked before the first verb. @throws Fault `FAULT_STORE` when a file cannot be opened. */
export function openStore(config: Pick<Config, 'store' | 'redis'>, { clock, turn, onFault, spools = false }: StoreOptions): Store {
  const shared = { clock, ...(turn === undefined ? {} : { turn }), ...(onFault === undefined ? {} : { onFault }) }
  const { store, redis } = config
  if (redis !== undefined) {
    const { spool, ...settings } = redis
    return openRedis(settings, {
      ...shared,
      ...(spools ? { spool: { ...spool, logs: [LOGS.audit, LOGS.checkpoints] } } : {}),
    })
  }
  if (store !== IN_MEMORY) mkdirSync(dirname(store), { recursive: true, mode: 0o700 })
  return openSqlite(store, shared)
}

/**
 * Two replicas with two keys would know nobody of each other, and each would take the journal of the other for forged.
 * @param isFirst whether a store that nobody has used becomes ours by this
 * @returns whether it did: an installation begins
 * @throws Fault `FAULT_KEYFILE` when the store was written with another key, `FAULT_STORE` where nobody has used it and it may not become ours (rejects)
 */
export async function checkInstallation(
  { store, keyring }: { readonly store: Store; readonly keyring: Keyring },
  config: Config,
  isFirst = true,
): Promise<boolean> {
  if (config.keyFile === undefined) return false
  const check = keyedHash(keyring.key('installation'), 'portcullis installation v1')
  const found = await store.get(KEYS.instance)
  if (found === check) return false
  if (found === undefined && !isFirst) {
    // Of a file it was asked whether it is there.
    if (config.redis === undefined) return false
    throw new Fault('FAULT_STORE', `${config.store}: there is no installation in it; nothing has run with this configuration yet`)
  }
  if (found === undefined && (await store.put(KEYS.instance, check, { onlyIfAbsent: true }))) return true
  if (found === undefined && (await store.get(KEYS.instance)) === check) return false
  throw new Fault(
    'FAULT_KEYFILE',
    `${config.keyFile}: ${config.store} was written with another key; every replica needs a copy of the one key file`,
  )
}

/** What is said where an installation begins: whoever has one already learns that it is not found. */
export function beginning({ store, keyFile }: Config): string {
  return `${store}: an installation begins, with no keys, users and history; if there was one, stop, and put it back with its ${keyFile}`
}

type Checked = Pick<Records, 'store' | 'keyring' | 'journal' | 'living'> & { readonly config: Config }

/**
 * Before anybody is served: whether the records are ours, and those that were there. An installation that begins, and a journal that is gone,
 * are told; the second is written into the journal that begins with it. Then calls of who was killed are given their ends.
 * @throws Fault as `checkInstallation` does
 */
export async function checkRecords(records: Checked, onFault: (fault: Fault) => void): Promise<void> {
  await checkThere(records, onFault)
  const { living, store, journal } = records
  living?.hold(journal.node)
  if (living !== undefined) await endOrphans(living, store, journal)
}

async function checkThere({ config, store, keyring, journal }: Checked, onFault: (fault: Fault) => void): Promise<void> {
  if (await checkInstallation({ store, keyring }, config)) return onFault(new Fault('FAULT_STORE', beginning(config)))
  if (config.keyFile === undefined || !(await lacksJournal(store, config))) return
  const detail = 'nothing of the journal that this installation had is in the store'
  onFault(
    new Fault(
      'FAULT_JOURNAL',
      `${config.store}: ${detail}, and a new one begins: put it back unless you have put it aside (docs/operations.md)`,
    ),
  )
  await journal.write({ type: 'journal.missing', detail, by: 'gateway' })
}

/** In Redis retention may have removed everything; of files the last one stays. */
async function lacksJournal(store: Store, { redis }: Config): Promise<boolean> {
  const [events, cut] = await Promise.all([store.read(LOGS.audit, { limit: 1 }), store.get(KEYS.cut)])
  return events.length === 0 && (cut === undefined || redis === undefined)
}
