/** What a server is shown where users connect accounts, while its authorization server is in trouble, and while a connection is removed. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Denial, type Fault } from '../../src/core/denial.ts'
import type { Principal } from '../../src/core/principal.ts'
import { connectionManager, endConnection, isConnected } from '../../src/gateway/connected.ts'
import { ConnectLinks, createConnectionCredentials } from '../../src/gateway/connections.ts'
import { aGateway } from '../fixtures/gateway.ts'
import { anIssuer, type Issuer, json } from '../fixtures/rotating-issuer.ts'

const ALICE: Principal = {
  issuer: 'https://gateway.example.com',
  subject: 'alice',
  kind: 'user',
  scopes: [],
  roles: [],
  actors: [],
  claims: {},
}
const WHO = 'https://gateway.example.com#alice'

interface Connected {
  readonly issuer: Issuer
  readonly faults: readonly Fault[]
  /** What the server would be shown for alice. */
  value(): Promise<string>
  remove(): Promise<boolean>
  isThere(): Promise<boolean>
}

/** Alice has connected her account; the gateway is a client there that an operator registered. */
async function connected(t: TestContext): Promise<Connected> {
  const issuer = await anIssuer(t)
  const house = await aGateway('', { clock: issuer.clock })
  t.after(() => house[Symbol.asyncDispose]())
  const faults: Fault[] = []
  const parts = { ...house.gateway.house, onFault: (fault: Fault) => void faults.push(fault) }
  const client = { issuer: new URL(issuer.url).origin, clientId: 'app' }
  const server = { name: 'crm', url: issuer.url, config: { kind: 'connection', scopes: [], allowPrivate: true, ...client } } as const
  {
    await using manager = connectionManager(server, WHO, parts, { kind: 'sign_in', open: issuer.open })
    await manager.signIn(issuer.url)
  }
  const credentials = createConnectionCredentials(server, new ConnectLinks(parts), parts)
  t.after(() => credentials.close())
  return {
    issuer,
    faults,
    value: async () => await credentials.attachmentFor(ALICE).value(),
    remove: () => endConnection(server, WHO, parts),
    isThere: () => isConnected(server, WHO, parts),
  }
}

const isDenial =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof Denial && error.code === code

test('while a token is good, an authorization server that hangs delays a call a moment, and no call for longer', async (t) => {
  const { issuer, value } = await connected(t)
  assert.equal(await value(), 'Bearer t1')
  issuer.later(280_000)
  issuer.answer = () => undefined
  for (let round = 0; round < 3; round++) assert.deepEqual(await Promise.all([value(), value()]), ['Bearer t1', 'Bearer t1'])
  assert.deepEqual(issuer.log, ['authorization_code', 'r1'])
})

test('a client that is refused is the operator\u2019s to mend: the connection stands, and works once that is done', async (t) => {
  const { issuer, value, faults, isThere } = await connected(t)
  issuer.later(301_000)
  issuer.answer = (_form, res) => json(res, { error: 'invalid_client' }, 401)
  await assert.rejects(value(), isDenial('login_failed'))
  assert.deepEqual(
    faults.map(({ code }) => code),
    ['FAULT_LOGIN'],
  )
  assert.ok(await isThere())
  issuer.answer = undefined
  issuer.later(2_000)
  assert.equal(await value(), 'Bearer t2')
})

test('a grant that has ended is its user\u2019s to give again, and no fault', async (t) => {
  const { issuer, value, faults } = await connected(t)
  issuer.later(301_000)
  issuer.answer = (_form, res) => json(res, { error: 'invalid_grant' }, 400)
  await assert.rejects(value(), isDenial('connection_required'))
  assert.deepEqual(faults, [])
})

test('a connection that is removed while it is renewed stays removed, and what comes is ended', async (t) => {
  const { issuer, value, remove, isThere } = await connected(t)
  issuer.later(301_000)
  const asked = Promise.withResolvers<() => void>()
  issuer.answer = (_form, res) => asked.resolve(() => issuer.give(res))
  const waiting = assert.rejects(value(), isDenial('connection_required'))
  const answer = await asked.promise
  assert.ok(await remove())
  answer()
  await waiting
  assert.equal(await isThere(), false)
  assert.deepEqual(issuer.log, ['authorization_code', 'r1', 'revoked r1', 'revoked r2'])
})
