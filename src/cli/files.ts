/** Files and folders that `serve` would not start without, looked at and not touched: told by who checks a configuration. */
import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Config } from '../config/config.ts'
import { openKeyring } from '../config/keyfile.ts'
import type { Doubt } from '../config/names.ts'
import { publicUrlOf } from '../config/public-url.ts'
import { IN_MEMORY } from '../config/store.ts'
import { readTlsFiles, readUpstreamTls } from '../face/tls-files.ts'

/** What would keep `serve` from starting, as far as it can be seen from here and by this user. */
export function doubtfulFiles(config: Config, now: number): readonly Doubt[] {
  return [...doubtfulStore(config), ...doubtfulAudit(config), ...doubtfulTls(config, now)].map(({ path, told }) => ({
    path,
    told: `serve does not start: ${told}`,
  }))
}

function doubtfulStore({ store, redis, keyFile }: Config): readonly Doubt[] {
  const found: Doubt[] = []
  if (redis === undefined && store !== IN_MEMORY) found.push(...about(['store'], unwritable(store, true)))
  for (const [name, path] of Object.entries(redis?.tls ?? {})) found.push(...about(['store', name], unreadable(path)))
  if (keyFile !== undefined) found.push(...about(['keyFile'], unusableKey(keyFile)))
  return found
}

function doubtfulAudit({ audit: { file } }: Config): readonly Doubt[] {
  return file === undefined || file === 'stdout' ? [] : about(['audit', 'file'], unwritable(file, false))
}

function doubtfulTls(config: Config, now: number): readonly Doubt[] {
  const { tls, servers } = config
  const flaws = tls === undefined ? [] : readTlsFiles(tls, { host: new URL(publicUrlOf(config)).hostname, now }).flaws
  // What an authority is to make is made at the start; and what would help with files that are missing is no flaw.
  const own = flaws.filter((flaw) => flaw.startsWith('tls') && !flaw.startsWith('tls.acme: ')).map((flaw) => placed(['tls'], 'tls', flaw))
  const theirs = Object.entries(servers).flatMap(([name, server]) => {
    if (server.kind !== 'url' || server.tls === undefined) return []
    try {
      readUpstreamTls(name, server.tls)
      return []
    } catch (error) {
      const place = ['servers', name, 'tls']
      return messageOf(error)
        .split('\n')
        .map((flaw) => placed(place, place.join('.'), flaw))
    }
  })
  return [...own, ...theirs]
}

/** A flaw is told with its setting in front: `tls.key: /etc/key.pem: there is no such file`. */
function placed(path: readonly string[], place: string, flaw: string): Doubt {
  const [, setting, told = flaw] = (flaw.startsWith(place) && /^(?:\.(\w+))?: (.*)$/s.exec(flaw.slice(place.length))) || []
  return { path: setting === undefined ? path : [...path, setting], told }
}

const about = (path: readonly string[], told: string | undefined): readonly Doubt[] => (told === undefined ? [] : [{ path, told }])

/** @param isMade whether folders that are missing are made. */
function unwritable(path: string, isMade: boolean): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found?.isDirectory() === true) return `${path} is a folder, expected a file`
  if (found !== undefined) return mayWrite(path) ? undefined : `${path}: this user may not write it`
  let folder = dirname(path)
  while (isMade && statSync(folder, { throwIfNoEntry: false }) === undefined && folder !== dirname(folder)) folder = dirname(folder)
  const around = statSync(folder, { throwIfNoEntry: false })
  if (around === undefined) return `${folder}: there is no such folder`
  if (!around.isDirectory()) return `${folder} is no folder`
  return mayWrite(folder) ? undefined : `${folder}: this user may not write into it`
}

function mayWrite(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}

function unreadable(path: string): string | undefined {
  try {
    readFileSync(path)
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}

function unusableKey(path: string): string | undefined {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return unwritable(path, true)
  try {
    openKeyring(path, false)
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
