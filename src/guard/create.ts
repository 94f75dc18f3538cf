/** openHouse(): the one place where parts are chosen. */
import { describeArguments } from '../audit/record.ts'
import type { Config } from '../config/config.ts'
import { Fault } from '../core/denial.ts'
import { following } from '../core/following.ts'
import { createIds } from '../core/id.ts'
import type { JsonObject } from '../core/json.ts'
import type { Credential, Principal } from '../core/principal.ts'
import { createKeyedHash, type Secret } from '../core/secret.ts'
import type { Clock } from '../core/time.ts'
import { createAuthenticator, createPresume } from '../identity/authenticate.ts'
import type { TokenIssuer } from '../identity/bearer-token.ts'
import { Limits } from '../limit/limits.ts'
import { type Clients, createClients } from '../net/client.ts'
import { openAccessTokens } from './access-tokens.ts'
import { type Anomalies, openAnomalies } from './anomalies.ts'
import { Withheld } from './capabilities.ts'
import { certificateSourceOf, certificatesOf } from './certificates.ts'
import { Definitions } from './definitions.ts'
import { withFlow } from './flow.ts'
import { createBudget } from './flow-budget.ts'
import type { Stations } from './guard.ts'
import { withHandles } from './handles.ts'
import { createHistorySecrets } from './history-secrets.ts'
import type { Screen } from './inspector.ts'
import { type Legislation, openLegislation } from './law.ts'
import { keyPrefixesOf } from './outlet.ts'
import { openPeople } from './people.ts'
import { type HouseOptions, openRecords, type Records } from './records.ts'
import { createScreens } from './screens.ts'
import { standingOf } from './standing.ts'
import { createStateSeal } from './state.ts'
import { createStations } from './stations.ts'

/** Everything that stands behind the line, and the line's stations. */
export interface House extends Records, Legislation {
  /** As it was when everything was opened: of the `access:` section `access()` tells what is in force. */
  readonly config: Config
  readonly clock: Clock
  readonly newId: () => string
  readonly limits: Limits
  /** Whose request it is. */
  readonly clients: Clients
  readonly stations: Stations
  /** What is far from usual; absent where nothing is looked for. */
  readonly anomalies?: Anomalies
  /** Learns who is turned away and held, and follows it from now on. Nobody is let in before. @throws Fault `FAULT_STORE` */
  start(): Promise<void>
  /** Tells which URLs are a server's, known once the gateway listens, and our own issuer. Until then no token is for any. */
  serveAt(audiencesOf: (server: string) => readonly string[], own?: TokenIssuer): void
  /** Tells where people approve: the admin listener, once it stands. */
  showAt(url: string): void
  /** Whether what a principal was recognised by is still good: for streams, which outlive the call that opened them. Who cannot be asked has not said yes. */
  isStanding(principal: Principal): Promise<boolean>
  /** The token that a principal came with, where a server wants it exchanged: for whoever asks for the exchange, and for nobody else. */
  presentedBy(principal: Principal): Secret | undefined
}

