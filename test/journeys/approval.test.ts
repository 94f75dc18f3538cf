/** A call that a person must allow, from the agent's refusal to the one execution, and every way around it that must not be one. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { AuditEvent } from '../../src/core/event.ts'
import { isObject, type JsonObject } from '../../src/core/json.ts'
import { post } from '../fixtures/gateway.ts'
import { ALICE, aWorld, codeOf, remedyOf, type World } from './approval-world.ts'

let world: World
before(async () => {
  world = await aWorld()
})
after(() => world[Symbol.asyncDispose]())

const eventsOf = async (approval: unknown): Promise<readonly AuditEvent[]> =>
  (await world.house.events()).filter((event) => event.approval === approval)

/** Asks, and has it approved. Answers the id. */
async function approved(tool: string, args: JsonObject, credential: string): Promise<string> {
  const refused = await world.call(tool, args, credential)
  assert.equal(codeOf(refused.body), 'approval_required')
  const id = String(remedyOf(refused.body)['id'])
  await world.house.gateway.house.approvals.settle(id, 'approve', ALICE)
  return id
}

/** While the server says something else of its tools. */
async function redefined(during: () => Promise<void>): Promise<void> {
  world.description = 'deletes, and more'
  world.now += 10_000
  await during()
  world.description = 'deletes'
  world.now += 10_000
}

