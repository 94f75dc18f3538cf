/** Stories of too much: keys are guessed, one caller floods, addresses are blocked; and everybody else goes on working. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Client, StreamableHTTPClientTransport, type VersionNegotiationMode } from '@modelcontextprotocol/client'
import type { JsonObject } from '../../src/core/json.ts'
import { mintSecret, writeKey } from '../../src/identity/key-text.ts'
import { Clients } from '../../src/oauth/clients.ts'
import { type Answer, CLIENTS } from '../clients/clients.ts'
import { callFrom, codeOf } from '../fixtures/caller.ts'
import { aGateway, post, type RunningGateway } from '../fixtures/gateway.ts'
import { LEGACY, legacyHttp, overStdio } from '../fixtures/speakers.ts'
import { aBareUpstream, text } from '../fixtures/upstream.ts'

const OPEN = 'access: { roles: { user: { permissions: ["*"] } }, tools: { "*": { permission: "tools:use" } } }'
const OWNER = '127.0.0.1'
const ATTACKER = '127.0.0.2'

interface Installation extends AsyncDisposable {
  readonly house: RunningGateway
  readonly mcp: string
  readonly reached: () => number
}

/** @param yaml with an `access:` of its own, where everybody may not do everything. */
async function anInstallation(yaml: string, environment: Readonly<Record<string, string>> = {}): Promise<Installation> {
  const upstream = await aBareUpstream({ echo: (args) => text(String(args['message'])), slow: () => undefined })
  const house = await aGateway(
    `servers: { tools: { url: "${upstream.url}", timeout: 20s } }\n${yaml.includes('access:') ? '' : OPEN}\n${yaml}`,
    { environment },
  )
  return {
    house,
    mcp: `${house.url}/mcp`,
    reached: () => upstream.seen.filter(({ body }) => body['method'] === 'tools/call').length,
    [Symbol.asyncDispose]: async () => {
      await house[Symbol.asyncDispose]()
      await upstream[Symbol.asyncDispose]()
    },
  }
}

describe('keys are guessed from one address', () => {
  test('it is turned away after ten guesses, while the owner of the key goes on working from another', async () => {
    await using place = await anInstallation('')
    const { house, mcp, reached } = place
    const key = await house.key({ roles: ['user'] })
    const id = key.slice(4, 16)
    const guesses: number[] = []
    for (let attempt = 0; attempt < 30; attempt++) {
      const guess = writeKey('mcp', { id, secret: mintSecret() })
      guesses.push((await callFrom(ATTACKER, mcp, { 'x-api-key': guess })).status)
      assert.equal((await callFrom(OWNER, mcp, { 'x-api-key': key })).status, 200)
    }
    assert.deepEqual(guesses, [...Array.from({ length: 11 }, () => 401), ...Array.from({ length: 19 }, () => 429)])
    assert.equal(reached(), 30)
    // Nor does the right key open there now, not even to the one who holds it.
    const late = await callFrom(ATTACKER, mcp, { 'x-api-key': key })
    assert.equal(codeOf(late), 'rate_limited')
    const wait = Number(late.headers['retry-after'])
    assert.ok(wait > 880 && wait <= 900, String(wait))
    const events = await house.events()
    assert.equal(events.filter(({ type }) => type === 'address.blocked').length, 1)
    assert.deepEqual(
      events.filter(({ type, denial, address }) => type === 'call.ended' && denial === 'rate_limited' && address === ATTACKER).length,
      20,
    )
    assert.equal(JSON.stringify(events).includes(key.slice(17)), false)
  })

  test('guesses from many addresses at one key do not keep its owner out', async () => {
    await using place = await anInstallation('limits: { failures: { allow: 5, per: 5m, block: 15m } }')
    const { house, mcp } = place
    const key = await house.key({ roles: ['user'] })
    const guess = (at: number): Promise<unknown> =>
      callFrom(`127.0.1.${at}`, mcp, { 'x-api-key': writeKey('mcp', { id: key.slice(4, 16), secret: mintSecret() }) })
    for (let at = 1; at <= 20; at++) await guess(at)
    const again = await Promise.all(
      [1, 2, 3].map((at) =>
        callFrom(`127.0.1.${at}`, mcp, { 'x-api-key': writeKey('mcp', { id: key.slice(4, 16), secret: mintSecret() }) }),
      ),
    )
    assert.deepEqual(again.map(codeOf), ['rate_limited', 'rate_limited', 'rate_limited'])
    assert.equal((await callFrom(OWNER, mcp, { 'x-api-key': key })).status, 200)
  })

  test('agents that still come with the secret before a rotation keep out nobody who has the new one', async () => {
    await using place = await anInstallation('')
    const { house, mcp } = place
    const old = await house.key({ roles: ['user'] })
    const { text } = await house.gateway.house.keys.rotate(old.slice(4, 16), 0)
    for (let attempt = 0; attempt < 64; attempt++) assert.equal((await callFrom(OWNER, mcp, { 'x-api-key': old })).status, 401)
    assert.equal((await callFrom(OWNER, mcp, { 'x-api-key': text.reveal() })).status, 200)
    const refused = (await house.events()).filter(({ denial }) => denial === 'invalid_token')
    assert.deepEqual(new Set(refused.map(({ detail }) => detail)), new Set([`the secret of key ${old.slice(4, 16)} was rotated away`]))
  })

  test('an address that is let in again is let in with its keys', async () => {
    await using place = await anInstallation('')
    const { house, mcp } = place
    const key = await house.key({ roles: ['user'] })
    const guess = (): string => writeKey('mcp', { id: key.slice(4, 16), secret: mintSecret() })
    while ((await callFrom(ATTACKER, mcp, { 'x-api-key': guess() })).status !== 429);
    await house.gateway.house.limits.blocks.remove(`${ATTACKER}/32`)
    assert.equal((await callFrom(ATTACKER, mcp, { 'x-api-key': key })).status, 200)
  })

  test('an agent whose key was revoked is told so each time, and blocks nobody', async () => {
    await using place = await anInstallation('')
    const { house, mcp } = place
    const [old, key] = [await house.key({ roles: ['user'] }), await house.key({ roles: ['user'] })]
    await house.gateway.house.keys.revoke(old.slice(4, 16))
    for (let attempt = 0; attempt < 20; attempt++) assert.equal((await callFrom(OWNER, mcp, { 'x-api-key': old })).status, 401)
    assert.equal((await callFrom(OWNER, mcp, { 'x-api-key': key })).status, 200)
  })
})

