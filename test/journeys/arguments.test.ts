/** Arguments that are not what the tool takes come back to the model as something it can correct, in every revision and over every transport, and do not reach the server. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { DENIALS } from '../../src/core/denial.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { aGateway, keyIn, META, post, type RunningGateway } from '../fixtures/gateway.ts'
import { aCall, aPrincipal } from '../fixtures/nouns.ts'
import { legacyHttp, modernHttp, overStdio, type Speaker } from '../fixtures/speakers.ts'
import { sdkModern, sdkV1 } from '../upstream/http-upstreams.ts'

const typed = fileURLToPath(new URL('../fixtures/typed-stdio.ts', import.meta.url))
const yaml = (more = ''): string => `
servers: { typed: { command: [${JSON.stringify(process.execPath)}, ${JSON.stringify(typed)}] } }
access:
  roles: { user: { permissions: [tools:use] } }
  tools: { note: { permission: tools:use }, knotted: { permission: tools:use }, broken: { permission: tools:use }, redefine: { permission: tools:use }, asked: { permission: tools:use }, ghost: { permission: tools:use }, rooted: { permission: tools:use }, regional: { permission: tools:use } }
${more}`

type Open = (house: RunningGateway, key: string) => Promise<Speaker>
const FACES: readonly (readonly [string, Open])[] = [
  ['2026-07-28 over HTTP', (house, key) => Promise.resolve(modernHttp(`${house.url}/mcp/typed`, key))],
  ['2025-11-25 over HTTP', (house, key) => legacyHttp(`${house.url}/mcp/typed`, key, '2025-11-25')],
  ['2025-03-26 over HTTP', (house, key) => legacyHttp(`${house.url}/mcp/typed`, key, '2025-03-26')],
  ['2026-07-28 over stdio', (house) => overStdio(house, 'typed', '2026-07-28')],
  ['2025-11-25 over stdio', (house) => overStdio(house, 'typed', '2025-11-25')],
]

interface World extends AsyncDisposable {
  readonly house: RunningGateway
  readonly key: string
}

/** A gateway that has made a key, and has it in its environment as `portcullis run` would. */
async function aWorld(more = '', roles: readonly string[] = ['user'], write: (more: string) => string = yaml): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-'))
  const store = join(folder, 'portcullis.db')
  const key = await keyIn(store, write(more), roles)
  const house = await aGateway(write(more), { store, environment: { MCP_API_KEY: key } })
  return {
    house,
    key,
    [Symbol.asyncDispose]: async () => {
      await house[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true })
    },
  }
}

const resultOf = (answer: JsonObject): JsonObject => (answer['result'] ?? {}) as JsonObject
const textOf = (answer: JsonObject): unknown => (resultOf(answer)['content'] as readonly JsonObject[] | undefined)?.[0]?.['text']
const call = (speaker: Speaker, name: string, args: JsonObject = {}): Promise<JsonObject> =>
  speaker.ask('tools/call', { name, arguments: args })

for (const [name, open] of FACES) {
  test(`${name}: a wrong argument is a tool error that says where and what, the journal says it too, and the server was not called`, async () => {
    await using world = await aWorld()
    await using speaker = await open(world.house, world.key)

    const wrong = await call(speaker, 'note', { text: 7 })
    assert.equal(wrong['error'], undefined)
    assert.deepEqual(resultOf(wrong), {
      ...(name.startsWith('2026') ? { resultType: 'complete' } : {}),
      content: [{ type: 'text', text: 'The arguments are not valid.\n/text: must be string' }],
      isError: true,
    })
    assert.match(String(textOf(await call(speaker, 'note'))), /\/text: is required/)
    assert.equal(textOf(await call(speaker, 'note', { text: 'aaa' })), 'done')
    assert.equal(textOf(await call(speaker, 'asked')), 'note')

    const refused = (await world.house.events()).filter(({ denial }) => denial === 'invalid_arguments')
    assert.deepEqual(
      refused.map(({ outcome, policies, findings }) => [outcome, policies, findings?.map(({ detector, pointer }) => detector + pointer)]),
      [
        ['denied', ['house.schema'], ['schema/type/text']],
        ['denied', ['house.schema'], ['schema/required/text']],
      ],
    )
    assert.equal((await world.house.events()).filter(({ type }) => type === 'tools.asked').length, 1)
  })
}

