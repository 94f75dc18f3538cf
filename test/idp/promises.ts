/** What holds of every issuer that somebody else wrote and runs, shown through a whole gateway: its tokens open what was said, and nothing else does. */
import assert from 'node:assert/strict'
import { createHmac, createPublicKey, generateKeyPairSync, sign } from 'node:crypto'
import { after, before, test } from 'node:test'
import { z } from 'zod'
import type { AuditEvent } from '../../src/core/event.ts'
import type { JsonObject, JsonValue } from '../../src/core/json.ts'
import { aGateway, post, type Reply, type RunningGateway } from '../fixtures/gateway.ts'
import { aBareUpstream, type BareUpstream, text } from '../fixtures/upstream.ts'
import type { ForeignProvider } from './provider.ts'

const PUBLIC_URL = 'https://mcp.example.com'
const keySet = z.object({ keys: z.array(z.record(z.string(), z.string())).min(1) })
const refusal = z.object({ error: z.object({ data: z.object({ code: z.string() }) }) })

interface Parts {
  readonly header: JsonObject
  readonly payload: JsonObject
  readonly signature: string
}

const encode = (value: JsonValue): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const object = z.record(z.string(), z.json())

function partsOf(token: string): Parts {
  const [head = '', body = '', signature = ''] = token.split('.')
  const read = (part: string): JsonObject => object.parse(JSON.parse(Buffer.from(part, 'base64url').toString()))
  return { header: read(head), payload: read(body), signature }
}

/** The token with something changed, under the signature that it had. */
function forged(
  token: string,
  change: { readonly header?: JsonObject; readonly payload?: JsonObject; readonly signature?: string },
): string {
  const { header, payload, signature } = partsOf(token)
  return `${encode({ ...header, ...change.header })}.${encode({ ...payload, ...change.payload })}.${change.signature ?? signature}`
}

/** The same words, signed by whoever reads the published keys or has made one. */
async function resigned(token: string, keysUri: string): Promise<Readonly<Record<string, string>>> {
  const { header, payload } = partsOf(token)
  const [jwk = {}] = keySet.parse(await (await fetch(keysUri)).json()).keys
  const pem = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
  const ours = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  const symmetric = `${encode({ ...header, alg: 'HS256' })}.${encode(payload)}`
  const same = `${encode(header)}.${encode(payload)}`
  return {
    'its public key as a shared secret': `${symmetric}.${createHmac('sha256', pem).update(symmetric).digest('base64url')}`,
    'a key of ours under its name': `${same}.${sign('sha256', Buffer.from(same), ours).toString('base64url')}`,
  }
}