describe('a call that a person must approve', () => {
  test('is refused with where to go, done once when it was approved, and then refused again', async () => {
    const key = await world.key()
    const refused = await world.call('delete', { path: '/a' }, key)
    const { id, url } = remedyOf(refused.body)
    assert.deepEqual([refused.status, url], [200, `${world.admin}/approvals/${id}`])
    await world.house.gateway.house.approvals.settle(String(id), 'approve', ALICE)
    assert.equal(codeOf((await world.call('delete', { path: '/a' }, key)).body), 'ok')
    const replayed = await world.call('delete', { path: '/a' }, key)
    assert.deepEqual([codeOf(replayed.body), world.done('delete')], ['approval_required', 1])
    assert.notEqual(remedyOf(replayed.body)['id'], id)
    const isTold = (): boolean => world.notices.some(({ body }) => body.includes(String(id)))
    for (let turn = 0; turn < 10_000 && !isTold(); turn++) await nextTurn()
    assert.ok(isTold())
    assert.deepEqual(
      (await eventsOf(id)).map(({ type, outcome, by }) => [type, outcome, by].filter(Boolean).join(' ')),
      [
        'approval.requested',
        'call.ended denied',
        'approval.approved local#alice',
        'call.begun',
        'call.ended permitted',
        'approval.executed',
      ],
    )
  })

  test('is done once, of fifty that come at the same time', async () => {
    const key = await world.key()
    await approved('delete', { path: '/fifty' }, key)
    const before = world.done('delete')
    const answers = await Promise.all(Array.from({ length: 50 }, () => world.call('delete', { path: '/fifty' }, key)))
    assert.equal(answers.filter(({ body }) => codeOf(body) === 'ok').length, 1)
    assert.equal(world.done('delete'), before + 1)
  })

  test('is not done with other arguments, nor by another caller, on what was approved', async () => {
    const [mine, other] = [await world.key(), await world.key()]
    await approved('delete', { path: '/b' }, mine)
    const before = world.done('delete')
    assert.equal(codeOf((await world.call('delete', { path: '/b', force: true }, mine)).body), 'approval_required')
    assert.equal(codeOf((await world.call('delete', { path: '/b' }, other)).body), 'approval_required')
    assert.equal(world.done('delete'), before)
    assert.equal(codeOf((await world.call('delete', { path: '/b' }, mine)).body), 'ok')
  })

  test('is not done with anything beside its arguments that nobody has seen; what was seen goes with it', async () => {
    const key = await world.key()
    const args = { path: '/beside' }
    const call = async (more?: JsonObject): Promise<unknown> => codeOf((await world.call('delete', args, key, more)).body)
    await approved('delete', args, key)
    const before = world.done('delete')
    const meta = { 'e.com/x': 'BLUEBIRD' }
    for (const more of [
      { _meta: meta },
      { _meta: { baggage: 'a=b' } },
      { note: 'BLUEBIRD' },
      { inputResponses: { a: { action: 'accept' } } },
    ])
      assert.equal(await call(more), 'approval_required', JSON.stringify(more))
    assert.equal(world.done('delete'), before)
    // Of what the protocol, and one try, puts there, nothing has to be seen.
    const own = { progressToken: 7, traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', tracestate: 'a=1' }
    assert.equal(await call({ _meta: { ...own, 'claudecode/toolUseId': 'toolu_01A09q90qw90lq917835lq9' } }), 'ok')

    const pending = (await world.pending()).find(({ besides }) => JSON.stringify(besides) === JSON.stringify({ _meta: meta }))
    await world.house.gateway.house.approvals.settle(pending?.id ?? '', 'approve', ALICE)
    assert.equal(await call({ _meta: { 'e.com/x': 'ANOTHER' } }), 'approval_required')
    assert.equal(await call({ _meta: { ...meta, traceparent: 'BLUEBIRD' } }), 'approval_required')
    assert.equal(await call({ _meta: meta }), 'ok')
    assert.equal(world.done('delete'), before + 2)
    assert.equal(await call({ _meta: { 'e.com/x': 'x'.repeat(20_000) } }), 'invalid_arguments')
  })

  test('is void after the policies have changed, and after the server has said anew what the tool is', async () => {
    const key = await world.key()
    await approved('delete', { path: '/c' }, key)
    await world.enact('@id("another") forbid (principal, action == Action::"call", resource == Tool::"tools/never");')
    assert.equal(codeOf((await world.call('delete', { path: '/c' }, key)).body), 'approval_required')
    await world.enact('')
    await approved('delete', { path: '/d' }, key)
    world.description = 'deletes, and tells somebody'
    world.now += 10_000
    assert.equal(codeOf((await world.call('delete', { path: '/d' }, key)).body), 'approval_required')
    world.description = 'deletes'
  })

  test('is void also when policies or definition have become again what they were, whoever has seen the change', async () => {
    const [key, other] = [await world.key(), await world.key()]
    await approved('delete', { path: '/c-back' }, key)
    await world.enact('@id("another") forbid (principal, action == Action::"call", resource == Tool::"tools/never");')
    await world.enact('')
    assert.equal(codeOf((await world.call('delete', { path: '/c-back' }, key)).body), 'approval_required')
    for (const who of [key, other]) {
      await approved('delete', { path: '/d-back' }, key)
      await redefined(async () => void (await world.call('both', {}, who)))
      assert.equal(codeOf((await world.call('delete', { path: '/d-back' }, key)).body), 'approval_required')
    }
  })

  test('is not done as what a tool has become a moment after the gateway has asked what it is', async () => {
    const key = await world.key()
    const before = world.done('delete')
    await approved('delete', { path: '/moment' }, key)
    world.description = 'deletes, and tells somebody'
    assert.equal(codeOf((await world.call('delete', { path: '/moment' }, key)).body), 'approval_required')
    world.description = 'deletes'
    assert.equal(world.done('delete'), before)
    world.now += 10_000
  })

  test('is void when its caller has lost a role, also where the call would be as much as before', async () => {
    await approved('delete', { path: '/role' }, await world.token('bob', ['agent', 'chief']))
    assert.equal(codeOf((await world.call('delete', { path: '/role' }, await world.token('bob', ['agent']))).body), 'approval_required')
    assert.equal(codeOf((await world.call('delete', { path: '/role' }, await world.token('bob', ['chief', 'agent']))).body), 'ok')
  })

  test('is not done by one who may not call it any more', async () => {
    const before = world.done('delete')
    await approved('delete', { path: '/e' }, await world.token('ann', ['agent']))
    assert.equal(codeOf((await world.call('delete', { path: '/e' }, await world.token('ann', []))).body), 'not_found')
    assert.equal(world.done('delete'), before)
    assert.equal(codeOf((await world.call('delete', { path: '/e' }, await world.token('ann', ['agent']))).body), 'ok')
  })

  test('that was denied stays so, and nobody is asked again', async () => {
    const key = await world.key()
    const { id } = remedyOf((await world.call('delete', { path: '/f' }, key)).body)
    await world.house.gateway.house.approvals.settle(String(id), 'deny', ALICE)
    const before = world.done('delete')
    assert.equal(codeOf((await world.call('delete', { path: '/f' }, key)).body), 'forbidden')
    assert.deepEqual([world.done('delete'), (await world.pending()).some((one) => one.id === id)], [before, false])
  })

  test('that nobody approves in time must be asked for again', async () => {
    const key = await world.key()
    const { id } = remedyOf((await world.call('delete', { path: '/g' }, key)).body)
    world.now += 10 * 60_000
    const again = await world.call('delete', { path: '/g' }, key)
    assert.notEqual(remedyOf(again.body)['id'], id)
    assert.deepEqual((await eventsOf(id)).at(-1)?.type, 'approval.expired')
  })

  test('costs no approval when a limit is reached', async () => {
    const key = await world.key()
    await approved('scarce', { n: 1 }, key)
    assert.equal(codeOf((await world.call('scarce', { n: 1 }, key)).body), 'ok')
    const id = await approved('scarce', { n: 2 }, key)
    assert.equal((await world.call('scarce', { n: 2 }, key)).status, 429)
    assert.equal((await world.house.gateway.house.approvals.get(id))?.status, 'approved')
  })

  test('that begins a task is approved like every other, and once', async () => {
    const key = await world.key()
    const tasks = { _meta: { 'io.modelcontextprotocol/clientCapabilities': { extensions: { 'io.modelcontextprotocol/tasks': {} } } } }
    const id = await approved('begin', {}, key)
    const begun = await world.call('begin', {}, key, tasks)
    assert.ok(isObject(begun.body['result']) && begun.body['result']['resultType'] === 'task')
    assert.equal(codeOf((await world.call('begin', {}, key, tasks)).body), 'approval_required')
    assert.equal(world.done('begin'), 1)
    const { taskId } = begun.body['result']
    const outcomes = async (): Promise<readonly string[]> =>
      (await eventsOf(id)).map(({ type }) => type).filter((type) => type.startsWith('approval.') && type !== 'approval.requested')
    for (const [status, told] of [
      ['working', ['approval.unknown']],
      ['failed', ['approval.unknown', 'approval.failed']],
      ['failed', ['approval.unknown', 'approval.failed']],
    ] as const) {
      world.task = status
      await post(`${world.house.url}/mcp/tools`, 'tasks/get', { taskId: String(taskId), ...tasks }, { 'x-api-key': key })
      assert.deepEqual(await outcomes(), ['approval.approved', ...told])
    }
  })

  test('says in history what came of it: that it failed, or that nobody knows', async () => {
    const key = await world.key()
    const failed = await approved('fail', {}, key)
    await world.call('fail', {}, key)
    const unknown = await approved('crash', {}, key)
    assert.equal(codeOf((await world.call('crash', {}, key)).body), 'upstream_failed')
    const withheld = await approved('leak', {}, key)
    assert.equal(codeOf((await world.call('leak', {}, key)).body), 'content_blocked')
    const last = async (id: string): Promise<string | undefined> => (await eventsOf(id)).at(-1)?.type
    assert.deepEqual(await Promise.all([failed, unknown, withheld].map(last)), ['approval.failed', 'approval.unknown', 'approval.executed'])
  })

  test('is asked for by one caller only so often at once', async () => {
    const key = await world.key()
    for (let n = 0; n < 12; n++) await world.call('delete', { n }, key)
    const refused = await world.call('delete', { n: 'one more' }, key)
    assert.deepEqual([refused.status, codeOf(refused.body)], [429, 'rate_limited'])
    assert.equal(codeOf((await world.call('delete', { n: 0 }, key)).body), 'approval_required')
  })
})

const capable = (elicitation: JsonObject): JsonObject => ({ _meta: { 'io.modelcontextprotocol/clientCapabilities': { elicitation } } })

interface Asked {
  readonly key: string
  readonly params: JsonObject
  readonly state: string
}

function askedIn({ result }: JsonObject): Asked {
  assert.ok(isObject(result) && isObject(result['inputRequests']))
  const [[key, request] = ['', null]] = Object.entries(result['inputRequests'])
  assert.ok(isObject(request) && isObject(request['params']) && typeof result['requestState'] === 'string')
  return { key, params: request['params'], state: result['requestState'] }
}

const replied = ({ key, state }: Asked, action: string, elicitation: JsonObject): JsonObject => ({
  ...capable(elicitation),
  inputResponses: { [key]: { action } },
  requestState: state,
})

describe('a client that opens pages', () => {
  test('is asked to open that of the approval, and its accept waits for the yes of a person', async () => {
    const key = await world.key()
    const first = await world.call('delete', { path: '/url' }, key, capable({ url: {} }))
    const asked = askedIn(first.body)
    assert.deepEqual([first.status, asked.params['mode']], [200, 'url'])
    assert.match(String(asked.params['url']), /^http:\/\/127\.0\.0\.1:\d+\/approvals\/[0-9a-f-]{36}$/)
    const before = world.done('delete')
    const declined = await world.call('delete', { path: '/url' }, key, replied(asked, 'decline', { url: {} }))
    assert.equal(codeOf(declined.body), 'approval_required')
    const held = world.call('delete', { path: '/url' }, key, replied(asked, 'accept', { url: {} }))
    const other = await world.call('delete', { path: '/url' }, key, capable({ url: {} }))
    assert.deepEqual([codeOf(other.body), world.done('delete')], ['asks', before])
    await world.house.gateway.house.approvals.settle(String(asked.params['url']).slice(-36), 'approve', ALICE)
    assert.equal(codeOf((await held).body), 'ok')
    const [seen] = world.upstream.seen.filter(({ text }) => text.includes('/url'))
    assert.ok(seen !== undefined && !seen.text.includes('inputResponses') && !seen.text.includes('requestState'))
  })

  test('cannot bring its state to another call, nor lend it to another caller', async () => {
    const [mine, other] = [await world.key(), await world.key()]
    const asked = askedIn((await world.call('delete', { path: '/mine' }, mine, capable({ url: {} }))).body)
    for (const [path, key] of [
      ['/other', mine],
      ['/mine', other],
    ] as const)
      assert.equal(codeOf((await world.call('delete', { path }, key, replied(asked, 'accept', { url: {} }))).body), 'malformed')
  })
})

describe('a server that asks in the middle of what was approved', () => {
  test('is answered once under the same approval, and the answer reaches it as it is', async () => {
    const key = await world.key()
    const id = await approved('ask', { a: 1 }, key)
    const first = await world.call('ask', { a: 1 }, key, capable({ form: {} }))
    const asked = askedIn(first.body)
    assert.equal(asked.key, 'which')
    const more = { ...replied(asked, 'accept', { form: {} }), inputResponses: { which: { action: 'accept', content: { n: 1 } } } }
    const second = await world.call('ask', { a: 1 }, key, more)
    assert.deepEqual(second.body['result'], {
      resultType: 'complete',
      content: [{ type: 'text', text: '{"which":{"action":"accept","content":{"n":1}}}' }],
    })
    const replayed = await world.call('ask', { a: 1 }, key, more)
    assert.equal(codeOf(replayed.body), 'approval_required')
    assert.equal((await eventsOf(id)).filter(({ type }) => type === 'approval.executed').length, 2)
    // Nor does it go on into a tool that has become another.
    await approved('ask', { a: 2 }, key)
    const begun = askedIn((await world.call('ask', { a: 2 }, key, capable({ form: {} }))).body)
    await redefined(async () => {
      assert.equal(codeOf((await world.call('ask', { a: 2 }, key, replied(begun, 'accept', { form: {} }))).body), 'approval_required')
    })
  })
})

describe('a call that must be confirmed', () => {
  test('is done when the client says that it was, once, and not for another', async () => {
    const [key, other] = [await world.key(), await world.key()]
    const asked = askedIn((await world.call('confirm', { n: 1 }, key, capable({}))).body)
    assert.equal(asked.params['mode'], 'form')
    const yes = replied(asked, 'accept', {})
    assert.equal(codeOf((await world.call('confirm', { n: 1 }, other, yes)).body), 'malformed')
    assert.equal(codeOf((await world.call('confirm', { n: 2 }, key, yes)).body), 'malformed')
    assert.equal(codeOf((await world.call('confirm', { n: 1 }, key, yes)).body), 'ok')
    assert.equal(codeOf((await world.call('confirm', { n: 1 }, key, yes)).body), 'asks')
    assert.equal(world.done('confirm'), 1)
    // What the server says anew is not what was confirmed.
    const before = askedIn((await world.call('confirm', { n: 3 }, key, capable({}))).body)
    await redefined(async () => {
      assert.equal(codeOf((await world.call('confirm', { n: 3 }, key, replied(before, 'accept', {}))).body), 'asks')
    })
  })

  test('is refused where the client has no forms, or its person says no', async () => {
    const key = await world.key()
    assert.equal(codeOf((await world.call('confirm', { n: 3 }, key)).body), 'confirmation_required')
    const asked = askedIn((await world.call('confirm', { n: 3 }, key, capable({}))).body)
    assert.equal(codeOf((await world.call('confirm', { n: 3 }, key, replied(asked, 'decline', {}))).body), 'confirmation_required')
  })

  test('and approved needs both: to accept a form is no approval', async () => {
    const key = await world.key()
    await approved('both', {}, key)
    const asked = askedIn((await world.call('both', {}, key, capable({}))).body)
    assert.equal(codeOf((await world.call('both', {}, key, replied(asked, 'accept', {}))).body), 'ok')
    assert.equal(codeOf((await world.call('both', {}, key, replied(asked, 'accept', {}))).body), 'approval_required')
    assert.equal(world.done('both'), 1)
  })
})

/** A session of 2025-11-25. What comes on a stream is read line by line. */
async function aSession(key: string, elicitation: JsonObject) {
  const send = (body: JsonObject, session?: string): Promise<Response> =>
    fetch(`${world.house.url}/mcp`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'x-api-key': key,
        ...(session === undefined ? {} : { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' }),
      },
      body: JSON.stringify({ jsonrpc: '2.0', ...body }),
    })
  const params = { protocolVersion: '2025-11-25', capabilities: { elicitation }, clientInfo: { name: 't', version: '1' } }
  const opened = await send({ id: 1, method: 'initialize', params })
  await opened.text()
  const session = opened.headers.get('mcp-session-id') ?? ''
  return { send: (body: JsonObject) => send(body, session) }
}

async function* eventsIn(response: Response): AsyncGenerator<JsonObject> {
  let rest = ''
  for await (const chunk of response.body ?? []) {
    const lines = (rest + Buffer.from(chunk).toString()).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line.startsWith('data: {')) yield JSON.parse(line.slice(6)) as JsonObject
  }
}