for (const [served, serve] of [
  ['SDK v1, with sessions', sdkV1],
  ['SDK v2', sdkModern],
] as const) {
  test(`before ${served} over HTTP the same holds for callers of both eras`, async () => {
    await using server = await serve()
    await using house = await aGateway(
      `servers: { typed: { url: "${server.url}" } }\naccess: { roles: { user: { permissions: ["*"] } }, tools: { "*": { permission: tools:use } } }`,
    )
    const key = await house.key({ roles: ['user'] })
    for (const speaker of [modernHttp(`${house.url}/mcp/typed`, key), await legacyHttp(`${house.url}/mcp/typed`, key, '2025-11-25')]) {
      await using _speaker = speaker
      assert.match(String(textOf(await call(speaker, 'echo', { text: 7 }))), /\/text: must be string/)
      assert.equal(textOf(await call(speaker, 'echo', { text: 'seven' })), 'seven')
    }
    assert.equal((await house.events()).filter(({ denial }) => denial === 'invalid_arguments').length, 2)
  })
}

test('a hostile pattern of the server and a hostile text of the caller do not hang', async () => {
  await using world = await aWorld('inspect: { definitions: { pin: false } }')
  await using speaker = modernHttp(`${world.house.url}/mcp/typed`, world.key)
  assert.match(String(textOf(await call(speaker, 'knotted', { text: `${'a'.repeat(100_000)}!` }))), /\/text: must match the pattern/)
  assert.equal(textOf(await call(speaker, 'knotted', { text: 'a'.repeat(100_000) })), 'done')
})

test('a tool whose pattern would hang whoever else checks arguments by it waits for a person', async () => {
  await using world = await aWorld()
  await using speaker = modernHttp(`${world.house.url}/mcp/typed`, world.key)
  await call(speaker, 'asked')
  const withheld = (await world.house.events()).filter(({ type }) => type === 'definition.withheld')
  assert.deepEqual(withheld.map(({ resource, findings }) => [resource?.name, findings?.map(({ detector }) => detector)]).toSorted(), [
    ['broken', ['definition/remote']],
    ['knotted', ['definition/pattern']],
  ])
})

test('where nothing is pinned, a definition that was changed counts from when the server says so', async () => {
  await using world = await aWorld('inspect: { definitions: { pin: false } }')
  await using speaker = await overStdio(world.house, 'typed', '2025-11-25')
  assert.equal(textOf(await call(speaker, 'note', { text: 'a' })), 'done')
  await call(speaker, 'redefine')
  assert.match(String(textOf(await call(speaker, 'note', { text: 'a' }))), /\/text: must be number/)
  assert.equal(textOf(await call(speaker, 'note', { text: 5 })), 'done')
})

test('a definition that cannot be used refuses every call to its tool: the caller is told that no arguments would do, the operator once why and what to do', async () => {
  await using world = await aWorld('inspect: { definitions: { pin: false } }')
  await using speaker = modernHttp(`${world.house.url}/mcp/typed`, world.key)
  for (const args of [{}, { x: 1 }]) {
    const refused = await call(speaker, 'broken', args)
    assert.equal(textOf(refused), DENIALS.unusable_tool.message)
    assert.equal(resultOf(refused)['isError'], true)
  }
  const flaws = (await world.house.events()).filter(({ type }) => type === 'tool.flawed')
  assert.deepEqual(
    flaws.map(({ resource, findings }) => [resource?.name, findings?.map(({ detector, pointer }) => `${detector} ${pointer}`)]),
    [['broken', ['schema/$ref /properties/x/$ref']]],
  )
  assert.equal(textOf(await call(speaker, 'asked')), '')
  const denied = (await world.house.events()).filter(({ type, denial }) => type === 'call.ended' && denial !== undefined)
  assert.deepEqual(
    denied.map(({ denial, policies }) => [denial, policies]),
    Array.from({ length: 2 }, () => ['unusable_tool', ['house.schema']]),
  )
  assert.deepEqual(
    world.house.faults.filter(({ code }) => code === 'FAULT_DEFINITION').map(({ message }) => message),
    [
      'typed/broken cannot be called: a reference that does not stay within the schema (inputSchema/properties/x/$ref). Have it mended by whoever makes the server; inspect.input: off would hold no arguments against any schema',
    ],
  )
})

