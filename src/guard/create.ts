/** openHouse(): the one place where parts are chosen. */
import { globSync, mkdirSync } from 'node:fs'
import { dirname, relative } from 'node:path'
import { createJournal, type Journal } from '../audit/journal.ts'
import { Metrics } from '../audit/metrics.ts'
import { describeArguments } from '../audit/record.ts'
import { type Config, IN_MEMORY } from '../config/config.ts'
import { createKeyring, type Keyring, openKeyring } from '../config/keyfile.ts'
import { Fault } from '../core/denial.ts'
import { createIds } from '../core/id.ts'
import type { Principal } from '../core/principal.ts'
import { createKeyedHash } from '../core/secret.ts'
import type { Clock } from '../core/time.ts'
import { ApiKeys } from '../identity/api-key.ts'
import { createAuthenticator } from '../identity/authenticate.ts'
import type { TokenIssuer } from '../identity/bearer-token.ts'
import { Limits } from '../limit/limits.ts'
import { type Clients, createClients } from '../net/client.ts'
import type { Rules } from '../policy/compile.ts'
import { createEngine, type Engine } from '../policy/engine.ts'
import { readPolicies } from '../policy/load.ts'
import { openSqlite } from '../store/sqlite.ts'
import type { Store } from '../store/store.ts'
import { Turn } from '../store/turn.ts'
import { openAccessTokens } from './access-tokens.ts'
import type { Stations } from './guard.ts'
import { createScreens } from './screens.ts'
import { sinksOf } from './sinks.ts'
import { createStateSeal } from './state.ts'
import { createStations } from './stations.ts'

/** The memory of an installation. It can be opened without the law, so that a key can be revoked while a policy is broken. */
export interface Records {
  readonly store: Store
  readonly keyring: Keyring
  readonly journal: Journal
  readonly keys: ApiKeys
  /** Counted only where somebody may read it: with an admin listener. */
  readonly metrics?: Metrics
  close(): Promise<void>
}

/** Everything that stands behind the line, and the line's stations. */
export interface House extends Records {
  readonly config: Config
  readonly clock: Clock
  readonly newId: () => string
  readonly law: Engine
  readonly limits: Limits
  /** Whose request it is. */
  readonly clients: Clients
  readonly stations: Stations
  /** Tells which URLs are a server's, known once the gateway listens, and our own issuer. Until then no token is for any. */
  serveAt(audiencesOf: (server: string) => readonly string[], own?: TokenIssuer): void
  /** Whether what a principal was recognised by is still good: for streams, which outlive the call that opened them. Who cannot be asked has not said yes. */
  isStanding(principal: Principal): Promise<boolean>
}

export interface HouseOptions {
  /** Who writes into the journal: `gateway`, `cli`. */
  readonly node: string
  /** Told of what refuses nothing: a sink that fails, a policy that was not taken. */
  readonly onFault: (fault: Fault) => void
  readonly clock?: Clock
  /** Milliseconds that only ever go forward; those of the process unless told. */
  readonly steady?: Clock
  /** Whether history may also be written to our standard output; not where that says something else. Default: it may. */
  readonly stdout?: boolean
}

/** @throws Fault when the store or the key file cannot be opened. */
export function openRecords(config: Config, { node, onFault, clock = Date.now, stdout = true }: HouseOptions): Records {
  const metrics = config.admin === undefined ? undefined : new Metrics({ servers: Object.keys(config.servers) })
  const turn = new Turn()
  const store = openStore(config, clock, turn)
  const keyring = config.keyFile === undefined ? createKeyring() : openKeyring(config.keyFile)
  const { checkpointMs } = config.audit
  const journal = createJournal({
    store,
    clock,
    ids: createIds(clock),
    node,
    sinks: [...sinksOf(config, stdout, clock, onFault), ...(metrics === undefined ? [] : [metrics])],
    turn,
    checkpointMs,
    signingKey: keyring.signingKey(),
    headHash: createKeyedHash(keyring.key('journal-head')),
    onFault,
  })
  const { prefix, expiresMs } = config.authentication.apiKeys
  const keys = new ApiKeys({ store, hashKey: keyring.key('api-key'), clock, prefix, expiresMs })
  const close = async (): Promise<void> => {
    await keys.flush()
    await journal.close()
    await store.close()
  }
  return { store, keyring, journal, keys, close, ...(metrics !== undefined && { metrics }) }
}

