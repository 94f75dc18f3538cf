/** Three replicas of one installation on one Redis, behind a balancer that knows nothing: processes of their own, as an operator runs them. */
import assert from 'node:assert/strict'
import { createPublicKey } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Agent, getGlobalDispatcher, setGlobalDispatcher } from 'undici'
import { storeSource, type Verdict, verifyJournal } from '../../src/audit/verify.ts'
import { parseConfig } from '../../src/config/load.ts'
import { isObject, type JsonObject } from '../../src/core/json.ts'
import { createKeyedHash } from '../../src/core/secret.ts'
import { openRecords, type Records } from '../../src/guard/records.ts'
import { Blocks } from '../../src/limit/blocks.ts'
import { type Balancer, startBalancer } from '../fixtures/balancer.ts'
import { META, post, type Reply } from '../fixtures/gateway.ts'
import { type GatewayProcess, startGateway } from '../fixtures/gateway-process.ts'
import { type Heard, listenAt } from '../fixtures/listener.ts'
import { REDIS_MISSING, type RedisServer, startRedis, until } from '../fixtures/redis.ts'
import { legacyHttp } from '../fixtures/speakers.ts'
import { child } from '../fixtures/stdio.ts'
import { aBareUpstream, type BareUpstream, text } from '../fixtures/upstream.ts'

const BURST = 12
const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId'
const PLENTY = { rate: '1000000/m', burst: 100_000 }
/** What a client may try again: nothing of an answer had come. */
const CUT = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'])