test('who may not call a tool learns nothing of what it takes, and nobody is asked', async () => {
  await using world = await aWorld('', [])
  const answer = await post(
    `${world.house.url}/mcp/typed`,
    'tools/call',
    { name: 'note', arguments: { text: 7 } },
    { 'x-api-key': world.key },
  )
  assert.equal((answer.body['error'] as JsonObject)['code'], -32602)
  assert.equal(((answer.body['error'] as JsonObject)['data'] as JsonObject)['code'], 'not_found')
  const types = (await world.house.events()).map(({ type }) => type)
  assert.ok(!types.includes('tools.asked') && !types.includes('upstream.started'))
  // Also when the definition is known from somebody who may.
  const other = await world.house.key({ roles: ['user'] })
  await post(`${world.house.url}/mcp/typed`, 'tools/list', {}, { 'x-api-key': other })
  const again = await post(
    `${world.house.url}/mcp/typed`,
    'tools/call',
    { name: 'note', arguments: { text: 7 } },
    { 'x-api-key': world.key },
  )
  assert.deepEqual(again.body['error'], answer.body['error'])
})

test('a tool that the server does not list is the server’s to answer for, but not in strict; off lets everything through', async () => {
  {
    await using world = await aWorld()
    await using speaker = modernHttp(`${world.house.url}/mcp/typed`, world.key)
    assert.equal(textOf(await call(speaker, 'ghost')), 'done')
  }
  {
    await using world = await aWorld('inspect: { input: strict }')
    await using speaker = modernHttp(`${world.house.url}/mcp/typed`, world.key)
    assert.match(String(textOf(await call(speaker, 'ghost'))), /does not list this tool/)
    assert.match(String(textOf(await call(speaker, 'note', { text: 'a', more: 1 }))), /\nan unknown member is not known to the tool/)
  }
  await using world = await aWorld('inspect: { input: off, definitions: { pin: false } }')
  await using speaker = modernHttp(`${world.house.url}/mcp/typed`, world.key)
  assert.equal(textOf(await call(speaker, 'note', { text: 7 })), 'done')
  assert.ok((await world.house.events()).every(({ type }) => type !== 'tools.asked'))
})

test('profile observe lets wrong arguments through and records what it would have said', async () => {
  await using world = await aWorld('profile: observe')
  await using speaker = modernHttp(`${world.house.url}/mcp/typed`, world.key)
  assert.equal(textOf(await call(speaker, 'note', { text: 7 })), 'done')
  const ended = (await world.house.events()).find(({ type, method }) => type === 'call.ended' && method === 'tools/call')
  assert.deepEqual([ended?.outcome, ended?.findings?.map(({ detector }) => detector)], ['would_deny', ['schema/type']])
})

test('a hundred first calls at once ask the server once', async () => {
  await using world = await aWorld()
  const url = `${world.house.url}/mcp/typed`
  const answers = await Promise.all(
    Array.from({ length: 100 }, () =>
      post(url, 'tools/call', { name: 'note', arguments: { text: 'a' }, _meta: META }, { 'x-api-key': world.key }),
    ),
  )
  assert.ok(answers.every(({ body }) => textOf(body) === 'done'))
  assert.equal((await world.house.events()).filter(({ type }) => type === 'tools.asked').length, 1)
})

