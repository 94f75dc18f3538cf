/** The official filesystem, memory and everything servers behind the gateway, the official client in both eras: what is laundered, destroyed, approved by an agent itself, or planted. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Client, StreamableHTTPClientTransport, type VersionNegotiationMode } from '@modelcontextprotocol/client'
import { isObject, type JsonObject } from '../../src/core/json.ts'
import { aGateway } from '../fixtures/gateway.ts'
import { refusalIn } from '../fixtures/refusal.ts'
import { ALICE } from './approval-world.ts'

/** Looks like a credential, and is none. */
const PLANTED = 'ghp_7hRk2mQx9TzB4vLc8WsN3dYf6JgP1aEuK5oC'
const ERAS: readonly VersionNegotiationMode[] = ['legacy', { pin: '2026-07-28' }]
/** Where each of them begins. */
const PROGRAMS = {
  filesystem: import.meta.resolve('@modelcontextprotocol/server-filesystem/dist/index.js'),
  memory: import.meta.resolve('@modelcontextprotocol/server-memory/dist/index.js'),
  everything: import.meta.resolve('@modelcontextprotocol/server-everything/dist/index.js'),
} as const
const commandOf = (name: keyof typeof PROGRAMS, ...args: readonly string[]): string =>
  JSON.stringify([process.execPath, fileURLToPath(PROGRAMS[name]), ...args])

async function aHouse(t: TestContext, mode: VersionNegotiationMode) {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'portcullis-real-')))
  const [data, memory] = [join(folder, 'data'), join(folder, 'memory.jsonl')]
  mkdirSync(data)
  writeFileSync(join(data, 'contract.txt'), 'BLUEBIRD')
  writeFileSync(join(data, 'env.txt'), `TOKEN=${PLANTED}\nrest`)
  writeFileSync(join(data, 'picture.png'), Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 0xff, 0xfe]), Buffer.from(PLANTED)]))
  const house = await aGateway(
    `
admin: 127.0.0.1:0
servers:
  files: { command: ${commandOf('filesystem', data)} }
  memory: { command: ${commandOf('memory')}, env: { MEMORY_FILE_PATH: ${JSON.stringify(memory)} } }
  every: { command: ${commandOf('everything')}, env: { PLANTED_TOKEN: ${PLANTED} } }
access:
  roles: { agent: { permissions: ["*"] } }
  tools: { "*": { permission: t:use }, memory/delete_entities: { approval: true } }
flow:
  labels: { files/read_*: [confidential] }
  sinks: { every/echo: external }
  stores: { notes: { write: ["memory/create_*", "memory/add_*"], read: ["memory/read_*", "memory/search_*", "memory/open_*"] } }
`,
    { store: join(folder, 'portcullis.db') },
  )
  t.after(async () => {
    await house[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true })
  })
  const anAgent = async () => {
    const key = await house.key({ roles: ['agent'] })
    const clients = new Map<string, Promise<Client>>()
    const connect = async (server: string): Promise<Client> => {
      const client = new Client({ name: 'journey', version: '1.0.0' }, { versionNegotiation: { mode }, capabilities: {} })
      const transport = new StreamableHTTPClientTransport(new URL(`${house.url}/mcp/${server}`), {
        requestInit: { headers: { 'x-api-key': key } },
      })
      await client.connect(transport)
      t.after(() => client.close())
      return client
    }
    const clientOf = (server: string): Promise<Client> => {
      const client = clients.get(server) ?? connect(server)
      clients.set(server, client)
      return client
    }
    const call = async (tool: string, args: JsonObject = {}): Promise<JsonObject> => {
      const [server = '', name = ''] = tool.split('/')
      return (await (await clientOf(server)).callTool({ name, arguments: args })) as JsonObject
    }
    return { key, call, clientOf }
  }
  return { house, data, memory, anAgent }
}

const said = (result: JsonObject): string => JSON.stringify(result)
/** The code of a refusal; undefined for what was done. */
const refused = (result: JsonObject): unknown => refusalIn({ result })?.['code']

function waitingFor(result: JsonObject): string {
  const remedies = refusalIn({ result })?.['remedies']
  const [first] = Array.isArray(remedies) ? remedies : []
  assert.ok(isObject(first) && typeof first['id'] === 'string', said(result))
  return first['id']
}