describe('Three replicas on one Redis', { skip: REDIS_MISSING }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'replicas-'))
  const before_ = getGlobalDispatcher()
  let redis: RedisServer
  /** What an operator does from another machine. */
  let records: Records
  let upstream: BareUpstream
  const replicas: GatewayProcess[] = []
  let balancer: Balancer
  before(async () => {
    // A connection for each request, so that each meets another replica.
    setGlobalDispatcher(new Agent({ pipelining: 0 }))
    redis = await startRedis(['appendonly yes', 'appendfsync always'])
    upstream = await aBareUpstream({ echo: (args) => text(String(args['message'])) })
    const settings = {
      store: { url: `redis://127.0.0.1:${redis.port}`, prefix: 'house:' },
      keyFile: join(folder, 'house.key'),
      peers: { listen: '127.0.0.1:0' },
      trustedProxies: ['127.0.0.1'],
      servers: {
        tools: { url: upstream.url },
        talk: { command: child('sdk-v1') },
        work: { command: [process.execPath, join(import.meta.dirname, '../fixtures/task-stdio.ts')] },
      },
      authentication: { anonymous: { roles: ['guest'] } },
      access: {
        roles: { guest: { permissions: ['tools:use'] }, user: { permissions: ['*'] }, few: { permissions: ['*'] } },
        tools: { 'tools/*': { permission: 'tools:use' }, 'talk/*': { permission: 'talk:use' }, 'work/*': { permission: 'work:use' } },
      },
      limits: {
        address: PLENTY,
        methods: { apiKey: PLENTY, anonymous: PLENTY },
        roles: { few: { rate: '6/m', burst: BURST } },
      },
    }
    await Promise.all(['a', 'b', 'c'].map(async (node) => replicas.push(await startGateway({ ...settings, node }))))
    records = openRecords(parseConfig(JSON.stringify({ ...settings, peers: undefined }), { file: join(folder, 'portcullis.yaml') }), {
      node: 'cli',
      onFault: (fault) => assert.fail(fault),
    })
    balancer = await startBalancer(() => replicas.map(({ port }) => port))
  })
  after(async () => {
    await balancer?.[Symbol.asyncDispose]()
    await Promise.all(replicas.map((replica) => replica.stop()))
    await records?.close()
    await upstream?.[Symbol.asyncDispose]()
    await redis?.[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true })
    setGlobalDispatcher(before_)
  })

  const first = (): GatewayProcess => replicas[0] ?? assert.fail('no replica')
  const echo = (url: string, headers: Readonly<Record<string, string>> = {}, message = 'hi'): Promise<Reply> =>
    post(`${url}/mcp/tools`, 'tools/call', { name: 'echo', arguments: { message } }, headers)
  /** Asks again and again until it is told to stop. */
  function keepAsking(headers: Readonly<Record<string, string>>): { readonly heard: unknown[]; stop(): Promise<void> } {
    const heard: unknown[] = []
    let isOver = false
    const asking = (async () => {
      while (!isOver) {
        const reply = await echo(balancer.url, headers).catch((error: unknown) => causeOf(error))
        if (typeof reply === 'string') heard.push(CUT.has(reply) ? 'cut' : reply)
        else heard.push(reply.status === 503 ? `${codeOf(reply)} after ${Number(reply.headers.get('retry-after')) > 0}` : codeOf(reply))
      }
    })()
    return {
      heard,
      stop: () => {
        isOver = true
        return asking
      },
    }
  }
  const codeOf = (reply: Reply): unknown =>
    ((reply.body['error'] as JsonObject | undefined)?.['data'] as JsonObject | undefined)?.['code'] ?? reply.status
  const resultOf = (reply: Reply): JsonObject => (reply.body['result'] ?? {}) as JsonObject
  const saidBy = (result: JsonObject | undefined): string =>
    (result?.['content'] as readonly { readonly text: string }[] | undefined)?.[0]?.text ?? ''
  const createKey = async (role: string): Promise<{ readonly id: string; readonly key: string }> => {
    const issued = await records.keys.create({ name: 'test', roles: [role], createdBy: 'test' })
    return { id: issued.key.id, key: issued.text.reveal() }
  }
  const verify = (): Promise<Verdict> =>
    verifyJournal(storeSource(records.store), createPublicKey(records.keyring.signingKey()), {
      headHash: createKeyedHash(records.keyring.key('journal-head')),
    })

  it('five hundred calls at once of one key are let through as often as its bucket says, whoever is asked', async () => {
    const { key } = await createKey('few')
    const from = performance.now()
    const replies = await Promise.all(Array.from({ length: 500 }, () => echo(balancer.url, { 'x-api-key': key })))
    const refilled = Math.ceil((performance.now() - from) / 10_000)
    const counts = Object.groupBy(replies, (reply) => String(codeOf(reply)))
    assert.deepEqual(Object.keys(counts).sort(), ['200', 'rate_limited'])
    const allowed = counts['200']?.length ?? 0
    assert.ok(allowed >= BURST && allowed <= BURST + refilled, `${allowed} of ${BURST}`)
  })

  it('a key revoked on one replica, and an address blocked on one, are turned away by all within a second', async () => {
    const { id, key } = await createKey('user')
    const headers = { 'x-api-key': key }
    for (const { url } of replicas) assert.equal(codeOf(await echo(url, headers)), 200)
    await records.keys.revoke(id)
    // Each knows the key from a moment ago, and asks all the same before anything is done.
    const handled = upstream.seen.length
    for (const { url } of replicas) assert.equal(codeOf(await echo(url, headers)), 'invalid_token')
    assert.equal(upstream.seen.length, handled)
    const address = { 'x-forwarded-for': '203.0.113.9' }
    for (const { url } of replicas) assert.equal(codeOf(await echo(url, address)), 200)
    await new Blocks(records.store, Date.now).add('203.0.113.9/32', { by: 'test' })
    await until(
      async () => (await Promise.all(replicas.map(async ({ url }) => (await echo(url, address)).status))).every((status) => status === 403),
      1_000,
    )
  })

  it('a session of an older revision is one conversation, whichever replica is asked, and nobody else’s', async () => {
    const { key } = await createKey('user')
    await using session = await legacyHttp(`${balancer.url}/mcp/talk`, key, '2025-11-25')
    const pids = new Set<string>()
    for (let asked = 0; asked < 6; asked++)
      pids.add(saidBy((await session.ask('tools/call', { name: 'pid', arguments: {} }))['result'] as JsonObject))
    assert.equal(pids.size, 1)
    const other = await createKey('user')
    for (const { url } of replicas) {
      const stolen = await fetch(`${url}/mcp/talk`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          'x-api-key': other.key,
          'mcp-session-id': session.session,
          'mcp-protocol-version': '2025-11-25',
        },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }),
      })
      assert.equal(stolen.status, 404)
      await stolen.text()
    }
  })

  it('a question that waits on one replica is answered once, though fifty answer it at once on all three', async () => {
    const { key } = await createKey('user')
    const meta = { _meta: { ...META, 'io.modelcontextprotocol/clientCapabilities': { elicitation: {} } } }
    const ask = (more: JsonObject = {}): Promise<Reply> =>
      post(
        `${balancer.url}/mcp/talk`,
        'tools/call',
        { name: 'confirm', arguments: { questions: 1 }, ...meta, ...more },
        { 'x-api-key': key },
      )
    const { requestState } = resultOf(await ask())
    const inputResponses = { question: { action: 'accept', content: { ok: true } } }
    const replies = await Promise.all(Array.from({ length: 50 }, () => ask({ requestState: String(requestState), inputResponses })))
    const won = replies.filter((reply) => saidBy(resultOf(reply)) === 'accept {"ok":true}')
    assert.equal(won.length, 1)
    assert.deepEqual([...new Set(replies.filter((reply) => !won.includes(reply)).map(codeOf))], ['invalid_arguments'])
  })

  it('tasks of three replicas are listened to at any of them, with all else that is listened to, until one of them is gone', async () => {
    const [mine, theirs] = [(await createKey('user')).key, (await createKey('user')).key]
    const _meta = { ...META, 'io.modelcontextprotocol/clientCapabilities': { extensions: { 'io.modelcontextprotocol/tasks': {} } } }
    const work = (at: number, name: string, task: string, key = mine): Promise<Reply> =>
      post(`${replicas[at]?.url}/mcp/work`, 'tools/call', { name, arguments: { task }, _meta }, { 'x-api-key': key })
    for (const at of [0, 1, 2]) assert.equal(resultOf(await work(at, 'begin', `job-${at}`))['resultType'], 'task')
    assert.equal(resultOf(await work(1, 'begin', 'their-job', theirs))['resultType'], 'task')
    const all = { toolsListChanged: true, taskIds: ['job-2', 'job-0', 'their-job', 'job-1', 'nobodys'] }
    const listen = async (at: number, notifications: JsonObject = all): Promise<Heard> => {
      const heard = listenAt(`${replicas[at]?.url}/mcp/work`, mine, `L${at}`, notifications)
      await until(() => heard.messages.length > 0)
      return heard
    }
    const acknowledged = ({ messages: [first] }: Heard): JsonObject => {
      const { notifications, _meta: meta } = (first?.['params'] ?? {}) as JsonObject
      const { taskIds = [], ...rest } = notifications as { taskIds?: string[] }
      return { ...rest, taskIds: taskIds.toSorted(), id: (meta as JsonObject)[SUBSCRIPTION] ?? '' }
    }
    const told = ({ messages }: Heard): readonly string[] =>
      messages.slice(1).map(({ method, params }) => {
        const { taskId = '', _meta: meta } = params as JsonObject
        return `${String(method)} ${String(taskId)} ${String((meta as JsonObject)[SUBSCRIPTION])}`
      })
    const streams = [await listen(0), await listen(1), await listen(2)]
    const [at0, at1, at2] = streams
    assert.ok(at0 !== undefined && at1 !== undefined && at2 !== undefined)
    for (const [at, heard] of streams.entries())
      assert.deepEqual(acknowledged(heard), { toolsListChanged: true, taskIds: ['job-0', 'job-1', 'job-2'], id: `L${at}` })
    // The server tells whoever listens of every task; of theirs nobody else hears.
    await work(1, 'finish', 'their-job')
    for (const at of [0, 1, 2]) await work(at, 'finish', `job-${at}`)
    await work(0, 'touch', '')
    await until(() => at0.messages.length > 4 && at1.messages.length > 3 && at2.messages.length > 3)
    const finished = (at: number): readonly string[] => [0, 1, 2].map((one) => `notifications/tasks job-${one} L${at}`)
    assert.deepEqual(told(at0).toSorted(), [...finished(0), 'notifications/tools/list_changed  L0'])
    assert.deepEqual([told(at1).toSorted(), told(at2).toSorted()], [finished(1), finished(2)])
    await using alone = await listen(0, { taskIds: ['job-1'] })
    assert.deepEqual(acknowledged(alone), { taskIds: ['job-1'], id: 'L0' })

    await replicas[2]?.restart('SIGKILL')
    await Promise.all(streams.map(({ over }) => over))
    for (const { messages } of [at0, at1]) assert.equal(codeOf({ body: messages.at(-1) ?? {} } as Reply), 'unavailable')
    const again = await listen(0)
    assert.deepEqual(acknowledged(again)['taskIds'], ['job-0', 'job-1'])
    await replicas[1]?.restart('SIGTERM')
    await Promise.all([again.over, alone.over])
    for (const { messages } of [again, alone])
      assert.equal((messages.at(-1)?.['result'] as JsonObject | undefined)?.['resultType'], 'complete')
    await using last = await listen(2, { taskIds: ['job-1', 'job-2'] })
    assert.deepEqual(acknowledged(last)['taskIds'], [])
  })

  it('replicas are restarted one after another under load, and nobody hears anything worse than 503', async () => {
    const { key } = await createKey('user')
    const caller = keepAsking({ 'x-api-key': key })
    const session = await legacyHttp(`${first().url}/mcp/talk`, key, '2025-11-25')
    for (const replica of replicas) await replica.restart('SIGTERM')
    await caller.stop()
    const { heard } = caller
    assert.deepEqual(
      [...new Set(heard)].filter((code) => code !== 'unavailable after true' && code !== 'cut'),
      [200],
    )
    assert.ok(heard.filter((code) => code === 200).length > 50)
    const gone = await session.ask('tools/list').catch((error: unknown) => error)
    assert.ok(gone instanceof Error || (gone as JsonObject)['error'] !== undefined)
    const { isSound, chains } = await verify()
    assert.equal(isSound, true)
    assert.ok(new Set(chains.map(({ node }) => String(node)[0])).size >= 3)
  })

  it('Redis is killed under load and comes back: who needs it is told 503, who does not is served, and history misses nothing', async () => {
    const { key } = await createKey('user')
    const keyed = keepAsking({ 'x-api-key': key })
    const free = [keepAsking({})]
    const freely = (): readonly unknown[] => free.flatMap(({ heard }) => heard)
    await until(() => keyed.heard.length > 20)
    await redis.kill()
    const before = [keyed.heard.length, freely().length]
    await until(() => keyed.heard.length > (before[0] ?? 0) + 20 && freely().length > (before[1] ?? 0) + 50, 30_000)
    await redis.restart()
    await until(async () => (await echo(first().url, { 'x-api-key': key })).status === 200)
    await Promise.all([keyed, ...free].map((caller) => caller.stop()))
    assert.deepEqual([...new Set(freely())], [200])
    assert.deepEqual([...new Set(keyed.heard)].sort(), [200, 'unavailable after true'])
    const session = await legacyHttp(`${first().url}/mcp/talk`, key, '2025-11-25')
    const [, second] = replicas
    const inSession = { 'x-api-key': key, 'mcp-session-id': session.session, 'mcp-protocol-version': '2025-11-25' }
    const ask = (): Promise<Response> => fetch(`${second?.url}/mcp/talk`, { method: 'DELETE', headers: inSession })
    await first().kill()
    assert.equal((await ask()).status, 404)
    await until(async () => (await verify()).isSound === true)
    let ended = 0
    for await (const { value } of storeSource(records.store).events())
      if (
        isObject(value) &&
        value['type'] === 'call.ended' &&
        value['outcome'] === 'permitted' &&
        JSON.stringify(value).includes('anonymous')
      )
        ended++
    assert.ok(ended >= freely().length, `${ended} of ${freely().length}`)
  })
})

function causeOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined
  return cause instanceof Error && 'code' in cause ? String(cause.code) : String(error)
}
