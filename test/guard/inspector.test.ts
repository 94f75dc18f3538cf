import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Call, Message } from '../../src/core/call.ts'
import { Denial } from '../../src/core/denial.ts'
import type { Finding } from '../../src/core/finding.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { createAsking } from '../../src/guard/asking.ts'
import { Catalog } from '../../src/guard/catalog.ts'
import type { Forward } from '../../src/guard/guard.ts'
import { Inquiry, type InquiryParts } from '../../src/guard/inquiry.ts'
import { createInspector, type InspectorParts, mismatchOf } from '../../src/guard/inspector.ts'
import { Validators } from '../../src/guard/validators.ts'
import { Worth } from '../../src/guard/worth.ts'
import { createEngine } from '../../src/policy/engine.ts'
import { aGateway, post } from '../fixtures/gateway.ts'
import { aCall, aPrincipal } from '../fixtures/nouns.ts'
import { aBareUpstream, text } from '../fixtures/upstream.ts'

/** A server that lists what it is told to, page by page, and remembers how often it was asked. */
interface Server {
  readonly asked: Call[]
  readonly forward: Forward
  pages: readonly (JsonObject | undefined)[]
}

function aServer(...pages: readonly (JsonObject | undefined)[]): Server {
  const server: Server = {
    asked: [],
    pages,
    forward: async function* (call): AsyncGenerator<Message> {
      server.asked.push(call)
      const page = server.pages[Number(call.message.body.params?.['cursor'] ?? 0)]
      if (page === undefined) yield { body: { jsonrpc: '2.0', id: call.message.body.id ?? 0, error: { code: -32601, message: 'none' } } }
      else yield { body: { jsonrpc: '2.0', id: call.message.body.id ?? 0, result: page } }
    },
  }
  return server
}

const tools = (type: string, ...names: readonly string[]): JsonObject => ({
  tools: names.map((name) => ({ name, inputSchema: { type: 'object', properties: { x: { type } } } })),
})

interface World {
  now: number
  readonly begun: string[]
  readonly flawed: string[]
  inspect(call: Call, server: Pick<Server, 'forward'>, subject?: string): Promise<readonly string[]>
  readonly sync: (call: Call, server: Pick<Server, 'forward'>) => unknown
}

function aWorld({ begin, ...said }: Partial<InspectorParts> & Partial<Pick<InquiryParts, 'begin'>> = {}): World {
  const world = { now: 0, begun: [] as string[], flawed: [] as string[] }
  const catalog = said.catalog ?? new Catalog()
  const inquiry = new Inquiry({
    catalog,
    clock: () => world.now,
    begin: begin ?? ((call) => Promise.resolve(void world.begun.push(call.id))),
    timeoutOf: () => 50,
  })
  const parts: InspectorParts = {
    input: 'standard',
    catalog,
    schema: new Validators({
      strict: said.input === 'strict',
      clock: () => world.now,
      onFlaw: (_server, tool) => void world.flawed.push(tool),
    }),
    clock: () => world.now,
    observing: false,
    worth: { permits: () => true, isWorthIt: () => true },
    ask: (call, principal, forward) => inquiry.ask(call, principal, forward),
    ...said,
  }
  const inspect = createInspector(parts)
  return Object.assign(world, {
    inspect: async (call: Call, { forward }: Pick<Server, 'forward'>, subject = 'ann') =>
      (await inspect(call, aPrincipal({ subject }), forward)).map(({ detector, pointer }) => detector + pointer),
    sync: (call: Call, { forward }: Pick<Server, 'forward'>) => inspect(call, aPrincipal({ subject: 'ann' }), forward),
  })
}

const wrong = aCall({ tool: 'read', arguments: { x: 1 } })
const right = aCall({ tool: 'read', arguments: { x: 'a' } })