test('secrets of OAuth clients are guessed like keys: who tries too many is turned away, and who has none to try is not', async () => {
  await using place = await anInstallation('authentication: { oauth: {} }')
  const { house } = place
  const { store } = house.gateway.house
  const { client, secret } = await new Clients(store, Date.now, false).add({
    name: 'm',
    roles: ['user'],
    redirectUris: [],
    grants: ['client_credentials'],
    createdBy: 'test',
  })
  const ask = (localAddress: string, form: Readonly<Record<string, string>>, headers = {}): Promise<number> =>
    new Promise((resolve, reject) => {
      const said = { 'content-type': 'application/x-www-form-urlencoded', ...headers }
      const req = request(`${house.url}/token`, { method: 'POST', headers: said, localAddress, agent: false }, (res) =>
        res.resume().on('end', () => resolve(res.statusCode ?? 0)),
      )
      req.on('error', reject)
      req.end(new URLSearchParams({ grant_type: 'client_credentials', ...form }).toString())
    })
  const wrong: readonly (readonly [string, Parameters<typeof ask>[1], Parameters<typeof ask>[2]])[] = [
    ['127.0.1.1', { client_id: client.id, client_secret: mintSecret() }, {}],
    ['127.0.1.2', { client_id: 'nobody', client_secret: mintSecret() }, {}],
    ['127.0.1.3', {}, { authorization: `Basic ${btoa(`${client.id}:${mintSecret()}`)}` }],
  ]
  for (const [from, form, headers] of wrong) {
    const statuses: number[] = []
    for (let attempt = 0; attempt < 14; attempt++) statuses.push(await ask(from, form, headers))
    assert.deepEqual(statuses, [...Array<number>(11).fill(401), ...Array<number>(3).fill(429)], from)
  }
  const forgotten: number[] = []
  for (let attempt = 0; attempt < 14; attempt++)
    forgotten.push(await ask('127.0.1.4', { client_id: 'forgotten', grant_type: 'refresh_token', refresh_token: 'x' }))
  assert.deepEqual(new Set(forgotten), new Set([401]))
  const right = { client_id: client.id, client_secret: secret?.reveal() ?? '' }
  assert.deepEqual([await ask(OWNER, right), await ask('127.0.1.1', right)], [200, 429])
})

