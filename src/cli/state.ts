/** What a person's own commands keep: their tokens, sealed, in a folder that is theirs alone. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { TokenManager } from '../agent/manager.ts'
import type { TokenManagerOptions } from '../agent/options.ts'
import { sealedStorage } from '../agent/storage.ts'
import { openKeyring } from '../config/keyfile.ts'
import { stateFolder } from '../config/load.ts'
import { openSqlite } from '../store/sqlite.ts'
import type { Terminal } from './terminal.ts'

const ACCOUNT = 'default'

export interface AgentOptions {
  readonly state?: string
  readonly account: string
  readonly allowPrivate?: true
  readonly json?: true
}

/** The options that every command towards other people's servers knows. */
export function agentOptions(command: Command): Command {
  return command
    .option('--account <name>', 'whose tokens, where one person has several at a server', ACCOUNT)
    .option('--allow-private', 'the authorization server may be at a private address')
    .option('--state <folder>', 'where tokens are kept, sealed (default: the state folder of the user)')
    .option('--json', 'answer as JSON')
}

/** Lends a token manager and closes what it stands on, however it ends. @throws Fault `FAULT_KEYFILE`, `FAULT_STORE` */
export async function withManager<T>(
  options: AgentOptions,
  more: TokenManagerOptions,
  terminal: Terminal,
  use: (manager: TokenManager) => Promise<T>,
): Promise<T> {
  const folder = options.state ?? stateFolder()
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const keyring = openKeyring(join(folder, 'agent.key'))
  const store = openSqlite(join(folder, 'agent.db'), { clock: terminal.clock })
  try {
    await using manager = new TokenManager({
      ...more,
      account: options.account,
      storage: sealedStorage(store, keyring.key('agent-tokens')),
      clock: terminal.clock,
      ...(options.allowPrivate === true ? { network: { allowPrivate: true } } : {}),
    })
    return await use(manager)
  } finally {
    await store.close()
  }
}