/** @throws Fault when the law or the records cannot be opened: then nothing starts. */
export function openHouse(config: Config, options: HouseOptions): House {
  const clock = options.clock ?? Date.now
  const law = createEngine(readLaw(config), clock)
  const records = openRecords(config, options)
  const { store, keyring, journal, keys } = records
  const { anonymous } = config.authentication
  const hashArguments = createKeyedHash(keyring.key('arguments'))
  const newId = createIds(clock)
  let audiencesOf: (server: string) => readonly string[] = () => []
  const tokens = openAccessTokens({
    config,
    store,
    keyring,
    clock,
    newId,
    audiencesOf: (server) => audiencesOf(server),
    onEvent: (entry) => void journal.write(entry).catch(() => undefined),
  })
  const schemes = tokens.scheme === undefined ? [keys] : [keys, tokens.scheme]
  const clients = createClients(config.trustedProxies)
  const limits = new Limits({
    rates: config.limits.rates,
    store,
    clock,
    steady: options.steady ?? (() => performance.now()),
    isProxy: clients.isProxy,
    tell: (entry) => journal.write(entry),
  })
  const stations = createStations({
    authenticate: createAuthenticator(schemes, anonymous === undefined ? {} : { anonymous }),
    law,
    history: journal,
    limits,
    keyIdOf: (credential) => keys.idOf(credential),
    store,
    seal: createStateSeal(keyring.key('request-state'), clock),
    describe: (args) => describeArguments(args, hashArguments),
    profile: config.profile,
    clock,
    maxCalls: config.limits.calls.total,
    input: config.inspect.input,
    screen: createScreens({ level: config.inspect.input, tools: config.access.tools }),
    rootless: new Set(
      Object.entries(config.servers).flatMap(([name, server]) => (server.kind === 'command' && !server.roots ? [name] : [])),
    ),
  })
  const close = async (): Promise<void> => {
    await limits.close()
    await tokens.close()
    await records.close()
  }
  const serveAt: House['serveAt'] = (next, own) => {
    audiencesOf = next
    if (own !== undefined) tokens.scheme?.trust(own)
  }
  const isStanding = async (principal: Principal): Promise<boolean> => {
    try {
      if (principal.issuer === 'key') return (await keys.find(principal.subject))?.status === 'active'
      await tokens.scheme?.standing(principal)
      return true
    } catch {
      return false
    }
  }
  return { ...records, config, clock, newId, law, limits, clients, stations, serveAt, isStanding, close }
}

/** The law as it is written now: the `access:` section and the policy files. @throws Fault `FAULT_POLICY`. */
export function readLaw(config: Config): Rules {
  const { policies, ...access } = config.access
  const paths = [...new Set(policies.flatMap((glob) => found(glob)))].sort()
  return { access, files: readPolicies(paths, (path) => relative(config.directory, String(path))) }
}

/** A path without a wildcard that is not there is a mistake; a wildcard may find nothing. */
function found(glob: string): readonly string[] {
  const paths = globSync(glob)
  if (paths.length === 0 && !/[*?[{]/.test(glob)) throw new Fault('FAULT_POLICY', `${glob}: no such policy file`)
  return paths
}

function openStore(config: Config, clock: Clock, turn: Turn): Store {
  if (config.store !== IN_MEMORY) mkdirSync(dirname(config.store), { recursive: true, mode: 0o700 })
  return openSqlite(config.store, { clock, turn })
}