describe('whoever tries which arguments are taken pays for each as for a call that is done', () => {
  const THREE = 'limits: { key: { rate: 1/h, burst: 3 } }'
  const asked = async (yaml: string, name: string, args: JsonObject, times: number) => {
    await using place = await anInstallation(yaml)
    const key = { 'x-api-key': await place.house.key({ roles: ['user'] }) }
    const codes: (string | number | undefined)[] = []
    const call = async (tool: string, values: JsonObject): Promise<void> => {
      const { status, body } = await post(place.mcp, 'tools/call', { name: tool, arguments: values }, key)
      codes.push(
        (body['result'] as JsonObject | undefined)?.['isError'] === true
          ? 'tool error'
          : ((codeOf({ body }) as string | undefined) ?? status),
      )
    }
    for (let at = 0; at < times; at++) await call(name, args)
    await call('echo', { message: 'x' })
    return { codes, reached: place.reached(), last: (await place.house.events()).filter(({ type }) => type === 'call.ended').slice(-2) }
  }

  test('where they are dangerous for what they are for', async () => {
    const { codes, reached } = await asked(THREE, 'echo', { path: '../../etc/passwd' }, 4)
    assert.deepEqual(codes, ['tool error', 'tool error', 'tool error', 'rate_limited', 'rate_limited'])
    assert.equal(reached, 0)
  })

  test('and where nothing is left, large ones are not looked at any more', async () => {
    const { codes, last } = await asked(THREE, 'echo', { html: `<script>a()</script>${'<p>'.repeat(2_000)}` }, 4)
    assert.deepEqual(codes.slice(2), ['tool error', 'rate_limited', 'rate_limited'])
    assert.deepEqual([last[0]?.denial, last[0]?.findings], ['rate_limited', undefined])
  })

  test('but what the law forbids whatever they are costs nothing', async () => {
    const access =
      'access: { roles: { user: { permissions: ["tools:use"] } }, tools: { echo: { permission: tools:use }, slow: { permission: tools:other } } }'
    const { codes, reached } = await asked(`${THREE}\n${access}`, 'slow', { path: '../../etc/passwd' }, 5)
    assert.deepEqual(codes, [...Array<string>(5).fill('not_found'), 200])
    assert.equal(reached, 1)
  })

  test('and where nothing is refused, nothing of this is', async () => {
    const { codes } = await asked(`profile: observe\n${THREE}`, 'echo', { html: `<script>a()</script>${'<p>'.repeat(2_000)}` }, 5)
    assert.deepEqual(new Set(codes), new Set([200]))
  })
})

