/** Forty secrets are planted where secrets belong, everything is used, and then everything that was written, sent or shown is searched for them. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { loadConfig, loadSealing } from '../../src/config/load.ts'
import { parsePath } from '../../src/config/places.ts'
import { sealValue } from '../../src/config/sealed.ts'
import { Secret } from '../../src/core/secret.ts'
import { createGateway, type Gateway } from '../../src/gateway/gateway.ts'
import { Accounts } from '../../src/oauth/accounts.ts'
import { SecretStore } from '../../src/store/secrets.ts'
import { Browser as Window } from '../dashboard/form-browser.ts'
import { post } from '../fixtures/gateway.ts'
import { REDIS_MISSING, startRedis } from '../fixtures/redis.ts'
import { aBareUpstream, text } from '../fixtures/upstream.ts'
import { Browser, obtainTokens, refreshOnce, register } from '../oauth/world.ts'
import { collect, disguises, dumpRedis, listen, openPages, type Place } from './planted-places.ts'

const PLANTED = 40
/** In hexadecimal nobody's name stands: a password that holds its user's is refused. */
const made = (): string => randomBytes(24).toString('hex')
/** In the arguments of a call that somebody must approve. */
const APPROVED = made()
/** Where those see it whole who decide: the page of that call, and the notice to them. */
const APPROVERS = /^(page \/approvals\/.|collector \/notice$)/

interface Installation {
  readonly folder: string
  readonly file: string
}

interface Addresses {
  readonly url: string
  readonly admin: string
}

interface Around {
  readonly upstream: string
  readonly collector: string
  /** As the configuration says where everything is remembered. */
  readonly store: (sealed: (place: string, secret?: string) => string) => string
}

/** Values in the configuration: sealed where it can take that, and one from the environment. */
function configure(t: TestContext, { upstream, collector, store }: Around, plant: (secret?: string) => string): Installation {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-planted-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'portcullis.yaml')
  writeFileSync(file, '')
  const seal = loadSealing(file).values(true)
  const sealed = (place: string, secret?: string): string => JSON.stringify(sealValue(seal, plant(secret), parsePath(place) ?? []))
  const client = (place: string): string =>
    `tokenUrl: "http://127.0.0.1:9/t", clientId: gw, allowPrivate: true, clientSecret: ${sealed(place)}`
  writeFileSync(
    file,
    `listen: 127.0.0.1:0
admin: 127.0.0.1:0
store: ${store(sealed)}
servers:
  header: { url: "${upstream}", credential: { header: { name: X-Key, value: ${sealed('servers.header.credential.header.value')} } } }
  key: { url: "${upstream}", credential: { apiKey: ${sealed('servers.key.credential.apiKey')} } }
  machine: { url: "${upstream}", credential: { clientCredentials: { ${client('servers.machine.credential.clientCredentials.clientSecret')} } } }
  exchange: { url: "${upstream}", credential: { tokenExchange: { ${client('servers.exchange.credential.tokenExchange.clientSecret')} } } }
  local: { command: [node, "-e", "process.stderr.write(process.env.TOKEN)"], credential: { environment: { TOKEN: ${sealed('servers.local.credential.environment.TOKEN')} } } }
authentication:
  jwtSecret: ${sealed('authentication.jwtSecret')}
  issuers: [{ issuer: "https://a.example", introspection: { clientId: gw, clientSecret: ${sealed('authentication.issuers[0].introspection.clientSecret')} } }]
  oauth: { signIn: [{ name: Other, issuer: "https://b.example", clientId: gw, clientSecret: ${sealed('authentication.oauth.signIn[0].clientSecret')} }] }
access: { roles: { user: { permissions: ["*"] }, admin: { permissions: ["*"] } }, tools: { "*": { permission: tools:use, scope: "tools:read" }, delete: { approval: true } } }
inspect: { input: off }
approval: { notify: { webhook: "${collector}/notice", secret: ${sealed('approval.notify.secret')}, allowPrivate: true } }
audit: { file: audit.jsonl, otlp: "${collector}", webhook: { url: "${collector}/batch", secret: ${sealed('audit.webhook.secret')} } }
telemetry: { traces: "${collector}" }
`,
  )
  return { folder, file }
}