/** @param provider told of `tools`, the server that is asked, and of `other`, which is another's. */
export function promises(name: string, start: () => Promise<ForeignProvider>, skip: string | false = false): void {
  const turned = { ahead: 0 }
  const clock = (): number => Date.now() + turned.ahead
  let provider: ForeignProvider
  let upstream: BareUpstream
  let people: RunningGateway
  let machines: RunningGateway

  const open = (settings: JsonObject): Promise<RunningGateway> =>
    aGateway(
      `publicUrl: ${PUBLIC_URL}
servers: { tools: { url: "${upstream.url}" } }
authentication: { issuers: [${JSON.stringify({ issuer: provider.issuer, allowPrivate: true, ...settings })}] }
access:
  roles: { user: { permissions: ["*"] } }
  tools: { echo: { permission: tools:use, scope: "tools:read" } }
`,
      { clock },
    )
  const resource = `${PUBLIC_URL}/mcp/tools`
  const other = `${PUBLIC_URL}/mcp/other`
  const call = (house: RunningGateway, token: string): Promise<Reply> =>
    post(`${house.url}/mcp/tools`, 'tools/call', { name: 'echo', arguments: { message: 'hi' } }, { authorization: `Bearer ${token}` })
  const last = async (house: RunningGateway): Promise<AuditEvent | undefined> =>
    (await house.events()).findLast((event) => event.type === 'call.ended')
  /** Refused as any other bad token is, and for this reason in the journal. */
  const refused = async (house: RunningGateway, token: string, why: RegExp, what?: string): Promise<void> => {
    const reply = await call(house, token)
    assert.equal(reply.status, 401, what)
    assert.equal(refusal.parse(reply.body).error.data.code, 'invalid_token', what)
    assert.match(String((await last(house))?.detail), why, what)
  }

  before(async () => {
    if (skip !== false) return
    provider = await start()
    upstream = await aBareUpstream({ echo: (args) => text(String(args['message'])) })
    await provider.serve([resource, other])
    people = await open(provider.settings.person)
    machines = await open(provider.settings.machine)
  })
  after(async () => {
    await people?.[Symbol.asyncDispose]()
    await machines?.[Symbol.asyncDispose]()
    await upstream?.[Symbol.asyncDispose]()
    await provider?.[Symbol.asyncDispose]()
  })
  const promise = (sentence: string, body: () => Promise<void>): void => void test(`${name}: ${sentence}`, { skip }, body)

  promise('a machine calls a tool with its own token, and history knows which', async () => {
    const reply = await call(machines, await provider.machineToken(resource))
    assert.equal(reply.status, 200, JSON.stringify(reply.body))
    const event = await last(machines)
    assert.deepEqual([event?.outcome, event?.kind, event?.client, event?.roles], ['permitted', 'service', 'machine', ['user']])
    assert.match(event?.principal?.replace(`${provider.issuer}#`, '') ?? '', provider.subjects.machine)
  })

  promise('a person who signed in there calls a tool, with the role of their group', async () => {
    const { access } = await provider.personTokens('ann', resource)
    const reply = await call(people, access)
    assert.equal(reply.status, 200, JSON.stringify(reply.body))
    const event = await last(people)
    assert.deepEqual([event?.outcome, event?.kind, event?.client, event?.roles], ['permitted', 'user', 'app', ['user']])
    assert.match(event?.principal?.replace(`${provider.issuer}#`, '') ?? '', provider.subjects.ann)
  })

  promise('a group that nobody mapped opens nothing, and is sent for no scope', async () => {
    const { access } = await provider.personTokens('ben', resource)
    const reply = await call(people, access)
    assert.equal(refusal.parse(reply.body).error.data.code, 'not_found')
    assert.equal(reply.headers.get('www-authenticate'), null)
    assert.deepEqual((await last(people))?.roles, [])
  })

  promise('a token for another server is refused', async () => {
    const token = await provider.machineToken(other)
    assert.equal(partsOf(token).payload['aud'], provider.audienceOf(other))
    await refused(machines, token, /audience/)
  })

  promise('who signed in is not what they may call: its ID token is refused', async () => {
    const { id } = await provider.personTokens('ann', resource)
    await refused(people, id, /typ|nonce|at_hash/)
  })

  promise('a token is refused once it has expired, also one that was good a moment ago', async () => {
    const [remembered, fresh] = [await provider.machineToken(resource), await provider.machineToken(resource)]
    assert.equal((await call(machines, remembered)).status, 200)
    turned.ahead = 301_000
    try {
      await refused(machines, remembered, /expired/)
      await refused(machines, fresh, /expired/)
    } finally {
      turned.ahead = 0
    }
  })

  promise('a token that lives longer than the operator allows is refused', async () => {
    await using strict = await open({ ...provider.settings.machine, maxLifetime: '1m' })
    await refused(strict, await provider.machineToken(resource), /maxLifetime/)
  })

  promise('a token is refused when anything of it was changed', async () => {
    const token = await provider.machineToken(resource)
    const { signature } = partsOf(token)
    const bytes = Buffer.from(signature, 'base64url')
    const signatures = (change: (byte: number, at: number) => number): string => Buffer.from(bytes.map(change)).toString('base64url')
    const changed: Readonly<Record<string, string>> = {
      'another subject': forged(token, { payload: { sub: 'ann' } }),
      'a longer life': forged(token, { payload: { exp: Math.floor(Date.now() / 1000) + 600 } }),
      'more scopes': forged(token, { payload: { scope: 'tools:read admin', scp: ['tools:read', 'admin'] } }),
      'another algorithm': forged(token, { header: { alg: 'PS256' } }),
      'no algorithm': forged(token, { header: { alg: 'none' }, signature: '' }),
      'no signature': forged(token, { signature: '' }),
      'a bit of the signature': forged(token, { signature: signatures((byte, at) => (at === 100 ? byte ^ 1 : byte)) }),
      'a signature of zeros': forged(token, { signature: signatures(() => 0) }),
      ...(await resigned(token, provider.keysUri)),
    }
    for (const [what, text] of Object.entries(changed)) await refused(machines, text, /signature is not its issuer's/, what)
    assert.equal((await call(machines, token)).status, 200)
  })

  promise('an issuer that is not trusted is not, whoever it is', async () => {
    await using elsewhere = await open({ ...provider.settings.machine, issuer: `${provider.issuer}/other`, jwksUri: provider.keysUri })
    const token = await provider.machineToken(resource)
    await refused(elsewhere, token, /issuer of the token is not trusted/)
    await refused(elsewhere, forged(token, { payload: { iss: `${provider.issuer}/other` } }), /signature is not its issuer's/)
  })

  promise('metadata of an issuer that calls itself otherwise is not taken: then nobody is let in', async () => {
    const alias = provider.issuer.replace('127.0.0.1', 'localhost')
    await using house = await open({ ...provider.settings.machine, issuer: alias })
    const reply = await call(house, forged(await provider.machineToken(resource), { payload: { iss: alias } }))
    assert.equal(reply.status, 503)
  })

  promise('while it is away its known keys serve, and who does not know them lets nobody in', async () => {
    const [known, fresh] = [await provider.machineToken(resource), await provider.machineToken(resource)]
    assert.equal((await call(machines, known)).status, 200)
    await using stranger = await open(provider.settings.machine)
    await provider[Symbol.asyncDispose]()
    assert.equal((await call(machines, known)).status, 200)
    assert.equal((await call(machines, fresh)).status, 200)
    assert.equal((await call(stranger, fresh)).status, 503)
  })
}