test('a flood on one key is refused, while another is served in its turn', async () => {
  await using place = await anInstallation('limits: { key: { rate: 1/s, burst: 50 } }')
  const { house, mcp, reached } = place
  const [flooding, other] = [await house.key({ roles: ['user'] }), await house.key({ roles: ['user'] })]
  const startedAt = performance.now()
  let isOver = false
  const statuses = new Map<number, number>()
  const flood = Array.from({ length: 8 }, async () => {
    while (!isOver) {
      const { status } = await callFrom(ATTACKER, mcp, { 'x-api-key': flooding })
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
  })
  const turns: number[] = []
  for (let call = 0; call < 27; call++) {
    const before = answeredOf(statuses)
    assert.equal((await callFrom(OWNER, mcp, { 'x-api-key': other })).status, 200)
    turns.push(answeredOf(statuses) - before)
  }
  isOver = true
  await Promise.all(flood)
  const [given, refused] = [statuses.get(200) ?? 0, statuses.get(429) ?? 0]
  const earned = 50 + Math.ceil((performance.now() - startedAt) / 1000)
  assert.ok(given >= 50 && given <= earned, `${given} of ${earned}`)
  assert.equal(given + refused, answeredOf(statuses))
  assert.equal(reached(), given + turns.length)
  // Eight requests of the flood are under way beside each of ours. How often they were answered before it is counted, for a clock would measure the machine.
  const usual = turns.sort((left, right) => left - right)[turns.length >> 1] ?? 0
  assert.ok(usual <= 4 * 8, `${usual} refusals before an answer`)
})

function answeredOf(statuses: ReadonlyMap<number, number>): number {
  return [...statuses.values()].reduce((sum, count) => sum + count, 0)
}

/** A server that speaks every revision. */
async function everyRevision(yaml: string): Promise<{ readonly house: RunningGateway; readonly mcp: string } & AsyncDisposable> {
  const command = [process.execPath, fileURLToPath(new URL('../fixtures/bare-stdio.ts', import.meta.url))]
  const house = await aGateway(`servers: { tools: { command: ${JSON.stringify(command)}, shared: true } }\n${OPEN}\n${yaml}`)
  return { house, mcp: `${house.url}/mcp`, [Symbol.asyncDispose]: () => house[Symbol.asyncDispose]() }
}

describe('whoever is over a limit is told so in the words of its revision and transport', () => {
  const ONE = 'limits: { key: { rate: 1/h, burst: 1 } }'

  test('2026-07-28 over HTTP: 429, how long to wait, what was allowed; before that what is left', async () => {
    await using place = await anInstallation('limits: { key: { rate: 1/h, burst: 2 } }')
    const key = await place.house.key({ roles: ['user'] })
    const ask = () => post(place.mcp, 'tools/call', { name: 'echo', arguments: {} }, { 'x-api-key': key })
    const first = await ask()
    assert.deepEqual(
      [first.status, first.headers.get('ratelimit'), first.headers.get('ratelimit-policy')],
      [200, '"key";r=1;t=3600', '"key";q=2;w=7200'],
    )
    await ask()
    const refused = await ask()
    assert.deepEqual([refused.status, refused.headers.get('ratelimit-policy')], [429, '"key";q=2;w=7200'])
    assert.match(refused.headers.get('ratelimit') ?? '', /^"key";r=0;t=(3600|3599)$/)
    assert.match(refused.headers.get('retry-after') ?? '', /^(3600|3599)$/)
    const error = refused.body['error'] as JsonObject
    assert.equal(error['code'], 429)
    assert.equal((error['data'] as JsonObject)['code'], 'rate_limited')
  })

  test('what is left of what others share is told to nobody', async () => {
    await using place = await anInstallation('limits: { global: { rate: 1/h, burst: 1 } }')
    const ask = async () =>
      post(place.mcp, 'tools/call', { name: 'echo', arguments: {} }, { 'x-api-key': await place.house.key({ roles: ['user'] }) })
    assert.match((await ask()).headers.get('ratelimit') ?? '', /^"method";r=999;/)
    const refused = await ask()
    assert.deepEqual([refused.status, refused.headers.get('ratelimit'), refused.headers.get('ratelimit-policy')], [429, null, null])
    assert.ok(refused.headers.get('retry-after'))
  })

  for (const revision of LEGACY) {
    test(`${revision} over HTTP: 429`, async () => {
      await using place = await everyRevision('limits: { key: { rate: 1/h, burst: 3 } }')
      const key = await place.house.key({ roles: ['user'] })
      await using speaker = await legacyHttp(place.mcp, key, revision)
      await speaker.ask('tools/list')
      const response = await fetch(place.mcp, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          'x-api-key': key,
          'mcp-session-id': speaker.session,
          'mcp-protocol-version': revision,
        },
        body: JSON.stringify({ jsonrpc: '2.0', id: 9, method: 'tools/list' }),
      })
      const body = (await response.json()) as JsonObject
      assert.deepEqual([response.status, body['id'], codeOf({ body })], [429, 9, 'rate_limited'])
      assert.ok(response.headers.get('retry-after'))
    })
  }

  for (const revision of [...LEGACY, '2026-07-28']) {
    test(`${revision} over stdio: an error with how long to wait, and the probe is always answered`, async () => {
      await using place = await everyRevision(
        `authentication: { environment: CALLER_KEY, anonymous: { roles: [user] } }\nlimits: { methods: { anonymous: { rate: 1/h, burst: 4 } } }`,
      )
      await using speaker = await overStdio(place.house, 'tools', revision)
      let refused: JsonObject = {}
      for (let call = 0; call < 6; call++) refused = await speaker.ask('tools/list')
      const data = (refused['error'] as JsonObject)['data'] as { readonly code: string; readonly remedies: readonly JsonObject[] }
      assert.equal(data.code, 'rate_limited')
      assert.equal(data.remedies[0]?.['kind'], 'wait')
      if (revision === '2026-07-28') assert.ok((await speaker.ask('server/discover'))['result'])
    })
  }

  for (const { name, connect } of CLIENTS.filter((client) => client.name.startsWith('SDK'))) {
    test(`${name}: a call over the limit is an error, and no new start`, async () => {
      await using place = await everyRevision('limits: { key: { rate: 1/h, burst: 12 } }')
      const conversation = await connect(place.mcp, await place.house.key({ roles: ['user'] }))
      const answers: Answer[] = []
      for (let call = 0; call < 15; call++) answers.push(await conversation.call('echo', { message: 'x' }))
      await conversation.close().catch(() => undefined)
      assert.deepEqual([answers[0]?.kind, answers.at(-1)?.kind], ['answered', 'refused'])
      assert.match(answers.at(-1)?.text ?? '', /Too many requests|429/)
      const events = (await place.house.events()).filter(({ type }) => type === 'call.ended')
      const first = events.findIndex(({ denial }) => denial === 'rate_limited')
      assert.ok(first > 0)
      // Nobody takes the refusal for an older server, or for a session that is lost.
      assert.equal(
        events.slice(first).some(({ method }) => method === 'initialize' || method === 'server/discover'),
        false,
      )
    })
  }

  test('a client that probes is told to come again, and falls back to no older revision', async () => {
    await using place = await anInstallation(ONE)
    const { house, mcp } = place
    const key = await house.key({ roles: ['user'] })
    await post(mcp, 'tools/call', { name: 'echo', arguments: {} }, { 'x-api-key': key })
    const probe = await post(mcp, 'server/discover', {}, { 'x-api-key': key })
    assert.deepEqual([probe.status, codeOf(probe)], [503, 'rate_limited'])
    assert.ok(probe.headers.get('retry-after'))
    const modes: readonly VersionNegotiationMode[] = ['auto', { pin: '2026-07-28' }]
    for (const mode of modes) {
      const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode } })
      const transport = new StreamableHTTPClientTransport(new URL(mcp), { requestInit: { headers: { 'x-api-key': key } } })
      await assert.rejects(client.connect(transport))
      await client.close()
    }
    const methods = new Set((await house.events()).filter(({ denial }) => denial === 'rate_limited').map(({ method }) => method))
    assert.deepEqual([...methods], ['server/discover'])
  })

  test('a client whose address floods is told the same before anything of it is read', async () => {
    await using place = await anInstallation('limits: { address: { rate: 1/h, burst: 1 } }')
    const { house, mcp } = place
    const key = await house.key({ roles: ['user'] })
    assert.equal((await callFrom(OWNER, mcp, { 'x-api-key': key })).status, 200)
    const call = await callFrom(OWNER, mcp, { 'x-api-key': key })
    assert.deepEqual([call.status, call.headers['connection'], codeOf(call)], [429, 'close', 'rate_limited'])
    assert.equal((await callFrom(OWNER, mcp, { 'x-api-key': key }, 'server/discover', {})).status, 503)
    assert.equal((await callFrom('127.0.0.3', mcp, { 'x-api-key': key })).status, 200)
    // Who brings no credential never comes as far as being charged, and is counted at the door.
    assert.deepEqual([(await callFrom('127.0.0.4', mcp, {})).status, (await callFrom('127.0.0.4', mcp, {})).status], [401, 429])
    const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: 'auto' } })
    await assert.rejects(
      client.connect(new StreamableHTTPClientTransport(new URL(mcp), { requestInit: { headers: { 'x-api-key': key } } })),
    )
    await client.close()
    assert.equal(
      (await house.events()).some(({ method }) => method === 'initialize'),
      false,
    )
    assert.equal((await fetch(`${house.url}/health`)).status, 200)
  })
})

