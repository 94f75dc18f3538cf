/** The SDK's client in both eras against a gateway where people sign in: everything that happens to a sign-in in its life, with nothing written by hand. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { Client, StreamableHTTPClientTransport, UnauthorizedError, type VersionNegotiationMode } from '@modelcontextprotocol/client'
import { aSignInHouse, type SignInHouse } from '../fixtures/sign-in.ts'
import { Person } from '../oauth/person.ts'
import { Browser, post } from '../oauth/world.ts'

const ERAS: readonly (readonly [string, VersionNegotiationMode])[] = [
  ['2026-07-28', { pin: '2026-07-28' }],
  ['2025-11-25', 'legacy'],
]
/** Longer than an access token lives in the test of refreshing. */
const PATIENCE_MS = 30_000

interface Seat {
  readonly client: Client
  readonly transport: StreamableHTTPClientTransport
}

async function connect({ endpoint }: SignInHouse, person: Person, mode: VersionNegotiationMode): Promise<Seat> {
  const client = new Client({ name: 'journey', version: '1.0.0' }, { versionNegotiation: { mode } })
  const transport = new StreamableHTTPClientTransport(new URL(endpoint), { authProvider: person })
  await client.connect(transport)
  return { client, transport }
}

/** Alice does in the browser what the client asks for; then it has its tokens. */
async function agree(person: Person, browser: Browser, transport: StreamableHTTPClientTransport): Promise<URL> {
  const asked = person.asked
  assert.ok(asked !== undefined, 'the client opened the browser')
  person.asked = undefined
  await transport.finishAuth((await browser.agree(asked.href)).searchParams)
  return asked
}

async function signIn(
  house: SignInHouse,
  person: Person,
  browser: Browser,
  mode: VersionNegotiationMode,
): Promise<Seat & { readonly asked: URL }> {
  await assert.rejects(connect(house, person, mode), UnauthorizedError)
  const asked = await agree(person, browser, new StreamableHTTPClientTransport(new URL(house.endpoint), { authProvider: person }))
  return { ...(await connect(house, person, mode)), asked }
}

const said = async ({ client }: Seat, name: string): Promise<string> =>
  JSON.stringify(await client.callTool({ name, arguments: { message: 'hello' } }))

for (const [revision, mode] of ERAS) {
  for (const registration of ['a metadata document', 'dynamic registration'] as const) {
    test(`${revision}: known by ${registration}, a client signs in, calls, steps up, is revoked, and signs in again`, async () => {
      await using house = await aSignInHouse()
      const person = new Person(registration === 'a metadata document' ? house.document : undefined)
      const browser = new Browser()
      const seat = await signIn(house, person, browser, mode)
      try {
        const id = seat.asked.searchParams.get('client_id')
        assert.equal(id === house.document, registration === 'a metadata document')
        assert.deepEqual([seat.asked.searchParams.get('resource'), seat.client.getNegotiatedProtocolVersion()], [house.endpoint, revision])
        assert.match(await said(seat, 'echo'), /hello/)

        await assert.rejects(said(seat, 'purge'), UnauthorizedError)
        const wider = await agree(person, browser, seat.transport)
        const scopes = (wider.searchParams.get('scope') ?? '').split(' ')
        assert.ok(
          ['tools:audit', 'tools:read', 'tools:write'].every((scope) => scopes.includes(scope)),
          scopes.join(' '),
        )
        assert.match(await said(seat, 'purge'), /purged/)

        const { refresh_token: token = '' } = person.kept ?? {}
        assert.equal((await post(`${house.url}/revoke`, { client_id: id ?? '', token })).status, 200)
        await assert.rejects(said(seat, 'echo'), UnauthorizedError)
        await agree(person, browser, seat.transport)
        assert.match(await said(seat, 'echo'), /hello/)

        const ended = (await house.events()).filter((event) => event.type === 'call.ended' && event.method === 'tools/call')
        assert.deepEqual(
          ended.map(({ denial, outcome }) => denial ?? outcome),
          ['permitted', 'insufficient_scope', 'permitted', 'invalid_token', 'permitted'],
        )
        assert.ok(!JSON.stringify(house.upstream.seen).includes('eyJ'), 'no token reaches the server behind')
      } finally {
        await seat.client.close()
      }
    })
  }

  test(`${revision}: an access token expires, the client refreshes, and nobody notices`, async () => {
    await using house = await aSignInHouse('accessToken: 4s,')
    const person = new Person()
    const seat = await signIn(house, person, new Browser(), mode)
    try {
      const first = person.kept
      for (const until = Date.now() + PATIENCE_MS; person.kept?.access_token === first?.access_token; await pause(100)) {
        assert.ok(Date.now() < until, 'the token expired')
        assert.match(await said(seat, 'echo'), /hello/)
      }
      assert.match(await said(seat, 'echo'), /hello/)
      assert.notEqual(person.kept?.refresh_token, first?.refresh_token, 'the refresh token was rotated')
      assert.equal(person.asked, undefined, 'the browser stayed closed')
    } finally {
      await seat.client.close()
    }
  })
}
