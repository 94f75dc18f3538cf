/** The admin listener: pages for people, never on the listener that agents reach. */
import { createPublicKey } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { ADMIN_ROLE } from '../config/admin.ts'
import { adminUrlOf } from '../config/public-url.ts'
import type { Address } from '../config/values.ts'
import { DENIALS, Denial, Fault } from '../core/denial.ts'
import { createKeyedHash } from '../core/secret.ts'
import { createDoor, type Door, unserved } from '../face/door.ts'
import { createGate, type Gate } from '../face/gate.ts'
import { listenAs, listeningOf } from '../face/listening.ts'
import type { House } from '../guard/create.ts'
import { createGuardedFetch } from '../net/fetch.ts'
import type { Listener } from '../net/serve.ts'
import { rightsOf } from '../policy/roles.ts'
import { privateOrigins, signInOptions } from './authorization.ts'
import { createCatalog } from './drift.ts'
import { metricsRoute } from './metrics.ts'

/** @throws Fault `FAULT_LISTEN` when the address is taken: then nothing starts. */
export async function openAdmin(house: House, { host, port }: Address, onFault: (fault: Fault) => void): Promise<Listener> {
  const { config, store, clock, keyring, journal, approvals, clients, law, keys, limits, metrics, anomalies } = house
  // Loaded only where they are used.
  const [{ createDashboard }, { Accounts }, { createAttempts }, { Clients }] = await Promise.all([
    import('../dashboard/dashboard.ts'),
    import('../oauth/accounts.ts'),
    import('../oauth/attempts.ts'),
    import('../oauth/clients.ts'),
  ])
  let handle: (request: IncomingMessage, response: ServerResponse) => void = (_request, response) => void response.destroy()
  const listener = await listenAs('admin', { ...listeningOf(config, onFault), host, port }, (request, response) =>
    handle(request, response),
  )
  const url = adminUrlOf(config, { host, port: listener.port })
  const elsewhere = await openSignIns(house, url)
  const dashboard = createDashboard({
    approvals,
    accounts: new Accounts(store, clock),
    attempts: createAttempts(store, clock, keyring.key('oauth-cookies')),
    ...(elsewhere === undefined ? {} : { signIns: elsewhere.signIns }),
    store,
    clock,
    isApprover: (held) => config.approval.approvers.some((role) => rightsOf(held, law.roles).roles.has(role)),
    isAdmin: (held) => rightsOf(held, law.roles).roles.has(ADMIN_ROLE),
    keys,
    clients: new Clients(store, clock),
    blocks: limits.blocks,
    ...(anomalies === undefined ? {} : { reactions: anomalies.reactions }),
    ...(config.inspect.definitions.pin ? { catalog: createCatalog(house) } : {}),
    law,
    servers: Object.keys(config.servers),
    ...(config.authentication.anonymous === undefined ? {} : { anonymousRoles: config.authentication.anonymous.roles }),
    journalKey: createPublicKey(keyring.signingKey()),
    headHash: createKeyedHash(keyring.key('journal-head')),
    ...(config.approval.notify === undefined ? {} : { secret: config.approval.notify.secret }),
    pagesKey: keyring.key('admin-pages'),
    isSecure: url.startsWith('https:'),
    addressOf: clients.addressOf,
    tell: (entry) => journal.write(entry),
    onFault,
  })
  const onForeignHost = (foreign: string): void => onFault(new Fault('FAULT_CONFIG', unserved(foreign, 'adminUrl')))
  const door = createDoor({ publicUrl: url, allowedHosts: [], allowedOrigins: [], onForeignHost })
  const gate = createGate(house, onFault)
  const numbers = metrics && metricsRoute(url, metrics, house)
  handle = (request, response) => {
    if (numbers !== undefined && request.url === '/metrics') return numbers(request, response)
    const denial = refusalOf(request, door, gate)
    if (denial === undefined) return dashboard.handle(request, response)
    tellRefused(house, request, denial)
    response
      .writeHead(DENIALS[denial.code].status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' })
      .end(denial.message)
  }
  house.showAt(url)
  const close = (graceMs: number): Promise<void> => {
    // Live pages never end by themselves.
    dashboard.close()
    void elsewhere?.close()
    return listener.close(graceMs)
  }
  return { ...listener, close }
}

/** Other providers where people may sign in; undefined where none is configured. */
async function openSignIns({ config, store, clock, keyring, journal }: House, url: string) {
  if (config.adminSignIn.length === 0) return undefined
  // Loaded only where they are used.
  const [{ SignIns }, { deriveKey }] = await Promise.all([import('../oauth/sign-in.ts'), import('../oauth/derive.ts')])
  const issuerFetch = createGuardedFetch({ allowPrivate: privateOrigins({ signIn: config.adminSignIn, assertions: [] }) })
  const signIns = new SignIns(
    {
      callback: new URL(`${url}/sign-in/back`),
      signIn: config.adminSignIn.map(signInOptions),
      store,
      clock,
      issuerFetch,
      onEvent: (entry) => journal.write(entry),
    },
    deriveKey(keyring.key('admin-pages'), 'sign-in'),
  )
  return { signIns, close: () => issuerFetch.close() }
}

function tellRefused({ clients, journal }: House, request: IncomingMessage, { code, detail }: Denial): void {
  const address = clients.addressOf(request)
  const said = { outcome: 'denied', transport: 'http', denial: code, detail: `admin: ${detail}` } as const
  void journal.write({ type: 'call.ended', ...said, ...(address === undefined ? {} : { address }) }).catch(() => undefined)
}

function refusalOf(request: IncomingMessage, door: Door, gate: Gate): Denial | undefined {
  const shut = gate.check(request, request.url ?? '')
  if (shut !== undefined) return shut
  try {
    // A browser says `Origin: null` of our own forms, because our pages name no referrer (Fetch §3.2): the pages know their own.
    door.check({ headers: { host: request.headers.host }, rawHeaders: request.rawHeaders })
    return undefined
  } catch (error) {
    return Denial.from(error)
  }
}
