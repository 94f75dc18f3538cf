/** openHouse(): the one place where parts are chosen. */
import { globSync, mkdirSync } from 'node:fs'
import { dirname, relative } from 'node:path'
import { createJournal, type Journal } from '../audit/journal.ts'
import { describeArguments } from '../audit/record.ts'
import { fileSink, type Sink, streamSink } from '../audit/sinks.ts'
import type { Config } from '../config/config.ts'
import { createKeyring, type Keyring, openKeyring } from '../config/keyfile.ts'
import { IN_MEMORY } from '../config/sealing.ts'
import { Fault } from '../core/denial.ts'
import { createIds } from '../core/id.ts'
import type { Principal } from '../core/principal.ts'
import type { Seal } from '../core/seal.ts'
import { createKeyedHash, type Secret } from '../core/secret.ts'
import type { Clock } from '../core/time.ts'
import { ApiKeys } from '../identity/api-key.ts'
import { createAuthenticator } from '../identity/authenticate.ts'
import type { Bearer } from '../identity/bearer.ts'
import type { TokenIssuer } from '../identity/bearer-token.ts'
import { Certificates } from '../identity/certificate.ts'
import { Limits } from '../limit/limits.ts'
import { type Clients, createClients } from '../net/client.ts'
import type { Rules } from '../policy/compile.ts'
import { createEngine, type Engine } from '../policy/engine.ts'
import { readPolicies } from '../policy/load.ts'
import { openSqlite } from '../store/sqlite.ts'
import type { Store } from '../store/store.ts'
import { Turn } from '../store/turn.ts'
import { openAccessTokens } from './access-tokens.ts'
import { Anomalies, lawOf } from './anomalies.ts'
import { Definitions } from './definitions.ts'
import type { Stations } from './guard.ts'
import { createScreens } from './screens.ts'
import { createStateSeal } from './state.ts'
import { createStations } from './stations.ts'