const climbing = '../../../../etc/passwd'
/** A tool that keeps words at a place. */
const saving = (more: string): string =>
  yaml(more).replace('note: {', 'save: { permission: tools:use, arguments: { place: { kind: path } } }, note: {')

for (const [name, open] of FACES) {
  test(`${name}: what is dangerous in a path is told by place and kind, named in the journal, and not sent on; in an essay it is ordinary`, async () => {
    await using world = await aWorld('', ['user'], saving)
    await using speaker = await open(world.house, world.key)
    const refused = await call(speaker, 'save', { place: climbing, words: 'x' })
    assert.equal(resultOf(refused)['isError'], true)
    assert.equal(textOf(refused), 'The arguments are not valid.\n/place: not accepted as path')
    assert.equal(textOf(await call(speaker, 'asked')), '')
    const essay = { place: 'notes/today.md', words: `An essay on paths: never open ${climbing}.` }
    assert.equal(textOf(await call(speaker, 'save', essay)), 'done')

    const [event, ...more] = (await world.house.events()).filter(({ denial }) => denial === 'invalid_arguments')
    assert.deepEqual(more, [])
    assert.deepEqual(event?.policies, ['house.input'])
    assert.deepEqual(
      event?.findings?.map(({ label, detector, pointer }) => [label, detector, pointer]),
      [['path-traversal', 'input/path', '/place']],
    )
  })
}

test('with inspect.input: off nothing is looked at, and in profile: observe what would have been refused is written down', async () => {
  await using off = await aWorld('inspect: { input: off }', ['user'], saving)
  assert.equal(textOf(await call(modernHttp(`${off.house.url}/mcp/typed`, off.key), 'save', { place: climbing })), 'done')
  await using observing = await aWorld('profile: observe', ['user'], saving)
  assert.equal(textOf(await call(modernHttp(`${observing.house.url}/mcp/typed`, observing.key), 'save', { place: climbing })), 'done')
  const [event] = (await observing.house.events()).filter(({ outcome }) => outcome === 'would_deny')
  assert.deepEqual(
    event?.findings?.map(({ label }) => label),
    ['path-traversal'],
  )
})

test('an argument that its tool wants repeated as a header must be repeated in it, or nothing in front of the server could rely on the header', async () => {
  await using world = await aWorld()
  const say = async (region: string): Promise<unknown> => {
    const headers = { 'x-api-key': world.key, 'mcp-param-region': region }
    const { status, body } = await post(
      `${world.house.url}/mcp/typed`,
      'tools/call',
      { name: 'regional', arguments: { region: 'eu' } },
      headers,
    )
    const error = body['error'] as JsonObject | undefined
    return status === 200 ? textOf(body) : error?.['code']
  }
  assert.deepEqual([await say('us'), await say('eu')], [-32020, 'done'])
})

test('a command is offered no roots of its clients, with no message, and cannot ask for them: they would widen what its operator allowed', async () => {
  await using world = await aWorld()
  const meta = { ...META, 'io.modelcontextprotocol/clientCapabilities': { roots: {} } }
  const headers = { 'x-api-key': world.key }
  const answer = await post(`${world.house.url}/mcp/typed`, 'tools/call', { name: 'rooted', arguments: {}, _meta: meta }, headers)
  assert.equal(textOf(answer.body), '')
  const { stations } = world.house.gateway.house
  const call = aCall({ resource: { kind: 'tool', server: 'typed', name: 'rooted' } })
  assert.equal(stations.release({ body: { jsonrpc: '2.0', id: 1, method: 'roots/list' } }, aPrincipal(), call), undefined)
})

test('a discovery offers what both sides speak, and is kept by nobody else and not for long, whatever the server says', async () => {
  await using world = await aWorld()
  const { body } = await post(`${world.house.url}/mcp/typed`, 'server/discover', {}, { 'x-api-key': world.key })
  const { supportedVersions, ttlMs, cacheScope } = resultOf(body)
  assert.deepEqual({ supportedVersions, ttlMs, cacheScope }, { supportedVersions: ['2026-07-28'], ttlMs: 60_000, cacheScope: 'private' })
})
