/** The life of an installation, with real processes: keys come and go, the gateway is killed and comes back, history is edited and caught. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { JsonObject } from '../../src/core/json.ts'
import { post, type Reply } from '../fixtures/gateway.ts'
import { type GatewayProcess, startGateway } from '../fixtures/gateway-process.ts'
import { aBareUpstream, type BareUpstream, text } from '../fixtures/upstream.ts'

let upstream: BareUpstream
let gateway: GatewayProcess

before(async () => {
  upstream = await aBareUpstream({
    echo: (args) => text(String(args['message'])),
    get_time: () => text('now'),
    admin_reset: () => text('reset'),
  })
  gateway = await startGateway({
    servers: { tools: { url: upstream.url } },
    access: {
      roles: { user: { permissions: ['tools:use'] } },
      tools: { echo: { permission: 'tools:use' }, get_time: { permission: 'tools:use' } },
    },
  })
})
after(async () => {
  await gateway?.stop()
  await upstream[Symbol.asyncDispose]()
})

const echo = (key: string, message = 'hi', tool = 'echo'): Promise<Reply> =>
  post(`${gateway.url}/mcp`, 'tools/call', { name: tool, arguments: { message } }, { 'x-api-key': key })
const codeOf = (reply: Reply): unknown =>
  ((reply.body['error'] as JsonObject | undefined)?.['data'] as JsonObject | undefined)?.['code'] ?? reply.status

test('a key is created, used, rotated with an overlap, and revoked: each is true at the next call', async () => {
  const { id, key } = await gateway.createKey({ roles: ['user'] })
  assert.equal(codeOf(await echo(key)), 200)

  const rotated = JSON.parse(await gateway.cli('keys', 'rotate', id, '--overlap', '1h', '--json')) as { readonly key: string }
  assert.deepEqual([codeOf(await echo(key)), codeOf(await echo(rotated.key))], [200, 200])

  await gateway.cli('keys', 'rotate', id, '--overlap', '0s', '--json')
  assert.deepEqual([codeOf(await echo(key)), codeOf(await echo(rotated.key))], ['invalid_token', 'invalid_token'])

  const fresh = await gateway.createKey({ roles: ['user'] })
  assert.equal(codeOf(await echo(fresh.key)), 200)
  await gateway.cli('keys', 'revoke', fresh.id)
  assert.equal(codeOf(await echo(fresh.key)), 'invalid_token')
})

test('a key made with an allow-list alone may do what the list names, and nothing else', async () => {
  const { key } = await gateway.createKey({ allow: ['get_*'] })
  assert.deepEqual([codeOf(await echo(key, '', 'get_time')), codeOf(await echo(key))], [200, 'not_found'])
  const listed = await post(`${gateway.url}/mcp`, 'tools/list', {}, { 'x-api-key': key })
  const tools = (listed.body['result'] as { readonly tools: readonly { readonly name: string }[] }).tools
  assert.deepEqual(
    tools.map((tool) => tool.name),
    ['get_time'],
  )
})

test('a killed gateway comes back with its keys, and every call that was answered is in a journal that verifies', async () => {
  const { key, id } = await gateway.createKey({ roles: ['user'] })
  let answered = 0
  const calls = Array.from({ length: 200 }, async () => {
    const reply = await echo(key).catch(() => undefined)
    if (reply?.status === 200) answered++
    // In the middle of the crowd.
    if (answered === 40) killed ??= gateway.restart('SIGKILL')
  })
  let killed: Promise<void> | undefined
  await Promise.all(calls)
  await killed

  assert.equal(codeOf(await echo(key)), 200)
  const events = JSON.parse(
    `[${(await gateway.cli('audit', 'query', '--principal', `key#${id}`, '--outcome', 'permitted', '--json')).trim().replaceAll('\n', ',')}]`,
  ) as readonly JsonObject[]
  assert.ok(answered >= 40)
  assert.ok(events.length >= answered + 1, `${events.length} records of ${answered + 1} answers`)
  assert.match(await gateway.cli('audit', 'verify'), /sound|verif|ok/i)
})

test('a record that was edited in the file is named by the proof', async () => {
  const { key } = await gateway.createKey({ roles: ['user'] })
  await echo(key, 'hi', 'admin_reset')
  const path = join(gateway.folder, '.portcullis/portcullis.db-audit.log')
  const lines = readFileSync(path, 'utf8').split('\n')
  const last = lines.findLastIndex((line) => line.includes('admin_reset'))
  const edited = lines.map((line, index) => (index === last ? line.replaceAll('admin_reset', 'harmless') : line))
  assert.equal(lines.filter((line, index) => line !== edited[index]).length, 1)
  writeFileSync(path, edited.join('\n'))
  await assert.rejects(gateway.cli('audit', 'verify'), (error: { readonly code?: number; readonly stdout?: string }) => {
    assert.equal(error.code, 1)
    assert.match(String(error.stdout), /edited/)
    return true
  })
})