for (const mode of ERAS) {
  const era = typeof mode === 'string' ? mode : mode.pin

  test(`${era}: what is confidential goes nowhere, also by way of the memory and another conversation`, { timeout: 120_000 }, async (t) => {
    const { data, anAgent } = await aHouse(t, mode)
    const [reader, other] = [await anAgent(), await anAgent()]
    const echo = { message: 'BLUEBIRD' }
    for (const agent of [reader, other]) assert.match(said(await agent.call('every/echo', { message: 'hello' })), /hello/)
    assert.match(said(await reader.call('files/read_text_file', { path: join(data, 'contract.txt') })), /BLUEBIRD/)
    assert.equal(refused(await reader.call('every/echo', echo)), 'approval_required')
    const entities = [{ name: 'contract', entityType: 'paper', observations: ['BLUEBIRD'] }]
    assert.equal(refused(await reader.call('memory/create_entities', { entities })), undefined)
    assert.equal(refused(await other.call('every/echo', { message: 'still' })), undefined)
    assert.match(said(await other.call('memory/read_graph')), /BLUEBIRD/)
    assert.equal(refused(await other.call('every/echo', echo)), 'approval_required')
  })

  test(`${era}: what destroys is done once, as it was approved, by a person who is not its agent`, { timeout: 120_000 }, async (t) => {
    const { house, memory, anAgent } = await aHouse(t, mode)
    const { key, call } = await anAgent()
    const entities = ['one', 'two'].map((name) => ({ name, entityType: 'thing', observations: [] }))
    await call('memory/create_entities', { entities })
    const asked = await call('memory/delete_entities', { entityNames: ['one'] })
    const id = waitingFor(asked)
    assert.match(said(asked), new RegExp(`somebody with the right to approve to open ${house.admin}/approvals/${id}`))
    const byItself = { method: 'POST', headers: { 'x-api-key': key, authorization: `Bearer ${key}`, 'content-type': 'application/json' } }
    for (const url of [`${house.admin}/approvals/${id}`, `${house.url}/approvals/${id}`])
      assert.ok(
        (await fetch(url, { ...byItself, body: JSON.stringify({ id, decision: 'approve', by: 'alice' }), redirect: 'manual' })).status >=
          300,
      )
    assert.equal((await house.gateway.house.approvals.get(id))?.status, 'pending')
    assert.equal(waitingFor(await call('memory/delete_entities', { entityNames: ['one'] })), id)
    await house.gateway.house.approvals.settle(id, 'approve', ALICE)
    assert.notEqual(waitingFor(await call('memory/delete_entities', { entityNames: ['one', 'two'] })), id)
    assert.match(readFileSync(memory, 'utf8'), /"one"/)
    assert.equal(refused(await call('memory/delete_entities', { entityNames: ['one'] })), undefined)
    assert.notEqual(waitingFor(await call('memory/delete_entities', { entityNames: ['one'] })), id)
    assert.deepEqual(readFileSync(memory, 'utf8').match(/"name":"\w+"/g), ['"name":"two"'])
    const outcomes = (await house.events()).filter(({ approval, type }) => approval === id && type.startsWith('approval.'))
    assert.deepEqual(
      outcomes.map(({ type }) => type),
      ['approval.requested', 'approval.approved', 'approval.executed'],
    )
  })

  test(`${era}: a planted credential stays, in text, in a picture and in what a process has`, { timeout: 120_000 }, async (t) => {
    const { data, anAgent } = await aHouse(t, mode)
    const { call, clientOf } = await anAgent()
    const text = said(await call('files/read_text_file', { path: join(data, 'env.txt') }))
    assert.ok(/rest/.test(text) && !text.includes(PLANTED), text)
    const picture = await call('files/read_media_file', { path: join(data, 'picture.png') }).catch((error: unknown) => ({
      error: String(error),
    }))
    const carried = [...said(picture).matchAll(/[\w+/=]{24,}/g)].map(([run]) => Buffer.from(run, 'base64').toString('latin1'))
    assert.ok(![said(picture), ...carried].some((one) => one.includes(PLANTED)))
    const environment = said(await call('every/get-env'))
    assert.ok(environment.includes('PLANTED_TOKEN') && !environment.includes(PLANTED))
    // What is honest of it stays: nothing of the three is withheld.
    for (const server of ['files', 'memory', 'every']) assert.ok((await (await clientOf(server)).listTools()).tools.length >= 9, server)
    assert.match((await clientOf('every')).getInstructions() ?? '', /Everything Server/)
  })
}