test('the law comes first and a refused call costs nothing: forbids, then limits', async () => {
  await using place = await anInstallation('limits: { key: { rate: 1/h, burst: 1 } }')
  const nobody = await place.house.key({ roles: ['nobody'] })
  for (let call = 0; call < 3; call++) assert.equal(codeOf(await callFrom(OWNER, place.mcp, { 'x-api-key': nobody })), 'not_found')
})

test('a tool has as many calls under way as it may', async () => {
  await using place = await anInstallation('limits: { drain: 0s, tools: { "tools/slow": { concurrency: 2 } } }')
  const key = await place.house.key({ roles: ['user'] })
  const slow = (): Promise<unknown> => callFrom(OWNER, place.mcp, { 'x-api-key': key }, 'tools/call', { name: 'slow', arguments: {} })
  const underway = [slow(), slow()].map((call) => call.catch(() => undefined))
  while (place.reached() < 2) await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(codeOf((await slow()) as Awaited<ReturnType<typeof callFrom>>), 'rate_limited')
  assert.equal((await callFrom(OWNER, place.mcp, { 'x-api-key': key })).status, 200)
  await place.house.gateway.close()
  await Promise.all(underway)
})

test('what a principal is answered is counted: who has had more than his minute waits', async () => {
  await using place = await anInstallation('limits: { response: { perMinute: 64KiB } }')
  const [key, other] = [await place.house.key({ roles: ['user'] }), await place.house.key({ roles: ['user'] })]
  const ask = (who: string, message: string) =>
    callFrom(OWNER, place.mcp, { 'x-api-key': who }, 'tools/call', { name: 'echo', arguments: { message } })
  assert.equal((await ask(key, 'x'.repeat(100_000))).status, 200)
  const refused = await ask(key, 'x')
  assert.deepEqual([refused.status, codeOf(refused), refused.headers['ratelimit-policy']], [429, 'rate_limited', '"response";q=65536;w=60'])
  assert.equal((await ask(other, 'x')).status, 200)
})