/** Everybody comes with what they have, right and wrong. @returns what they were answered and shown. */
async function use({ house }: Gateway, { url, admin }: Addresses, plant: (secret?: string) => string): Promise<readonly Place[]> {
  const shown: Place[] = []
  const call = async (server: string, headers: Readonly<Record<string, string>>, args = {}, name = 'echo'): Promise<void> => {
    const reply = await post(`${url}/mcp/${server}`, 'tools/call', { name, arguments: args }, headers)
    shown.push([`answer of ${server}`, JSON.stringify([reply.body, [...reply.headers]])])
  }
  for (let at = 0; at < 4; at++) {
    const { text: key } = await house.keys.create({ name: `key ${at}`, roles: ['user'], allow: [], createdBy: 'test' })
    const mine = { 'x-api-key': plant(key.reveal()) }
    for (const server of ['header', 'key', 'machine', 'exchange', ...(at === 0 ? ['local'] : [])]) await call(server, mine)
    // An argument is the caller's business, and in history only as a shape.
    await call('header', mine, { password: plant() })
    if (at === 0) await call('header', mine, { password: plant(APPROVED) }, 'delete')
  }
  const secrets = new SecretStore(house.store, house.seal)
  for (let at = 0; at < 10; at++) await secrets.put(`secret-${at}`, plant())
  for (const name of ['ann', 'ben']) {
    const password = plant()
    await new Accounts(house.store, house.clock).add(name, new Secret(password), ['user', ...(name === 'ann' ? ['admin'] : [])])
    const world = { issuer: url, resource: `${url}/mcp/header` }
    const client = await register(world)
    const browser = new Browser(password)
    const tokens = await obtainTokens(world, { client, scope: 'tools:read' }, browser, name)
    const session = browser.cookie('portcullis_session') ?? ''
    const renewed = (await refreshOnce(world, client, tokens.refresh)).body
    for (const secret of [tokens.access, tokens.refresh, session, String(renewed['access_token']), String(renewed['refresh_token'])])
      plant(secret)
    for (const server of ['header', 'exchange']) await call(server, { authorization: `Bearer ${tokens.access}` })
    shown.push(...browser.pages.map(({ url: at, html }): Place => [`page ${at}`, html]))
    if (name !== 'ann') continue
    const window = new Window(admin)
    await window.signIn(name, password, '/')
    plant(window.cookie.split('=')[1])
    shown.push(...(await openPages(window)), ['metrics', await (await fetch(`${admin}/metrics`)).text()])
  }
  // Guesses are somebody's real credential, mistyped.
  for (let at = 0; at < 4; at++) await call('header', at % 2 === 0 ? { 'x-api-key': plant() } : { authorization: `Bearer ${plant()}` })
  return shown
}

/** Where everything is remembered, and a dump of it beside the files. */
async function openStore(
  kind: 'a file' | 'Redis',
  t: TestContext,
  password: string,
): Promise<Pick<Around, 'store'> & { readonly dump: () => Promise<readonly Place[]> }> {
  if (kind === 'a file') return { store: () => '.portcullis/portcullis.db', dump: () => Promise.resolve([]) }
  const redis = await startRedis([`user gateway on >${password} ~* &* +@all`])
  t.after(() => redis[Symbol.asyncDispose]())
  const url = `redis://127.0.0.1:${redis.port}`
  return {
    store: (sealed) => `{ url: "${url}", username: gateway, password: ${sealed('store.password', password)} }`,
    dump: () => dumpRedis(redis.port),
  }
}

for (const kind of ['a file', 'Redis'] as const) {
  const skip = kind === 'Redis' && REDIS_MISSING
  test(`of forty secrets that were planted and used, none is in any file, log, metric, trace or page, with the store in ${kind}`, {
    skip,
  }, async (t) => {
    const heard = listen(t)
    const planted: string[] = []
    const plant = (secret = made()): string => {
      planted.push(secret)
      return secret
    }
    const collector = await collect(t)
    const { store, dump } = await openStore(kind, t, made())
    await using upstream = await aBareUpstream({ echo: () => text('done'), delete: () => text('done') })
    const { folder, file } = configure(t, { upstream: upstream.url, collector: collector.url, store }, plant)
    const faults: string[] = []
    const gateway = createGateway(loadConfig(file), { version: '0.0.0', onFault: (fault) => faults.push(fault.message) })
    const { url, admin = '' } = await gateway.listen()
    const shown = await use(gateway, { url, admin }, plant)
    const headers = upstream.seen.map((one) => JSON.stringify(one.headers)).join()
    assert.ok(planted.filter((secret) => headers.includes(secret)).length >= 2, 'what was sealed is what the servers are shown')
    const events = await gateway.house.store.read('audit', { limit: 10_000 })
    const dumped = await dump()
    await gateway.close()

    assert.ok(planted.length >= PLANTED, `${planted.length}`)
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) => statSync(join(folder, path)).isFile())
    const everything: readonly Place[] = [
      ...files.map((path): Place => [path, readFileSync(join(folder, path)).toString('latin1')]),
      ...shown,
      ...collector.taken,
      ...dumped,
      ['terminal', heard()],
      ['faults', faults.join()],
      ['events', JSON.stringify(events)],
    ]
    checkPlaces(everything, kind)
    for (const [place, content] of everything) {
      for (const [at, secret] of planted.entries()) {
        if (secret === APPROVED && APPROVERS.test(place)) continue
        const found = disguises(secret).filter((disguise) => content.includes(disguise))
        assert.deepEqual(found, [], `secret ${at} (${createHash('sha256').update(secret).digest('hex').slice(0, 8)}) is in ${place}`)
      }
    }
  })
}

/** Nothing is found where nothing was looked at. */
function checkPlaces(everything: readonly Place[], kind: string): void {
  const names = everything.map(([name]) => name)
  const wanted = [
    'page /',
    'page /events',
    'page /keys',
    'page /journal',
    'metrics',
    'collector /v1/logs',
    'collector /v1/traces',
    'collector /batch',
    'collector /notice',
    'audit.jsonl',
    'terminal',
  ]
  const stored =
    kind === 'a file' ? ['.portcullis/portcullis.db'] : ['redis stream portcullis:log:{.audit}', 'redis string portcullis:record:']
  for (const name of [...wanted, ...stored])
    assert.ok(
      names.some((one) => one.startsWith(name)),
      `${name} is not among ${names.join(', ')}`,
    )
  for (const page of [/^page \/approvals\/./, /^page \/calls?\/./, /^page http.*\/interaction/])
    assert.ok(
      names.some((one) => page.test(one)),
      `${page} in ${names.join(', ')}`,
    )
}
