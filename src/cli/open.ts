/** Opens what a command needs of an installation: its configuration, its records. */
import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import type { Config } from '../config/config.ts'
import { openKeyring } from '../config/keyfile.ts'
import { DEFAULT_FILE, loadConfig } from '../config/load.ts'
import { IN_MEMORY } from '../config/store.ts'
import { Fault } from '../core/denial.ts'
import { visible } from '../core/visible.ts'
import { beginning, checkInstallation, openStore } from '../guard/open-store.ts'
import { openRecords, type Records } from '../guard/records.ts'
import { note, type Terminal } from './terminal.ts'

/** @param file as given with `-c`, relative to the working folder. @throws Fault `FAULT_CONFIG` */
export function openConfig(file: string | undefined): Config {
  return loadConfig(file ?? DEFAULT_FILE)
}

/** Lends the records of an installation to `use` and closes them, however it ends. @throws Fault `FAULT_STORE` where there is none */
export function withRecords<T>(config: Config, terminal: Terminal, use: (records: Records) => Promise<T>): Promise<T> {
  return lend(config, terminal, use, false)
}

/** The same for what an installation may begin with: a first key, a first user. */
export function withNewRecords<T>(config: Config, terminal: Terminal, use: (records: Records) => Promise<T>): Promise<T> {
  return lend(config, terminal, use, true)
}

async function lend<T>(config: Config, terminal: Terminal, use: (records: Records) => Promise<T>, isFirst: boolean): Promise<T> {
  checkLasting(config)
  if (!isFirst) checkThere(config)
  const onFault = (fault: Fault): void => note(terminal, `warning: ${visible(fault.message)}`)
  const records = openRecords(config, { node: 'cli', onFault, clock: terminal.clock, stdout: false, isFirst })
  try {
    if (await checkInstallation(records, config, isFirst)) note(terminal, beginning(config))
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

/** Looking makes nothing. */
function checkThere(config: Config): void {
  if (hasRecords(config)) return
  throw new Fault('FAULT_STORE', `${config.store}: there is no such database; nothing has run with this configuration yet`)
}

/** Lends the records for reading; an installation that never ran has none. */
export async function withExisting<T>(
  config: Config,
  terminal: Terminal,
  use: (records: Pick<Records, 'store' | 'keyring'>) => Promise<T>,
): Promise<T> {
  checkLasting(config)
  checkThere(config)
  const onFault = (fault: Fault): void => note(terminal, `warning: ${visible(fault.message)}`)
  const records = { store: openStore(config, { clock: terminal.clock, onFault }), keyring: openKeyring(config.keyFile, false) }
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
