/** Connections to Redis through its client: one server, the primary that Sentinel names, or a Cluster. The client is loaded when it is needed. */
import { readFileSync } from 'node:fs'
import { Fault } from '../core/denial.ts'
import type { Secret } from '../core/secret.ts'

export interface RedisPlace {
  readonly host: string
  readonly port: number
}

/** Where the store is, and as whom. */
export interface RedisSettings {
  readonly kind: 'single' | 'sentinel' | 'cluster'
  /** One, or the first Sentinels or nodes to ask. */
  readonly places: readonly [RedisPlace, ...RedisPlace[]]
  /** What Sentinel calls the primary. */
  readonly primary?: string
  readonly database: number
  readonly username?: string
  readonly password?: Secret
  /** Paths of PEM files; absent: no TLS. */
  readonly tls?: { readonly ca?: string; readonly certificate?: string; readonly key?: string }
  /** In front of every key. */
  readonly prefix: string
  /** How long one verb may take. */
  readonly timeoutMs: number
}

export type Argument = string | Buffer

/** An open connection. */
export interface Connection {
  readonly isReady: boolean
  /** @param key says which node of a Cluster is asked. */
  send(key: string, words: readonly Argument[]): Promise<unknown>
  /** What every server that takes writes says of its memory. */
  memory(): Promise<readonly unknown[]>
  destroy(): void
}

const KEEPS = 'noeviction'
const MEMORY = ['INFO', 'memory'] as const
const RECONNECT_FIRST_MS = 50
const RECONNECT_LONGEST_MS = 1_000
/** A Cluster whose node does not come back is asked who has its slots now. */
const TOPOLOGY_AFTER_MS = 500
const SENTINEL_SCAN_MS = 2_000
/** Redis says where a key went at most so often in a row, or it does not know itself. */
const REDIRECTS_MAX = 8
const REDISCOVERS_MAX = 3

type Client = typeof import('@redis/client')

/** What one connection is made of. */
interface Plan {
  readonly settings: RedisSettings
  readonly node: ReturnType<typeof nodeOptions>
  readonly onError: (error: unknown) => void
}

/** No deadline of the client's: it would end what waits to be sent, never what was sent. */
const COMMANDS = { timeout: 0 }

const CONNECT: Readonly<Record<RedisSettings['kind'], (client: Client, plan: Plan) => Promise<Connection>>> = {
  single: connectServer,
  cluster: connectCluster,
  sentinel: connectSentinel,
}

/**
 * @param onError told what went wrong with the connection; it comes back by itself.
 * @throws Fault `FAULT_STORE` when the client is not installed; whatever the client throws when nobody answers.
 */
export async function connectRedis(settings: RedisSettings, onError: (error: unknown) => void): Promise<Connection> {
  const client = await loadClient()
  let wasReady = false
  // What never was is told at once: whoever asked tries again.
  const node = nodeOptions(settings, (tries) => wasReady && Math.min(RECONNECT_LONGEST_MS, RECONNECT_FIRST_MS * 2 ** Math.min(tries, 8)))
  const connection = await CONNECT[settings.kind](client, { settings, node, onError })
  wasReady = true
  return connection
}

async function connectServer({ createClient }: Client, { settings, node, onError }: Plan): Promise<Connection> {
  const { socket, ...rest } = node
  const { database, places } = settings
  const client = createClient({ ...rest, database, commandOptions: COMMANDS, socket: { ...socket, ...places[0] } })
  client.on('error', onError)
  await client.connect()
  return {
    get isReady() {
      return client.isReady
    },
    send: (_key, words) => client.sendCommand(words),
    memory: async () => [await client.sendCommand(MEMORY)],
    destroy: () => client.destroy(),
  }
}

async function connectCluster({ createCluster }: Client, { settings, node, onError }: Plan): Promise<Connection> {
  const { RESP, ...defaults } = node
  const cluster = createCluster({
    RESP,
    rootNodes: settings.places.map((place) => ({ ...defaults, socket: { ...defaults.socket, ...place } })),
    defaults,
    commandOptions: COMMANDS,
    maxCommandRedirections: REDIRECTS_MAX,
    topologyRefreshOnReconnectionAttemptStrategy: TOPOLOGY_AFTER_MS,
  })
  cluster.on('error', onError).on('node-error', onError)
  await cluster.connect()
  return {
    isReady: true,
    send: (key, words) => cluster.sendCommand(key, false, [...words]),
    memory: () => Promise.all(cluster.masters.map(async (primary) => (await cluster.nodeClient(primary)).sendCommand(MEMORY))),
    destroy: () => cluster.destroy(),
  }
}

async function connectSentinel({ createSentinel }: Client, { settings, node, onError }: Plan): Promise<Connection> {
  const { RESP, ...defaults } = node
  const { username: _user, password: _password, ...open } = defaults
  const sentinel = createSentinel({
    RESP,
    name: settings.primary ?? '',
    sentinelRootNodes: [...settings.places],
    nodeClientOptions: { ...defaults, database: settings.database },
    sentinelClientOptions: open,
    commandOptions: COMMANDS,
    reserveClient: true,
    maxCommandRediscovers: REDISCOVERS_MAX,
    scanInterval: SENTINEL_SCAN_MS,
    passthroughClientErrorEvents: true,
  })
  sentinel.on('error', onError).on('client-error', onError)
  await sentinel.connect()
  return {
    get isReady() {
      return sentinel.isOpen
    },
    send: (_key, words) => sentinel.sendCommand(false, [...words]),
    memory: async () => [await sentinel.sendCommand(false, [...MEMORY])],
    destroy: () => void sentinel.destroy().catch(() => undefined),
  }
}

/**
 * Under any other policy a Redis that is full forgets what it likes, a revocation as soon as a replay marker. Who may not ask is believed.
 * @throws Fault `FAULT_STORE` (rejects)
 */
export async function checkKeeps(connection: Connection): Promise<void> {
  for (const said of await connection.memory().catch(() => [])) {
    const [, limit = '0'] = /^maxmemory:(\d+)/m.exec(String(said)) ?? []
    const [, policy = KEEPS] = /^maxmemory_policy:(\S+)/m.exec(String(said)) ?? []
    if (limit === '0' || policy === KEEPS) continue
    throw new Fault(
      'FAULT_STORE',
      `Redis may forget revocations when it is full (maxmemory-policy ${policy}): set maxmemory-policy ${KEEPS}`,
    )
  }
}

/** Answers as arrays and texts (RESP2), and nothing kept back for later: who cannot be asked now is told so. */
function nodeOptions(settings: RedisSettings, reconnectStrategy: (retries: number) => number | false) {
  const { username, password, tls, timeoutMs } = settings
  return {
    RESP: 2 as const,
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: 'disabled' as const,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password: password.reveal() }),
    socket: {
      connectTimeout: timeoutMs,
      reconnectStrategy,
      ...(tls === undefined ? {} : { tls: true as const, ...readTls(tls) }),
    },
  }
}

function readTls({ ca, certificate, key }: NonNullable<RedisSettings['tls']>): { ca?: Buffer; cert?: Buffer; key?: Buffer } {
  return {
    ...(ca === undefined ? {} : { ca: readFileSync(ca) }),
    ...(certificate === undefined ? {} : { cert: readFileSync(certificate) }),
    ...(key === undefined ? {} : { key: readFileSync(key) }),
  }
}

/** Five megabytes that only this store needs: an optional peer. */
async function loadClient(): Promise<Client> {
  try {
    return await import('@redis/client')
  } catch (cause) {
    throw new Fault('FAULT_STORE', 'A store in Redis needs its client: npm install @redis/client', { cause })
  }
}