describe('a tool that nobody has listed', () => {
  test('is asked for once, written down before, in the words of the caller, and judged by what comes', async () => {
    const server = aServer(tools('string', 'read'))
    const world = aWorld()
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': { roots: {} },
      progressToken: 7,
    }
    const call = aCall({
      tool: 'read',
      arguments: { x: 1 },
      params: { name: 'read', arguments: { x: 1 }, _meta },
      mirrored: { 'mcp-param-x': '1' },
    })
    assert.deepEqual(await world.inspect(call, server), ['schema/type/x'])
    assert.deepEqual(world.begun, ['call-1'])
    const [ask] = server.asked
    assert.deepEqual(
      [ask?.method, ask?.action, ask?.resource, ask?.mirrored],
      ['tools/list', 'list', { kind: 'server', server: 'files', name: 'files' }, undefined],
    )
    assert.deepEqual(Object.keys((ask?.message.body.params?.['_meta'] ?? {}) as JsonObject), [
      'io.modelcontextprotocol/protocolVersion',
      'io.modelcontextprotocol/clientCapabilities',
      'io.modelcontextprotocol/clientInfo',
    ])
    assert.deepEqual(await world.inspect(right, server), [])
    assert.equal(server.asked.length, 1)
  })

  test('is looked for on every page, and not for ever', async () => {
    const server = aServer(
      { ...tools('string', 'a'), nextCursor: '1' },
      { ...tools('string', 'b'), nextCursor: '2' },
      tools('string', 'read'),
    )
    assert.deepEqual(await aWorld().inspect(wrong, server), ['schema/type/x'])
    assert.equal(server.asked.length, 3)
    const endless = aServer({ ...tools('string', 'a'), nextCursor: '0' })
    assert.deepEqual(await aWorld().inspect(wrong, endless), [])
    assert.equal(endless.asked.length, 20)
  })

  test('and is not there is the server’s to answer for; in strict that is a finding', async () => {
    for (const page of [tools('string', 'other'), undefined]) {
      assert.deepEqual(await aWorld().inspect(wrong, aServer(page)), [])
      assert.deepEqual(await aWorld({ input: 'strict' }).inspect(wrong, aServer(page)), ['schema/unlisted'])
    }
  })

  test('is not asked for again at once by the same caller, but later, and by others', async () => {
    const server = aServer(tools('string', 'other'))
    const world = aWorld()
    for (let turn = 0; turn < 5; turn++) await world.inspect(wrong, server)
    assert.equal(server.asked.length, 1)
    await world.inspect(wrong, server, 'bob')
    world.now += 5_000
    await world.inspect(wrong, server)
    assert.equal(server.asked.length, 3)
  })

  test('is asked for once for all who wait', async () => {
    const server = aServer(tools('string', 'read'))
    const world = aWorld()
    const found = await Promise.all(Array.from({ length: 20 }, () => world.inspect(wrong, server)))
    assert.ok(found.every((each) => each[0] === 'schema/type/x'))
    assert.equal(server.asked.length, 1)
  })

  test('is not asked for when the law refuses the call anyway, or when that cannot be written down', async () => {
    const server = aServer(tools('string', 'read'))
    assert.deepEqual(await aWorld({ worth: { permits: () => false, isWorthIt: () => true } }).inspect(wrong, server), [])
    const away = new Denial('unavailable')
    await assert.rejects(aWorld({ begin: () => Promise.reject(away) }).inspect(wrong, server), away)
    assert.equal(server.asked.length, 0)
  })

  test('of a server that does not answer refuses the call, and stops asking; observe goes on', async () => {
    let wanted = true
    const silent: Pick<Server, 'forward'> = {
      forward: async function* (call): AsyncGenerator<Message> {
        await new Promise<void>((resolve) => call.signal.addEventListener('abort', () => resolve()))
        wanted = false
      },
    }
    await assert.rejects(aWorld().inspect(wrong, silent), (error) => error instanceof Denial && error.code === 'timeout')
    assert.equal(wanted, false)
    assert.deepEqual(await aWorld({ observing: true }).inspect(wrong, silent), [])
  })
})

describe('a tool that is known', () => {
  test('is judged without waiting', async () => {
    const server = aServer(tools('string', 'read'))
    const world = aWorld()
    await world.inspect(right, server)
    assert.ok(Array.isArray(world.sync(right, server)))
  })

  test('is asked for again before anything is held against the arguments, unless it was asked for just now', async () => {
    const server = aServer(tools('string', 'read'))
    const world = aWorld()
    await world.inspect(right, server)
    server.pages = [tools('number', 'read')]
    assert.deepEqual(await world.inspect(wrong, server), ['schema/type/x'])
    world.now += 5_000
    assert.deepEqual(await world.inspect(wrong, server), [])
    assert.deepEqual(await world.inspect(right, server), ['schema/type/x'])
    assert.equal(server.asked.length, 2)
  })

  test('and cannot be checked takes nothing, and that is told once', async () => {
    const server = aServer({ tools: [{ name: 'read', inputSchema: { properties: { x: { $ref: 'urn:elsewhere' } } } }] })
    const world = aWorld()
    for (let turn = 0; turn < 3; turn++) assert.deepEqual(await world.inspect(right, server), ['schema/definition'])
    assert.deepEqual(world.flawed, ['read'])
  })
})

test('a screen sees every call, with the schema of the tool as far as it is known, and both state their findings', async () => {
  const seen: unknown[] = []
  const found: Finding = { label: 'path', detector: 'path/x', pointer: '/x' }
  const screen: NonNullable<InspectorParts['screen']> = (call, inputSchema) => {
    seen.push([call.method, inputSchema])
    return [found]
  }
  const server = aServer(tools('string', 'read'))
  const world = aWorld({ screen })
  assert.deepEqual(await world.inspect(wrong, server), ['schema/type/x', 'path/x/x'])
  assert.deepEqual(await world.inspect(aCall({ method: 'prompts/get', action: 'get' }), server), ['path/x/x'])
  assert.deepEqual(seen.at(-1), ['prompts/get', undefined])
  assert.deepEqual(seen.at(-2), ['tools/call', { type: 'object', properties: { x: { type: 'string' } } }])
  assert.deepEqual(await aWorld({ screen, input: 'off' }).inspect(wrong, server), [])
})

