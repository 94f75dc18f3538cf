/** Forty secrets are planted where secrets belong, everything is used, and then everything that was written is searched for them. */
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
import { post } from '../fixtures/gateway.ts'
import { aBareUpstream, text } from '../fixtures/upstream.ts'
import { Browser, obtainTokens, refreshOnce, register } from '../oauth/world.ts'

const PLANTED = 40
const made = (): string => randomBytes(24).toString('base64url')

/** What a text looks like in a dump. Of base64 the part that does not depend on where it stands in what was encoded. */
function disguises(secret: string): readonly string[] {
  const bytes = Buffer.from(secret)
  const base64 = [0, 1, 2].flatMap((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64')
    const inner = encoded.slice(shift === 0 ? 0 : 4, -4)
    return [inner, inner.replaceAll('+', '-').replaceAll('/', '_')]
  })
  return [secret, encodeURIComponent(secret), bytes.toString('hex'), bytes.toString('hex').toUpperCase(), ...base64]
}

/** All that this process writes to its terminal meanwhile. */
function listen(t: TestContext): () => string {
  const said: string[] = []
  for (const stream of [process.stdout, process.stderr]) {
    const write = stream.write.bind(stream)
    t.mock.method(stream, 'write', (chunk: string | Uint8Array, ...rest: never[]) => {
      said.push(Buffer.from(chunk as Uint8Array).toString('latin1'))
      return write(chunk, ...rest)
    })
  }
  return () => said.join('')
}

interface Installation {
  readonly folder: string
  readonly file: string
}

/** Values in the configuration: sealed where it can take that, and one from the environment. */
function configure(t: TestContext, upstream: string, plant: () => string): Installation {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-planted-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'portcullis.yaml')
  writeFileSync(file, '')
  const seal = loadSealing(file).values(true)
  const sealed = (place: string): string => JSON.stringify(sealValue(seal, plant(), parsePath(place) ?? []))
  const client = (place: string): string =>
    `tokenUrl: "http://127.0.0.1:9/t", clientId: gw, allowPrivate: true, clientSecret: ${sealed(place)}`
  writeFileSync(
    file,
    `listen: 127.0.0.1:0
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
access: { roles: { user: { permissions: ["*"] } }, tools: { "*": { permission: tools:use, scope: "tools:read" } } }
inspect: { input: off }
audit: { file: audit.jsonl }
`,
  )
  return { folder, file }
}

/** Everybody comes with what they have, right and wrong. */
async function use(gateway: Gateway, url: string, plant: (secret?: string) => string): Promise<void> {
  const { house } = gateway
  const call = (server: string, headers: Readonly<Record<string, string>>, args = {}): Promise<unknown> =>
    post(`${url}/mcp/${server}`, 'tools/call', { name: 'echo', arguments: args }, headers)
  for (let at = 0; at < 4; at++) {
    const { text: key } = await house.keys.create({ name: `key ${at}`, roles: ['user'], allow: [], createdBy: 'test' })
    const mine = { 'x-api-key': plant(key.reveal()) }
    for (const server of ['header', 'key', 'machine', 'exchange', ...(at === 0 ? ['local'] : [])]) await call(server, mine)
    // An argument is the caller's business, and in history only as a shape.
    await call('header', mine, { password: plant() })
  }
  const secrets = new SecretStore(house.store, house.seal)
  for (let at = 0; at < 10; at++) await secrets.put(`secret-${at}`, plant())
  for (const name of ['ann', 'ben']) {
    const password = plant()
    await new Accounts(house.store, house.clock).add(name, new Secret(password), ['user'])
    const world = { issuer: url, resource: `${url}/mcp/header` }
    const client = await register(world)
    const browser = new Browser(password)
    const tokens = await obtainTokens(world, { client, scope: 'tools:read' }, browser, name)
    const session = browser.cookie('portcullis_session') ?? ''
    const renewed = (await refreshOnce(world, client, tokens.refresh)).body
    for (const secret of [tokens.access, tokens.refresh, session, String(renewed['access_token']), String(renewed['refresh_token'])])
      plant(secret)
    for (const server of ['header', 'exchange']) await call(server, { authorization: `Bearer ${tokens.access}` })
  }
  // Guesses are somebody's real credential, mistyped.
  for (let at = 0; at < 4; at++) await call('header', at % 2 === 0 ? { 'x-api-key': plant() } : { authorization: `Bearer ${plant()}` })
}

test('of forty secrets that were planted and used, none is in the store, the journal, a log or on the terminal', async (t) => {
  const heard = listen(t)
  const planted: string[] = []
  const plant = (secret = made()): string => {
    planted.push(secret)
    return secret
  }
  await using upstream = await aBareUpstream({ echo: () => text('done') })
  const { folder, file } = configure(t, upstream.url, plant)
  const texts: string[] = []
  const gateway = createGateway(loadConfig(file), {
    version: '0.0.0',
    onFault: (fault) => texts.push(fault.message),
  })
  const { url } = await gateway.listen()
  await use(gateway, url, plant)
  const shown = upstream.seen.map(({ headers }) => JSON.stringify(headers)).join()
  assert.ok(
    [planted[0], planted[1]].every((secret) => shown.includes(secret ?? '-')),
    'what was sealed is what the server is shown',
  )
  const events = await gateway.house.store.read('audit', { limit: 10_000 })
  await gateway.close()

  assert.ok(planted.length >= PLANTED, `${planted.length}`)
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) => statSync(join(folder, path)).isFile())
  assert.ok(files.some((path) => path.endsWith('.db')) && files.some((path) => path.endsWith('audit.jsonl')), files.join())
  const everything = [
    ...files.map((path) => [path, readFileSync(join(folder, path)).toString('latin1')] as const),
    ['terminal', heard()] as const,
    ['faults', texts.join()] as const,
    ['events', JSON.stringify(events)] as const,
  ]
  for (const [place, content] of everything) {
    for (const [at, secret] of planted.entries()) {
      const found = disguises(secret).filter((disguise) => content.includes(disguise))
      assert.deepEqual(found, [], `secret ${at} (${createHash('sha256').update(secret).digest('hex').slice(0, 8)}) is in ${place}`)
    }
  }
})
