/** Opens what a command needs of an installation: its configuration, its records, its law. */
import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import { createJournal, type Journal } from '../audit/journal.ts'
import { type Config, IN_MEMORY } from '../config/config.ts'
import { type Keyring, openKeyring } from '../config/keyfile.ts'
import { DEFAULT_FILE, loadConfig } from '../config/load.ts'
import { Fault } from '../core/denial.ts'
import { createIds } from '../core/id.ts'
import { readLaw } from '../guard/create.ts'
import { ApiKeys } from '../identity/api-key.ts'
import { createEngine, type Engine } from '../policy/engine.ts'
import { openSqlite } from '../store/sqlite.ts'
import type { Store } from '../store/store.ts'
import { note, plain, type Terminal } from './terminal.ts'

/** @param file as given with `-c`, relative to the working folder. @throws Fault `FAULT_CONFIG` */
export function openConfig(file: string | undefined): Config {
  return loadConfig(file ?? DEFAULT_FILE)
}

/** The law as it is written now. @throws Fault `FAULT_POLICY` */
export function openLaw(config: Config, terminal: Terminal): Engine {
  return createEngine(readLaw(config), terminal.clock)
}

/** The memory of an installation. Opened without the law, so that a key can be revoked while a policy is broken. */
export interface Records {
  readonly store: Store
  readonly keyring: Keyring
  readonly keys: ApiKeys
  readonly journal: Journal
}

/** Lends the records to `use` and closes them, however it ends. @throws Fault */
export async function withRecords<T>(config: Config, terminal: Terminal, use: (records: Records) => Promise<T>): Promise<T> {
  const { clock } = terminal
  const { store, keyring } = openStore(config, terminal)
  const { prefix, expiresMs } = config.authentication.apiKeys
  const journal = createJournal({
    store,
    clock,
    ids: createIds(clock),
    node: 'cli',
    sinks: [],
    checkpointMs: config.audit.checkpointMs,
    signingKey: keyring.signingKey(),
    onFault: (fault) => note(terminal, `warning: ${plain(fault.message)}`),
  })
  const keys = new ApiKeys({ store, hashKey: keyring.key('api-key'), clock, prefix, expiresMs })
  try {
    return await use({ store, keyring, keys, journal })
  } finally {
    await journal.close()
    await store.close()
  }
}

function openStore(config: Config, { clock }: Terminal): Pick<Records, 'store' | 'keyring'> {
  if (config.keyFile === undefined) {
    throw new Fault(
      'FAULT_CONFIG',
      `${config.file ?? DEFAULT_FILE}: store: ${IN_MEMORY} dies with its process, so there is nothing to look at or to change from here`,
    )
  }
  return { store: openSqlite(config.store, { clock }), keyring: openKeyring(config.keyFile) }
}

/** Lends the records for reading; an installation that never ran has none. */
export async function withExisting<T>(
  config: Config,
  terminal: Terminal,
  use: (records: Pick<Records, 'store' | 'keyring'>) => Promise<T>,
): Promise<T> {
  if (config.keyFile !== undefined && !existsSync(config.store)) {
    throw new Fault('FAULT_STORE', `${config.store}: there is no such database; nothing has run with this configuration yet`)
  }
  const records = openStore(config, terminal)
  try {
    return await use(records)
  } finally {
    await records.store.close()
  }
}

/** Who sits at the keyboard, as the system knows them. */
export function operator(): string {
  try {
    return `cli:${userInfo().username}`
  } catch {
    return 'cli'
  }
}