describe('a client of a revision with sessions', () => {
  test('that opens pages is told which, and one that does not is refused like every other', async () => {
    const key = await world.key()
    const call = { id: 2, method: 'tools/call', params: { name: 'delete', arguments: { path: '/legacy' } } }
    const pages = await aSession(key, { url: {} })
    const told = (await (await pages.send(call)).json()) as JsonObject
    assert.ok(isObject(told['error']) && isObject(told['error']['data']))
    const { elicitations } = told['error']['data'] as { readonly elicitations?: readonly JsonObject[] }
    assert.deepEqual([told['error']['code'], elicitations?.[0]?.['mode']], [-32042, 'url'])
    const plain = await aSession(key, {})
    const refused = (await (await plain.send(call)).json()) as JsonObject
    assert.deepEqual([codeOf(refused), remedyOf(refused)['id']], ['approval_required', elicitations?.[0]?.['elicitationId']])
    await world.house.gateway.house.approvals.settle(String(remedyOf(refused)['id']), 'approve', ALICE)
    assert.equal(codeOf((await (await plain.send(call)).json()) as JsonObject), 'ok')
    assert.equal(codeOf((await (await pages.send(call)).json()) as JsonObject), 'approval_required')
  })

  // Where the answer goes astray, the call would wait for it a minute.
  test('is asked to confirm while its call waits, and only its own answer counts', { timeout: 15_000 }, async () => {
    const [key, other] = [await world.key(), await world.key()]
    const [mine, stranger] = [await aSession(key, {}), await aSession(other, {})]
    const call = { id: 2, method: 'tools/call', params: { name: 'confirm', arguments: { n: 4 } } }
    for (const [action, expected] of [
      ['accept', 'ok'],
      ['decline', 'confirmation_required'],
    ] as const) {
      const before = world.done('confirm')
      const events = eventsIn(await mine.send(call))
      const question = (await events.next()).value as JsonObject
      assert.equal(question['method'], 'elicitation/create')
      await (await stranger.send({ id: question['id'], result: { action: 'accept' } })).text()
      await nextTurn()
      assert.equal(world.done('confirm'), before)
      await (await mine.send({ id: question['id'], result: { action, content: {} } })).text()
      assert.equal(codeOf((await events.next()).value as JsonObject), expected)
    }
    assert.ok(world.upstream.seen.every(({ text }) => !text.includes('portcullis-confirm')))
    // The law is what it is when the person has spoken.
    const done = world.done('confirm')
    const events = eventsIn(await mine.send(call))
    const question = (await events.next()).value as JsonObject
    await world.enact('@id("late") forbid (principal, action == Action::"call", resource == Tool::"tools/confirm");')
    await (await mine.send({ id: question['id'], result: { action: 'accept', content: {} } })).text()
    assert.deepEqual([codeOf((await events.next()).value as JsonObject), world.done('confirm')], ['forbidden', done])
    await world.enact('')
  })
})
