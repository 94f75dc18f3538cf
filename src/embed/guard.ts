/** createGuard(): the house, opened inside of a server that somebody else wrote. */
import type { Config } from '../config/config.ts'
import { loadConfig, rereading } from '../config/load.ts'
import { publicUrlOf } from '../config/public-url.ts'
import { Denial, Fault } from '../core/denial.ts'
import { following } from '../core/following.ts'
import type { Clock } from '../core/time.ts'
import { visible } from '../core/visible.ts'
import { type Announcement, announcementOf } from '../guard/announce.ts'
import { type House, openHouse } from '../guard/create.ts'
import type { Stations } from '../guard/guard.ts'
import { doubtfulPolicies } from '../guard/law.ts'
import { checkRecords } from '../guard/open-store.ts'
import { createTeller, type Tell } from '../guard/teller.ts'
import { watchLaw } from '../guard/watch.ts'
import { createResources, latestResources, type Resources } from '../identity/resource.ts'
import { SecretStore } from '../store/secrets.ts'
import type { Powers } from './context.ts'
import { checkConfig, checkGuarded, unknownServer } from './mistakes.ts'
import { type Checks, stepsOf } from './steps.ts'
import { UnderWay } from './under-way.ts'

/** A call of a server that the configuration gives no other time. */
const TIMEOUT_MS = 60_000

/** What a guard may be told beside its configuration. */
export interface GuardOptions {
  /**
   * Told of what refuses nothing, a policy that was not taken or a sink that fails, and of what a caller is not told: how the server failed
   * (`cause`). Default: one line on standard error.
   */
  readonly onFault?: (fault: Fault) => void
  /** Default: the machine's. */
  readonly clock?: Clock
  /** Whether history may be written to standard output (`audit.file: stdout`). Not where that speaks MCP. Default: false. */
  readonly stdout?: boolean
}

/** What every wrapper asks for. */
export interface Guarded {
  /** The name of the server in the configuration: `notes` in `notes/write_*`. */
  readonly server: string
  /** What single tools ask of their caller, beside the law. */
  readonly tools?: Checks
}

/** The law, the memory and the history of an installation, around servers in this process. */
export interface Guard extends AsyncDisposable {
  /** The whole inside, for the wrappers. @internal */
  readonly house: House
  /** Where the configuration wants it to listen (`listen`), for a server of your own. */
  readonly listen: Config['listen']
  /** Secrets of the tools', sealed with the key of the installation. */
  readonly secrets: SecretStore
  /** Told of what refuses nothing. */
  readonly onFault: (fault: Fault) => void
  /**
   * Reads the law again: the policies, and `access:` where the file of the configuration is known. Answers whether the new one is in force.
   * Rejects with Fault `FAULT_CLOSED` once the guard is closed.
   */
  reload(): Promise<boolean>
  /**
   * Lets no call begin any more, waits for those under way in every guarded server (`limits.drain`), closes what these hold, then the store.
   * An HTTP server of your own is yours to close: first `close()`, so that nobody new comes, then this, then what connections are left.
   */
  close(): Promise<void>
}

/** What the wrappers have of a guard. */
export interface Post {
  readonly server: string
  readonly timeoutMs: number
  readonly powers: Powers
  readonly steps: Stations
  /** Those of the steps that are under way. */
  readonly underWay: UnderWay
  readonly tell: Tell
  /** Told why a call ended without an answer. The caller learns that the server failed, and no more: its author is told how. */
  readonly onFailure: (error: unknown) => void
  /** What it says of itself as a protected resource. */
  readonly resources: Resources
}

/** Guards made here: what the wrappers need and nobody else. */
const inner = new WeakMap<Guard, Inner>()

interface Inner {
  readonly stations: Stations
  readonly powers: Powers
  readonly announcement: Announcement
  readonly resources: Map<string, Resources>
  readonly closers: Set<() => Promise<void>>
  readonly tell: Tell
  isClosed(): boolean
}

/**
 * Opens the configuration that the gateway would be started with: the same law, the same keys, the same journal.
 * @param config the path of its file, whose `access:` section is read again when it changes; or read already, and then its policies alone are.
 * @throws Fault when it cannot be opened: a server must not start unguarded. TypeError for what is no configuration.
 */
export function createGuard(config: Config | string, options: GuardOptions = {}): Guard {
  checkConfig(config)
  const { onFault = (fault) => console.error(`portcullis: ${fault.message}`), clock, stdout = false } = options
  const settled = typeof config === 'string' ? loadConfig(config) : config
  const house = openHouse(settled, { node: settled.node ?? 'guard', onFault, stdout, ...(clock === undefined ? {} : { clock }) })
  const { journal, law } = house
  const { authentication } = settled
  if (authentication.oauth !== undefined)
    onFault(
      new Fault('FAULT_CONFIG', 'authentication.oauth: a guard issues no tokens, so those of this server are taken by the gateway only'),
    )
  for (const { told } of doubtfulPolicies(settled)) onFault(new Fault('FAULT_POLICY', `access.policies: ${told}`))
  const resources = new Map<string, Resources>()
  house.serveAt((server) => resources.get(server)?.identifiersOf(server) ?? [])
  const watcher = watchLaw(house, { onFault, reread: typeof config === 'string' ? rereading(config) : undefined })
  const closers = new Set<() => Promise<void>>()
  const { stations, opened } = afterStart(house, onFault)
  const close = async (): Promise<void> => {
    watcher.close()
    await Promise.all([...closers].map((end) => end()))
    await opened
    await journal.write({ type: 'gateway.stopped', by: 'guard' }).catch(() => undefined)
    await house.close()
  }
  let closing: Promise<void> | undefined
  const guard: Guard = {
    house,
    listen: settled.listen,
    [Symbol.asyncDispose]: () => guard.close(),
    secrets: new SecretStore(house.store, house.seal),
    onFault,
    reload: async () => {
      if (closing !== undefined) throw closedFault()
      return await watcher.reload()
    },
    close: () => {
      closing ??= close()
      return closing
    },
  }
  inner.set(guard, {
    stations,
    powers: {
      get roles() {
        return law.roles
      },
      history: journal,
    },
    announcement: announcementOf(settled, false),
    resources,
    closers,
    tell: createTeller(onFault, house.clock),
    isClosed: () => closing !== undefined,
  })
  return guard
}