/** The memory of an installation. It can be opened without the law, so that a key can be revoked while a policy is broken. */
export interface Records {
  readonly store: Store
  readonly keyring: Keyring
  /** Seals what must not be read in a copy of the store. */
  readonly seal: Seal
  readonly journal: Journal
  readonly keys: ApiKeys
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
  /** What is far from usual; absent where nothing is looked for. */
  readonly anomalies?: Anomalies
  /** Tells which URLs are a server's, known once the gateway listens, and our own issuer. Until then no token is for any. */
  serveAt(audiencesOf: (server: string) => readonly string[], own?: TokenIssuer): void
  /** Whether what a principal was recognised by is still good: for streams, which outlive the call that opened them. Who cannot be asked has not said yes. */
  isStanding(principal: Principal): Promise<boolean>
  /** The token that a principal came with, where a server wants it exchanged: for whoever asks for the exchange, and for nobody else. */
  presentedBy(principal: Principal): Secret | undefined
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
/** @param listen more who are told of every event, made once there is a store. */
export function openRecords(
  config: Config,
  { node, onFault, clock = Date.now, stdout = true }: HouseOptions,
  listen: (store: Store) => readonly Sink[] = () => [],
): Records {
  const turn = new Turn()
  const store = openStore(config, clock, turn)
  const keyring = config.keyFile === undefined ? createKeyring() : openKeyring(config.keyFile)
  const seal = config.sealing.records()
  const { checkpointMs } = config.audit
  const journal = createJournal({
    store,
    clock,
    ids: createIds(clock),
    node,
    sinks: [...sinksOf(config, stdout), ...listen(store)],
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
  return { store, keyring, seal, journal, keys, close }
}

/** @throws Fault when the law or the records cannot be opened: then nothing starts. */
export function openHouse(config: Config, options: HouseOptions): House {
  const clock = options.clock ?? Date.now
  const law = createEngine(readLaw(config), clock)
  let anomalies: Anomalies | undefined
  const records = openRecords(config, options, (kept) => {
    anomalies = openAnomalies(config, kept, clock, options.onFault)
    return anomalies === undefined ? [] : [anomalies.sink]
  })
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
  const certificates = certificatesOf(config, clock)
  const schemes = [keys, tokens.scheme, certificates].filter((scheme) => scheme !== undefined)
  const clients = createClients(config.trustedProxies, certificateSourceOf(config))
  const limits = new Limits({
    rates: config.limits.rates,
    store,
    clock,
    steady: options.steady ?? (() => performance.now()),
    isProxy: clients.isProxy,
    tell: (entry) => journal.write(entry),
  })
  const definitions = openDefinitions(config, records, clock, options.onFault)
  const stations = createStations({
    ...(definitions === undefined ? {} : { definitions }),
    ...(anomalies === undefined ? {} : { anomalies }),
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
    rootless: rootlessOf(config),
  })
  const close = async (): Promise<void> => {
    await limits.close()
    await definitions?.close()
    await tokens.close()
    await records.close()
  }
  const serveAt: House['serveAt'] = (next, own) => {
    audiencesOf = next
    if (own !== undefined) tokens.scheme?.trust(own)
  }
  const presentedBy: House['presentedBy'] = (principal) => tokens.scheme?.presentedBy(principal)
  const isStanding = standingOf(keys, tokens.scheme, certificates)
  anomalies?.start(journal.node, (entry) => journal.write(entry))
  const watching = anomalies === undefined ? {} : { anomalies }
  return { ...records, ...watching, config, clock, newId, law, limits, clients, stations, serveAt, isStanding, presentedBy, close }
}

function rootlessOf({ servers }: Config): ReadonlySet<string> {
  return new Set(Object.entries(servers).flatMap(([name, server]) => (server.kind === 'command' && !server.roots ? [name] : [])))
}

function standingOf(keys: ApiKeys, bearer: Bearer | undefined, certificates: Certificates | undefined): House['isStanding'] {
  return async (principal) => {
    try {
      if (principal.issuer === 'key') return (await keys.find(principal.subject))?.status === 'active'
      if (principal.issuer === 'certificate') return certificates?.isStanding(principal) === true
      await bearer?.standing(principal)
      return true
    } catch {
      return false
    }
  }
}

function certificatesOf({ authentication: { certificates } }: Config, clock: Clock): Certificates | undefined {
  const { subject, roles } = certificates ?? {}
  return subject === undefined ? undefined : new Certificates({ subject, roles: roles ?? {}, clock })
}

/** Where no client has a certificate, none is looked for. */
function certificateSourceOf({ tls, authentication: { certificates } }: Config): 'connection' | 'header' | undefined {
  if (certificates?.header === true) return 'header'
  return tls?.clients === undefined ? undefined : 'connection'
}

function openAnomalies(
  { anomalies, profile }: Config,
  store: Store,
  clock: Clock,
  onFault: HouseOptions['onFault'],
): Anomalies | undefined {
  return anomalies === undefined
    ? undefined
    : new Anomalies({ config: anomalies, store, clock, isObserving: profile === 'observe', onFault })
}

function openDefinitions(
  config: Config,
  { store, journal }: Records,
  clock: Clock,
  onFault: HouseOptions['onFault'],
): Definitions | undefined {
  const { pin, quarantine } = config.inspect.definitions
  if (!pin) return undefined
  return new Definitions({
    store,
    clock,
    quarantine,
    write: (entry) => journal.write(entry),
    onHeld: (sentence) => onFault(new Fault('FAULT_PIN', sentence)),
  })
}

/** The law as it is written now: the `access:` section and the policy files. @throws Fault `FAULT_POLICY`. */
export function readLaw(config: Config): Rules {
  const { policies, ...access } = config.access
  const paths = [...new Set(policies.flatMap((glob) => found(glob)))].sort()
  const files = readPolicies(paths, (path) => relative(config.directory, String(path)))
  return { access, files: config.anomalies === undefined ? files : [...lawOf(config.anomalies), ...files] }
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

function sinksOf(config: Config, stdout: boolean): readonly Sink[] {
  const { file } = config.audit
  if (file === undefined) return []
  if (file !== 'stdout') return [fileSink(file)]
  return stdout ? [streamSink('stdout', process.stdout)] : []
}
