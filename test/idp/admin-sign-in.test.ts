/** People who administer, and have their account at another provider: signed in there, let in here by their group. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { Browser } from '../dashboard/form-browser.ts'
import { aGateway } from '../fixtures/gateway.ts'
import { passDevPages } from './dev-pages.ts'
import { startOidcProvider } from './oidc-provider.ts'

const HOUR_MS = 3_600_000
const registered = z.object({ client_id: z.string(), client_secret: z.string() })

/** A native client: at loopback its port may be any (RFC 8252 §7.3), and ours is not known yet. */
async function register(issuer: string): Promise<z.output<typeof registered>> {
  const response = await fetch(`${issuer}/reg`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ redirect_uris: ['http://127.0.0.1/sign-in/back'], application_type: 'native' }),
  })
  return registered.parse(await response.json())
}

test('who signs in at another provider comes in with the roles of their group, for an hour, and by nobody else’s answer', async () => {
  const clock = { now: Date.now() }
  await using provider = await startOidcProvider()
  const client = await register(provider.issuer)
  await using house = await aGateway(
    `
admin: 127.0.0.1:0
servers: { tools: { url: "http://127.0.0.1:9/mcp" } }
access: { roles: { chief: { inherits: admin }, admin: {}, reader: {} } }
adminSignIn:
  - name: Staff
    issuer: "${provider.issuer}"
    clientId: ${JSON.stringify(client.client_id)}
    clientSecret: ${JSON.stringify(client.client_secret)}
    allowPrivate: true
    roles: { claim: groups, map: { staff: chief, guests: reader } }
`,
    { clock: () => clock.now },
  )
  const { admin } = house
  /** The answer of the provider for somebody, not opened. */
  const answerFor = async (browser: Browser, name: string): Promise<string> => {
    const page = await browser.get('/sign-in?next=/keys')
    const link = /href="(\/sign-in\/with\/0[^"]*)">Sign in with Staff</.exec(page.text)?.[1] ?? assert.fail(page.text)
    const sent = new URL((await browser.get(link)).headers.get('location') ?? '')
    for (const name of ['state', 'nonce', 'code_challenge']) assert.ok((sent.searchParams.get(name) ?? '').length >= 43, name)
    const back = await passDevPages(sent.href, name, (url) => url.pathname === '/sign-in/back')
    return back.slice(admin.length)
  }
  const ann = new Browser(admin)
  const answer = await answerFor(ann, 'ann')
  // In another browser it is worth nothing, and spent.
  assert.equal((await new Browser(admin).get(answer)).status, 401)
  const again = await answerFor(ann, 'ann')
  const entered = await ann.get(again)
  assert.deepEqual([entered.status, entered.headers.get('location')], [303, '/keys'])
  assert.match((await ann.get('/keys')).text, /<span class="soft">ann<\/span>/)
  assert.equal((await ann.get(again)).status, 401)

  const wrong: readonly ((url: URL) => void)[] = [
    (url) => url.searchParams.set('iss', 'https://evil.example'),
    (url) => url.searchParams.delete('iss'),
    (url) => url.searchParams.set('code', 'x'.repeat(43)),
    (url) => url.searchParams.set('state', 'x'.repeat(43)),
  ]
  for (const change of wrong) {
    const browser = new Browser(admin)
    const url = new URL(await answerFor(browser, 'ann'), admin)
    change(url)
    assert.equal((await browser.get(`${url.pathname}${url.search}`)).status, 401, url.search)
  }
  const ben = new Browser(admin)
  assert.equal((await ben.get(await answerFor(ben, 'ben'))).status, 403)
  assert.equal((await ben.get('/keys')).status, 303)

  clock.now += HOUR_MS
  assert.equal((await ann.get('/keys')).status, 303)
  const told = (await house.events()).filter(({ type }) => type.startsWith('oauth.sign'))
  assert.deepEqual(
    told.filter(({ principal }) => principal !== undefined).map(({ type, principal, roles, denial }) => [type, principal, roles, denial]),
    [
      ['oauth.signed_in', 'local#admin:Staff|ann', ['chief'], undefined],
      ['oauth.sign_in_refused', 'local#admin:Staff|ben', ['reader'], 'forbidden'],
    ],
  )
})