/** Nobody is known before it is known who is blocked. A store that cannot tell is asked again by the next call; until then all are refused. */
function afterStart(house: House, onFault: (fault: Fault) => void): { readonly stations: Stations; readonly opened: Promise<void> } {
  const { stations, limits, journal, law } = house
  let hasStarted = false
  let starting: Promise<void> | undefined
  let isTold = false
  // Behind what is found of the records: a journal with a beginning of ours in it would not be missed.
  const tellStart = (): void => {
    if (isTold) return
    isTold = true
    journal
      .write({ type: 'gateway.started', law: law.revision, detail: 'embedded', by: 'guard' })
      .catch((cause: unknown) => onFault(new Fault('FAULT_STORE', 'the journal does not take the start of the guard', { cause })))
  }
  const start = (): Promise<void> => {
    starting ??= checkRecords(house, onFault)
      .then(() => {
        tellStart()
        return house.start()
      })
      .then(
        () => {
          hasStarted = true
        },
        (cause: unknown) => {
          starting = undefined
          throw cause
        },
      )
    return starting
  }
  // What goes wrong here goes wrong again for whoever calls, and is told there.
  const opened = start().catch(() => undefined)
  const identify: Stations['identify'] = async (credentials, call) => {
    await start()
    const denial = call.origin.address === undefined ? undefined : limits.peek(call.origin.address)
    if (denial !== undefined) throw denial
    return stations.identify(credentials, call)
  }
  return {
    stations: {
      ...stations,
      identify: (credentials, call) => (hasStarted ? stations.identify(credentials, call) : identify(credentials, call)),
    },
    opened,
  }
}

/**
 * From now on tokens for the URLs of the server are tokens for it.
 * @throws RangeError for a name that no server can have; TypeError for another mistake in the options; Fault `FAULT_CLOSED`.
 */
export function postOf(guard: Guard, options: Guarded): Post {
  const { stations, powers, announcement, resources, tell, isClosed } = innerOf(guard)
  checkGuarded(options)
  if (isClosed()) throw closedFault()
  const { server, tools = {} } = options
  const { config, access, clients } = guard.house
  const stranger = resources.has(server) ? undefined : unknownServer(server, config, access())
  if (stranger !== undefined) guard.onFault(stranger)
  const said = {
    publicUrl: publicUrlOf(config),
    servers: [server],
    issuers: config.authentication.issuers.map(({ issuer }) => issuer),
    bindsCertificates: clients.certificateOf !== undefined,
  }
  const own = latestResources(following(access, ({ tools, prompts }) => createResources({ ...said, tools, prompts })))
  resources.set(server, own)
  const written = config.servers[server]
  const timeoutMs = written === undefined || written.kind === 'admin' ? TIMEOUT_MS : written.timeoutMs
  const underWay = new UnderWay(isClosed)
  const steps = underWay.counted(stepsOf(stations, powers, tools, announcement))
  const tellOf: Tell = (kind, fault) => tell(`${server}: ${kind}`, fault)
  const onFailure = (error: unknown): void => {
    if (!(error instanceof Denial) || error.code !== 'upstream_failed' || underWay.isShut) return
    const message = `A call of ${server} failed in the server: ${visible(error.detail)}`
    tellOf('failure', new Fault('FAULT_SERVER', message, { cause: error.cause }))
  }
  return { server, timeoutMs, powers, steps, underWay, tell: tellOf, onFailure, resources: own }
}

/** Closes with the guard, which waits for it, until what is answered is called. */
export function closeWhile(guard: Guard, close: () => Promise<void>): () => void {
  const { closers } = innerOf(guard)
  closers.add(close)
  return () => void closers.delete(close)
}

/** Closes with the guard, which waits for it. Answers how to close before, once. */
export function closeWith(guard: Guard, close: () => Promise<void>): () => Promise<void> {
  let closing: Promise<void> | undefined
  const end = (): Promise<void> => {
    closing ??= close().finally(forget)
    return closing
  }
  const forget = closeWhile(guard, end)
  return end
}

export const closedFault = (): Fault =>
  new Fault(
    'FAULT_CLOSED',
    'The guard, or the server in it, is closed: nothing can be served with it any more; open another with createGuard()',
  )

function innerOf(guard: Guard): Inner {
  const found = inner.get(guard)
  if (found === undefined) throw new TypeError('expected a guard that createGuard() made')
  return found
}