/** @throws Fault when the law or the records cannot be opened: then nothing starts. */
export function openHouse(config: Config, options: HouseOptions): House {
  const clock = options.clock ?? Date.now
  const legislation = openLegislation(config, clock)
  const { law, access } = legislation
  const { records, anomalies } = openWatched(config, options, clock)
  const { store, keyring, journal, keys, approvals } = records
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
  const limits = limitsOf(config, access, records, options, clients)
  const people = openPeople({ config, approvals, clock, onFault: options.onFault })
  const definitions = openDefinitions(config, records, clock, options.onFault)
  const authenticate = createAuthenticator(schemes, config.authentication)
  const line = createStations({
    ...stationsOf(config, access, records, clock, options.onFault),
    ...(definitions === undefined ? {} : { definitions }),
    ...(anomalies === undefined ? {} : { anomalies }),
    authenticate,
    law,
    limits,
    presume: config.redis === undefined ? undefined : createPresume(schemes),
    pageOf: people.pageOf,
    notify: people.notify,
  })
  const stations = withHandles(withFlow(line, { config, store, clock, isRead: () => law.readsFlow }), { config, store, clock, keyring })
  const close = async (): Promise<void> => {
    await limits.close()
    await anomalies?.reactions.close()
    await people.close()
    await definitions?.close()
    await tokens.close()
    await records.close()
  }
  const serveAt: House['serveAt'] = (next, own) => {
    audiencesOf = next
    if (own !== undefined) tokens.scheme?.trust(own)
  }
  anomalies?.watch(journal.node, (entry) => journal.write(entry))
  return {
    ...records,
    ...(anomalies === undefined ? {} : { anomalies }),
    config,
    clock,
    newId,
    ...legislation,
    limits,
    clients,
    stations,
    serveAt,
    showAt: people.showAt,
    start: async () => void (await Promise.all([limits.start(), anomalies?.reactions.start(), voided(approvals, law.revision)])),
    isStanding: standingOf(keys, tokens.scheme, certificates),
    presentedBy: (principal) => tokens.scheme?.presentedBy(principal),
    close,
  }
}

/** What was approved under another law, before this process. Where the store is away the sweep does it: nothing is approved before it is there. */
function voided(approvals: Records['approvals'], law: string): Promise<void> {
  return approvals.enacted(law).catch(() => undefined)
}

function limitsOf(
  config: Config,
  access: House['access'],
  { store, journal }: Records,
  { clock = Date.now, steady }: HouseOptions,
  clients: Clients,
): Limits {
  return new Limits({
    rates: config.limits.rates,
    roles: () => access().roles,
    store,
    clock,
    steady: steady ?? (() => performance.now()),
    isProxy: clients.isProxy,
    observing: config.profile === 'observe',
    tell: (entry) => journal.write(entry),
  })
}

/** Memory, and who looks at all that is written down. */
function openWatched(
  config: Config,
  options: HouseOptions,
  clock: Clock,
): { readonly records: Records; readonly anomalies: Anomalies | undefined } {
  let anomalies: Anomalies | undefined
  const tidy = createHistorySecrets(keyPrefixesOf(config.authentication))
  const records = openRecords(config, { spools: true, tidy, ...options }, (kept) => {
    anomalies = openAnomalies(config, kept, clock, options.onFault)
    return anomalies === undefined ? [] : [anomalies.sink]
  })
  return { records, anomalies }
}

/** What the line's stations have of the configuration and of memory. */
function stationsOf(
  { profile, limits, inspect, servers, authentication, flow }: Config,
  access: House['access'],
  { store, keyring, journal, keys, approvals }: Records,
  clock: Clock,
  onFault: HouseOptions['onFault'],
) {
  const hashArguments = createKeyedHash(keyring.key('arguments'))
  const screens = following(access, ({ tools }) => createScreens({ level: inspect.input, tools }))
  const screen: Screen = (call, inputSchema) => screens()(call, inputSchema)
  return {
    history: journal,
    approvals,
    keyIdOf: (credential: Credential) => keys.idOf(credential),
    store,
    seal: createStateSeal(keyring.key('request-state'), clock),
    describe: (args: JsonObject) => describeArguments(args, hashArguments),
    profile,
    clock,
    maxCalls: limits.calls.total,
    timeoutOf: (name: string): number | undefined => {
      const server = servers[name]
      return server === undefined || server.kind === 'admin' ? undefined : server.timeoutMs
    },
    onUnusable: (sentence: string) => onFault(new Fault('FAULT_DEFINITION', sentence)),
    budget: createBudget(flow, store, clock),
    input: inspect.input,
    output: { ...inspect.output, keyPrefixes: keyPrefixesOf(authentication) },
    screen,
    connected: new Set(
      Object.entries(servers).flatMap(([name, server]) =>
        server.kind === 'url' && server.credential?.kind === 'connection' ? [name] : [],
      ),
    ),
    withheld: new Withheld(servers),
  }
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