test('in profile observe a limit refuses nothing, and what it would have refused is on record', async () => {
  await using place = await anInstallation('profile: observe\nlimits: { key: { rate: 1/h, burst: 1 } }')
  const key = await place.house.key({ roles: ['user'] })
  for (let call = 0; call < 2; call++) assert.equal((await callFrom(OWNER, place.mcp, { 'x-api-key': key })).status, 200)
  const ended = (await place.house.events()).filter(({ type }) => type === 'call.ended')
  assert.deepEqual(
    ended.map(({ outcome, denial }) => [outcome, denial]),
    [
      ['permitted', undefined],
      ['would_deny', 'rate_limited'],
    ],
  )
})

describe('behind a proxy', () => {
  test('that nobody named, the operator is told once that all its clients count as one', async () => {
    await using place = await anInstallation('')
    const { house, mcp } = place
    for (let call = 0; call < 3; call++) await callFrom('127.0.0.1', mcp, { 'x-forwarded-for': '203.0.113.7' })
    assert.deepEqual(
      house.faults.map(({ code }) => code),
      ['FAULT_PROXY'],
    )
    assert.match(house.faults[0]?.message ?? '', /^Requests from 127\.0\.0\.1 .* trustedProxies/)
  })

  test('that opens more connections than one address may, the operator is told once by which setting, and each is counted', async () => {
    await using place = await anInstallation('admin: 127.0.0.1:0\nlimits: { connections: { perAddress: 2 } }')
    const { house } = place
    const { port } = new URL(house.url)
    const dial = (): Socket => connect(Number(port), '127.0.0.1').on('error', () => undefined)
    const kept = [dial(), dial()]
    for (const socket of kept) {
      socket.write('GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n')
      await once(socket, 'data')
    }
    for (let more = 0; more < 3; more++) await once(dial().resume(), 'close')
    assert.deepEqual(
      house.faults.map(({ code, message }) => [code, message]),
      [
        [
          'FAULT_CONNECTIONS',
          'connections from 127.0.0.1 beyond limits.connections.perAddress (2) are closed unanswered, its health checks too: raise it where a proxy or many clients stand behind one address. Told once',
        ],
      ],
    )
    const numbers = await (await fetch(`${house.admin}/metrics`)).text()
    assert.match(numbers, /^portcullis_connections_dropped_total\{limit="perAddress"\} 3$/m)
    assert.match(numbers, /^portcullis_connections_dropped_total\{limit="total"\} 0$/m)
    for (const socket of kept) socket.destroy()
  })

  test('that is trusted, callers are those it saw; a stranger is whoever connects', async () => {
    await using place = await anInstallation('trustedProxies: [127.0.0.1]\nlimits: { address: { rate: 1/h, burst: 2 } }')
    const { house, mcp } = place
    const key = await house.key({ roles: ['user'] })
    const via = (proxy: string, forwarded: string) => callFrom(proxy, mcp, { 'x-api-key': key, 'x-forwarded-for': forwarded })
    for (let call = 0; call < 2; call++) assert.equal((await via('127.0.0.1', '1.1.1.1, 203.0.113.7')).status, 200)
    assert.equal((await via('127.0.0.1', '9.9.9.9, 203.0.113.7')).status, 429)
    assert.equal((await via('127.0.0.1', '203.0.113.8')).status, 200)
    const strangers: number[] = []
    for (let call = 0; call < 4; call++) strangers.push((await via('127.0.0.9', `203.0.114.${call}`)).status)
    assert.deepEqual(strangers, [200, 200, 429, 429])
    const addresses = new Set((await house.events()).flatMap(({ address }) => address ?? []))
    assert.deepEqual([...addresses].sort(), ['127.0.0.9', '203.0.113.7', '203.0.113.8'])
  })
})