describe('a mismatch', () => {
  const mismatch: Finding = { label: 'schema', detector: 'schema/type', pointer: '/x', rule: 'must be string' }
  const other: Finding = { label: 'secret', detector: 'd', pointer: '' }
  const decision = (effect: 'permit' | 'forbid', remedies: JsonObject[] = []) =>
    ({ effect, policies: ['p'], obligations: [], remedies, revision: 'r' }) as unknown as Parameters<typeof mismatchOf>[2]

  test('is the refusal where nothing else, or only a person, stands in the way', () => {
    for (const without of [decision('permit'), decision('forbid', [{ kind: 'approval' }])]) {
      const told = mismatchOf(
        [mismatch, other],
        (rest) => (rest.length === 1 && rest[0] === other ? without : assert.fail('another question')),
        decision('forbid'),
      )
      assert.ok(told instanceof Denial)
      assert.deepEqual(
        [told.code, told.detail, told.findings, told.policies],
        ['invalid_arguments', '/x must be string', [mismatch], ['p']],
      )
    }
  })

  test('of a definition that cannot be used is not told as one of arguments', () => {
    const unusable: Finding = { label: 'schema', detector: 'schema/definition', pointer: '', rule: 'cannot be checked' }
    const screened: Finding = { label: 'path-traversal', detector: 'input/path', pointer: '/x', rule: 'not accepted as path' }
    const told = mismatchOf([unusable, screened], () => decision('permit'), decision('forbid'))
    assert.ok(told instanceof Denial)
    assert.deepEqual([told.code, told.findings], ['unusable_tool', [unusable]])
    assert.equal(mismatchOf([unusable], () => decision('forbid', [{ kind: 'scope' }]), decision('forbid')) instanceof Denial, false)
  })

  test('gives way to every other reason, and is none where there is none', () => {
    for (const without of [
      decision('forbid'),
      decision('forbid', [{ kind: 'scope' }]),
      decision('forbid', [{ kind: 'scope' }, { kind: 'approval' }]),
    ])
      assert.equal(
        mismatchOf([mismatch], () => without, decision('forbid')),
        without,
      )
    const refused = decision('forbid')
    assert.equal(
      mismatchOf([other], () => assert.fail('asked'), refused),
      refused,
    )
  })
})

describe('what is dear to look at is looked at only where something depends on it', () => {
  const SMALL = '<script>a()</script>'
  const LARGE = `${SMALL}${'<p>a<b>x</b>'.repeat(50_000)}`
  const asked = async (more: string, html: string, roles = ['guest'], name = 'draw') => {
    await using upstream = await aBareUpstream({ draw: () => text('done'), wipe: () => text('done') })
    await using house = await aGateway(`
servers: { s: { url: "${upstream.url}" } }
access:
  roles: { guest: {}, user: { permissions: [t:draw, t:wipe] } }
  tools: { draw: { permission: t:draw }, wipe: { permission: t:wipe, approval: true } }
${more}`)
    const key = await house.key({ roles })
    const { status, body } = await post(`${house.url}/mcp/s`, 'tools/call', { name, arguments: { html } }, { 'x-api-key': key })
    const ended = (await house.events()).findLast(({ type }) => type === 'call.ended')
    const told = { status, body: { ...body, id: null }, denial: ended?.denial, detail: ended?.detail, outcome: ended?.outcome }
    return { told, labels: ended?.findings?.map(({ label }) => label) ?? [], reached: upstream.seen.length }
  }

  test('of a call that nothing permits it is not, and what is told and written of the refusal is what a small one is told', async () => {
    const [small, large] = [await asked('', SMALL), await asked('', LARGE)]
    assert.deepEqual([large.told.denial, large.labels, large.reached], ['not_found', [], 0])
    assert.deepEqual(large.told, small.told)
    assert.deepEqual(small.labels, ['script'])
  })

  test('of a call that is permitted, or lacks the word of a person, it is', async () => {
    for (const name of ['draw', 'wipe']) {
      const { told, labels } = await asked('', LARGE, ['user'], name)
      assert.deepEqual([told.denial, labels.includes('script')], ['invalid_arguments', true], name)
    }
  })

  test('and what was not is let through by no law that was enacted meanwhile', () => {
    const access = { roles: { user: { permissions: ['t:draw'] } }, tools: { draw: { permission: 't:draw' } }, resources: [] }
    const law = createEngine({ access: { ...access, tools: {} }, files: [] }, () => 0)
    const worth = new Worth(createAsking({ law, profile: 'standard' }), { check: () => undefined }, false)
    const [call, ann] = [aCall({ tool: 'draw' }), aPrincipal({ roles: ['user'] })]
    const decide = () => law.decide({ principal: ann, ...call, context: { approved: false, confirmed: false, findings: [], input: {} } })

    assert.equal(worth.isWorthIt(ann, call, []), false)
    worth.check(call, decide())
    law.replace({ access, files: [] })
    assert.throws(() => worth.check(call, decide()), { code: 'unavailable' })
  })

  test('and where nothing is refused it always is, because what would have been is written down', async () => {
    const { told, labels } = await asked('profile: observe', LARGE)
    assert.deepEqual([told.status, told.outcome, labels.includes('script')], [200, 'would_deny', true])
  })
})
