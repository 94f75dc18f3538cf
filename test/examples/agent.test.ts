/** Every program of docs/agent.md, run as its reader would run it, at a gateway that issues the tokens itself. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { TokenManager } from '../../src/agent/manager.ts'
import { Secret } from '../../src/core/secret.ts'
import { Accounts } from '../../src/oauth/accounts.ts'
import { type ClientRequest, Clients, JWT_BEARER, TOKEN_EXCHANGE } from '../../src/oauth/clients.ts'
import { aPerson } from '../agent/world.ts'
import { environment } from '../fixtures/commands.ts'
import { aGateway, type RunningGateway } from '../fixtures/gateway.ts'
import { aBareUpstream, type BareUpstream, text } from '../fixtures/upstream.ts'
import { Browser, PASSWORD } from '../oauth/world.ts'
import { freshId, makePair, openSite, type Site, signJws } from '../trust/fixture.ts'

const ROOT = join(import.meta.dirname, '../..')
const AGENT = JSON.stringify(new URL('../../src/agent.ts', import.meta.url).href)
const ID_JAG = 'urn:ietf:params:oauth:token-type:id-jag'
const PROGRAMS = [...readFileSync(join(ROOT, 'docs/agent.md'), 'utf8').matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code)

/** What a block that only makes a manager stands between. */
const BEFORE = "import { readFile } from 'node:fs/promises'\nimport { authenticatedFetch, TokenManager } from 'portcullis/agent'\n"
const AFTER = `
const list = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'x', version: '1' } } })
const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
const answer = await authenticatedFetch(manager)('https://mcp.example.com/mcp/notes', { method: 'POST', headers, body: list })
console.log(answer.status, await answer.text())
await manager[Symbol.asyncDispose]()
`

