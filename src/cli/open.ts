/** Opens what a command needs of an installation: its configuration, its records. */
import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import type { Config } from '../config/config.ts'
import { openKeyring } from '../config/keyfile.ts'
import { DEFAULT_FILE, loadConfig } from '../config/load.ts'
import { IN_MEMORY } from '../config/store.ts'
import { Fault } from '../core/denial.ts'
import { visible } from '../core/visible.ts'
import { checkInstallation, openStore } from '../guard/open-store.ts'
import { openRecords, type Records } from '../guard/records.ts'
import { note, type Terminal } from './terminal.ts'

/** @param file as given with `-c`, relative to the working folder. @throws Fault `FAULT_CONFIG` */
export function openConfig(file: string | undefined): Config {
  return loadConfig(file ?? DEFAULT_FILE)
}

/** Lends the records to `use` and closes them, however it ends. @throws Fault */
export async function withRecords<T>(config: Config, terminal: Terminal, use: (records: Records) => Promise<T>): Promise<T> {
  checkLasting(config)
  const onFault = (fault: Fault): void => note(terminal, `warning: ${visible(fault.message)}`)
  const records = openRecords(config, { node: 'cli', onFault, clock: terminal.clock, stdout: false })
  try {
    await checkInstallation(records, config)
    return await use(records)
  } finally {
    await records.close()
  }
}

function checkLasting(config: Config): asserts config is Config & { readonly keyFile: string } {
  if (config.keyFile !== undefined) return
  const place = config.file ?? DEFAULT_FILE
  throw new Fault(
    'FAULT_CONFIG',
    `${place}: store: ${IN_MEMORY} dies with its process, so there is nothing to look at or to change from here`,
  )
}

/** Whether something can have run with this configuration. */
export function hasRecords({ keyFile, redis, store }: Config): boolean {
  return keyFile !== undefined && (redis !== undefined || existsSync(store))
}

/** Lends the records for reading; an installation that never ran has none. */
export async function withExisting<T>(
  config: Config,
  terminal: Terminal,
  use: (records: Pick<Records, 'store' | 'keyring'>) => Promise<T>,
): Promise<T> {
  checkLasting(config)
  if (!hasRecords(config)) {
    throw new Fault('FAULT_STORE', `${config.store}: there is no such database; nothing has run with this configuration yet`)
  }
  const records = { store: openStore(config, { clock: terminal.clock }), keyring: openKeyring(config.keyFile) }
  try {
    await checkInstallation(records, config, false)
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
