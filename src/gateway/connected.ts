/** Accounts that users have connected at servers: kept sealed by server and user, listed, renewed, ended. */
import { TokenManager } from '../agent/manager.ts'
import type { SignInGrant } from '../agent/options.ts'
import { TokenRecords } from '../agent/record.ts'
import type { TokenStorage } from '../agent/storage.ts'
import type { Config } from '../config/config.ts'
import type { CredentialConfig } from '../config/credentials.ts'
import type { ServerConfig } from '../config/servers.ts'
import { isObject } from '../core/json.ts'
import type { House } from '../guard/create.ts'
import { KEYS } from '../store/keys.ts'

export type ConnectionConfig = CredentialConfig & { readonly kind: 'connection' }
type Parts = Pick<House, 'store' | 'seal' | 'clock'>

/** A server whose users connect accounts. */
export interface ConnectedServer {
  readonly name: string
  readonly url: string
  readonly config: ConnectionConfig
}

/** Undefined: nobody connects an account there. */
export function connectedServer(name: string, server: ServerConfig): ConnectedServer | undefined {
  if (server.kind !== 'url' || server.credential?.kind !== 'connection') return undefined
  return { name, url: server.url, config: server.credential }
}

export function connectedServers({ servers }: Pick<Config, 'servers'>): ReadonlyMap<string, ConnectedServer> {
  const all = Object.entries(servers).map(([name, server]) => connectedServer(name, server))
  return new Map(all.flatMap((server) => (server === undefined ? [] : [[server.name, server] as const])))
}

/** What may be told of a connection. */
export interface ConnectionView {
  readonly server: string
  /** `issuer#subject` */
  readonly principal: string
  readonly scopes: readonly string[]
  /** Milliseconds since the epoch: when its token was got, and when it ends. */
  readonly renewedAt?: number
  readonly expiresAt?: number
}

/** What the agent's side keeps for one user at one server. As whom the gateway is known there is the same for all of them. */
function connectionStorage({ store, seal }: Parts, server: string, principal: string): TokenStorage {
  const placeOf = (name: string): string =>
    name.startsWith('["client",') ? KEYS.connectionClient(server, name) : KEYS.connection(server, principal, name)
  return {
    async get(name) {
      const place = placeOf(name)
      const sealed = await store.get(place)
      return typeof sealed === 'string' ? seal.open(sealed, place) : undefined
    },
    async put(name, text) {
      const place = placeOf(name)
      await store.put(place, seal.seal(text, place))
    },
    async delete(name) {
      await store.take(placeOf(name))
    },
  }
}

/** @param grant how a person is asked; absent: nobody is. */
export function connectionManager(
  { name, url, config }: ConnectedServer,
  principal: string,
  parts: Parts,
  grant?: SignInGrant,
): TokenManager {
  const { issuer, clientId, clientSecret, scopes, allowPrivate } = config
  const isRegistered = issuer !== undefined && clientId !== undefined
  const secret = clientSecret === undefined ? {} : { secret: clientSecret }
  const origins = [url, ...(issuer === undefined ? [] : [issuer])].map((one) => new URL(one).origin)
  return new TokenManager({
    grant: grant ?? { kind: 'stored' },
    account: principal,
    storage: connectionStorage(parts, name, principal),
    clock: parts.clock,
    scopes,
    identity: { name: 'Portcullis' },
    ...(isRegistered ? { client: { id: clientId, issuer, ...secret } } : {}),
    // What the server names as its issuer leads to private addresses only where the operator named it, too.
    network: { allowPrivate: allowPrivate ? origins : false },
  })
}

/** Whether there is anything of theirs, good or not. */
export async function isConnected({ name, url }: ConnectedServer, principal: string, parts: Parts): Promise<boolean> {
  return (await new TokenRecords(connectionStorage(parts, name, principal), principal).place(new URL(url))) !== undefined
}

/** Ends it where it was issued, as far as that can be done, and here in any case. @returns whether there was one. */
export async function endConnection(server: ConnectedServer, principal: string, parts: Parts): Promise<boolean> {
  {
    await using manager = connectionManager(server, principal, parts)
    await manager.forget(server.url).catch(() => undefined)
  }
  let isThere = false
  const prefix = KEYS.connection(server.name, principal, '')
  for (let page = await parts.store.list(prefix); page.length > 0; page = await parts.store.list(prefix)) {
    isThere = true
    for (const { key } of page) await parts.store.take(key)
  }
  return isThere
}

/** By server and user. */
export async function listConnections({ store, seal }: Pick<Parts, 'store' | 'seal'>): Promise<readonly ConnectionView[]> {
  const found = new Map<string, ConnectionView>()
  for (let page = await store.list(KEYS.connections); page.length > 0; ) {
    for (const { key, value } of page) {
      const [, server = '', principal = '', name = ''] = key.split('/').map(partOf)
      const isTokens = name.startsWith('["tokens",')
      const before = found.get(`${server}/${principal}`) ?? { server, principal, scopes: [] }
      const said = isTokens && typeof value === 'string' ? toldBy(seal.open(value, key)) : {}
      found.set(`${server}/${principal}`, { ...before, ...said })
    }
    page = await store.list(KEYS.connections, { after: page.at(-1)?.key ?? '' })
  }
  return [...found.values()]
}

/** A part of a key, read back; one that is no percent-encoding is shown as it lies there. */
function partOf(encoded: string): string {
  try {
    return decodeURIComponent(encoded)
  } catch {
    return encoded
  }
}

/** Of what is kept, all but what can be used. */
function toldBy(text: string): Partial<ConnectionView> {
  const kept: unknown = JSON.parse(text)
  if (!isObject(kept)) return {}
  const { scopes, obtainedAt, expiresAt } = kept
  return {
    ...(Array.isArray(scopes) ? { scopes: scopes.filter((scope) => typeof scope === 'string') } : {}),
    ...(typeof obtainedAt === 'number' ? { renewedAt: obtainedAt } : {}),
    ...(typeof expiresAt === 'number' ? { expiresAt } : {}),
  }
}