let upstream: BareUpstream
let idp: Site
let platform: Site
let desk: Site
let house: RunningGateway
let folder: string
const secrets: Record<string, string> = {}

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-agent-'))
  const pair = makePair('ES256', { kid: 'k1', use: 'sig', alg: 'ES256' })
  ;[idp, platform, desk] = [await openSite(), await openSite(), await openSite()]
  installBrowser()
  for (const { url, routes } of [idp, platform]) {
    const metadata = { issuer: url, jwks_uri: `${url}/keys`, token_endpoint: `${url}/token` }
    routes.set('/.well-known/openid-configuration', { body: metadata })
    routes.set('/keys', { body: { keys: [pair.jwk] } })
  }
  upstream = await aBareUpstream({ read_note: () => text('a note') })
  house = await aGateway(`
servers: { notes: { url: "${upstream.url}" } }
authentication:
  oauth:
    assertions:
      - { issuer: "${idp.url}", kind: idjag, allowPrivate: true, clients: [front-desk], roles: { claim: groups, map: { staff: user } } }
      - { issuer: "${platform.url}", kind: workload, allowPrivate: true, workloads: [{ subject: job-1, roles: [user], scopes: ["notes:read"] }] }
access:
  roles: { user: { permissions: ["*"] } }
  tools: { "*": { permission: notes:use, scope: "notes:read" } }
`)
  const now = Math.floor(Date.now() / 1_000)
  const vouched = (typ: string, { url }: Site, said: object): string =>
    signJws(pair, { typ, kid: 'k1' }, { iss: url, aud: house.url, jti: freshId(), iat: now, exp: now + 300, ...said })
  idp.routes.set('/token', () => {
    const person = { sub: 'ann', client_id: 'front-desk', resource: `${house.url}/mcp/notes`, groups: ['staff'] }
    const assertion = vouched('oauth-id-jag+jwt', idp, person)
    return { body: { access_token: assertion, issued_token_type: ID_JAG, token_type: 'N_A', expires_in: 300 } }
  })
  writeFileSync(join(folder, 'assertion'), vouched('JWT', platform, { sub: 'job-1' }))
  const { store, clock } = house.gateway.house
  await new Accounts(store, clock).add('alice', new Secret(PASSWORD), ['user'])
  const common: ClientRequest = { name: 'A program', grants: ['client_credentials'], redirectUris: [], roles: ['user'], createdBy: 'test' }
  const registered: readonly ClientRequest[] = [
    { ...common, id: 'nightly-report' },
    { ...common, id: 'front-desk', grants: [TOKEN_EXCHANGE, JWT_BEARER], introspects: [`${house.url}/mcp/notes`] },
  ]
  for (const request of registered) {
    const { client, secret } = await new Clients(store, clock).add(request)
    secrets[client.id] = secret?.reveal() ?? ''
  }
})
after(async () => {
  await house[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
  for (const site of [idp, platform, desk]) await site[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

/** Where this test's things are in place of the reader's. */
function placed(code: string): string {
  return code
    .replaceAll("'portcullis/agent'", AGENT)
    .replaceAll('https://mcp.example.com', house.url)
    .replaceAll('https://login.example.com', idp.url)
    .replaceAll('/var/run/secrets/tokens/mcp', join(folder, 'assertion'))
    .replaceAll('tokens.db', join(folder, 'tokens.db'))
}

/** The browser of this machine is a program that tells us the page, and a person who signs in. */
function installBrowser(): void {
  desk.routes.set('/opened', ({ body }) => {
    void signIn(body)
    return { body: {} }
  })
  const opener = `#!${process.execPath}\nfetch(${JSON.stringify(`${desk.url}/opened`)}, { method: 'POST', body: process.argv[2] })\n`
  for (const name of ['xdg-open', 'open']) writeFileSync(join(folder, name), opener, { mode: 0o700 })
}

async function signIn(page: string): Promise<void> {
  await fetch(await new Browser().agree(page))
}

async function run(code: string): Promise<{ readonly out: string; readonly errors: string; readonly status: number | null }> {
  const whole = placed(code.startsWith('import ') ? code : `${BEFORE}${code}${AFTER}`)
  const client = Object.keys(secrets).find((id) => code.includes(`id: '${id}'`)) ?? ''
  await using alice = new TokenManager({ grant: aPerson() })
  const caller = code.includes('CALLER_TOKEN') ? (await alice.renew(`${house.url}/mcp/notes`)).accessToken : ''
  const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', whole], {
    cwd: ROOT,
    env: {
      ...environment(),
      PATH: folder,
      CLIENT_SECRET: secrets[client] ?? '',
      IDP_SECRET: 'known to it',
      ID_TOKEN: 'who she is',
      CALLER_TOKEN: caller,
      TOKEN_KEY: randomBytes(32).toString('base64'),
    },
  })
  const said = { out: '', errors: '' }
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    said.out += chunk
  })
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    said.errors += chunk
    const page = /^Open this page to sign in: (\S+)\n/.exec(chunk)?.[1]
    if (page !== undefined) void signIn(page)
  })
  return await new Promise((resolve) => child.once('close', (status) => resolve({ ...said, status })))
}

/** What a program prints, by what is in it; all others call, and are let in. */
const PRINTS: Readonly<Record<string, RegExp>> = {
  '@modelcontextprotocol/': /^\[ 'read_note' \]$/,
  sealedStorage: /^\[ 'notes:read' \]$/,
  "'stored'": /^$/,
}

test('every program of docs/agent.md does what it says', async () => {
  assert.equal(PROGRAMS.length, 9)
  for (const program of PROGRAMS) {
    const { out, errors, status } = await run(program)
    assert.equal(status, 0, `${program}\n${errors}`)
    const [, said = /^200 .*serverInfo/] = Object.entries(PRINTS).find(([mark]) => program.includes(mark)) ?? []
    assert.match(out.trimEnd(), said, program)
    if (program.includes("'stored'")) assert.match(errors, /^sign in first: /)
  }
})
