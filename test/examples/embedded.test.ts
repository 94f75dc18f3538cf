/** Every example of the guard inside a server, run as its reader would run it. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import type { JsonObject } from '../../src/core/json.ts'
import { type Commands, startCommands } from '../fixtures/commands.ts'
import { META, post } from '../fixtures/gateway.ts'
import { legacyHttp } from '../fixtures/speakers.ts'

const ROOT = join(import.meta.dirname, '../..')
const NOTES = join(ROOT, 'examples/embedded/portcullis.yaml')

let folder: string
let environment: Readonly<Record<string, string | undefined>>
let reader: string
let writer: string

let commands: Commands

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-examples-'))
  environment = { ...process.env, PORT: '0', PORTCULLIS_STORE: join(folder, 'notes.db') }
  commands = startCommands()
  reader = await keyOf(NOTES, 'reader')
  writer = await keyOf(NOTES, 'writer')
})
after(async () => {
  assert.equal(await commands.end(), 0)
  rmSync(folder, { recursive: true, force: true })
})

async function keyOf(config: string, role: string): Promise<string> {
  const args = ['keys', 'create', '--name', role, '--role', role, '-c', config, '--json']
  const { code, out, errors } = await commands.ask({ folder, args, input: '', env: { PORTCULLIS_STORE: join(folder, 'notes.db') } })
  assert.equal(code, 0, errors)
  const printed: unknown = JSON.parse(out)
  return String((printed as JsonObject)['key'])
}

interface Running extends AsyncDisposable {
  readonly child: ChildProcess
  line(): Promise<string>
}

function run(file: string, args: readonly string[] = [], more: Readonly<Record<string, string>> = {}): Running {
  const child = spawn(process.execPath, [join(ROOT, file), ...args], {
    env: { ...environment, ...more },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  return {
    child,
    line: async () => {
      const { value } = await lines.next()
      return String(value)
    },
    [Symbol.asyncDispose]: async () => {
      const exited = once(child, 'exit')
      if (child.exitCode === null) {
        child.kill('SIGTERM')
        await exited
      }
    },
  }
}

const textOf = (body: JsonObject): unknown => ((body['result'] as JsonObject)['content'] as JsonObject[])[0]?.['text']
const namesOf = (body: JsonObject): unknown => ((body['result'] as JsonObject)['tools'] as JsonObject[]).map((tool) => tool['name'])

for (const example of ['node-http', 'express', 'fastify', 'hono', 'sdk-v1']) {
  test(`${example}: guarded over HTTP, for clients of both eras`, async () => {
    await using running = run(`examples/embedded/${example}.ts`)
    const url = await running.line()
    assert.equal((await post(url, 'tools/list')).status, 401)
    assert.deepEqual(namesOf((await post(url, 'tools/list', {}, { 'x-api-key': reader })).body), ['read_note'])
    const call = (key: string, name: string, args: JsonObject = {}): ReturnType<typeof post> =>
      post(url, 'tools/call', { name, arguments: args }, { 'x-api-key': key })
    assert.equal(textOf((await call(writer, 'write_note', { text: 'buy milk' })).body), 'written')
    assert.equal(textOf((await call(writer, 'read_note')).body), 'buy milk')
    assert.equal(textOf((await call(reader, 'read_note')).body), '')
    assert.equal((await call(reader, 'write_note', { text: 'mine' })).status, 400)

    await using older = await legacyHttp(url, writer, '2025-11-25')
    assert.equal(textOf(await older.ask('tools/call', { name: 'read_note', arguments: {} })), 'buy milk')
    if (['express', 'fastify', 'hono'].includes(example)) assert.equal(await (await fetch(new URL('/', url))).text(), 'notes')
  })
}

for (const [file, args] of [
  ['examples/embedded/stdio.ts', []],
  ['examples/embedded/sdk-v1.ts', ['--stdio']],
] as const) {
  test(`${file} ${args.join(' ')}: guarded over stdio by the key in the environment`, async () => {
    for (const [key, status] of [
      [writer, 'written'],
      [reader, 'not_found'],
      ['', 'unauthenticated'],
    ] as const) {
      await using running = run(file, args, key === '' ? {} : { MCP_API_KEY: key })
      const say = (message: JsonObject): unknown => running.child.stdin?.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
      say({
        id: 1,
        method: 'initialize',
        params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } },
      })
      await running.line()
      say({ method: 'notifications/initialized' })
      say({ id: 2, method: 'tools/call', params: { name: 'write_note', arguments: { text: 'x' }, ...(key === '' ? { _meta: META } : {}) } })
      const answer = JSON.parse(await running.line()) as JsonObject
      const said = answer['error'] === undefined ? textOf(answer) : ((answer['error'] as JsonObject)['data'] as JsonObject)['code']
      assert.equal(said, status)
      running.child.stdin?.end()
    }
  })
}

test('secure-server: the same server with the guard in its process', async () => {
  const config = join(folder, 'portcullis.yaml')
  writeFileSync(
    config,
    JSON.stringify({
      listen: '127.0.0.1:0',
      store: 'secure.db',
      access: { roles: { user: { permissions: ['world:read'] } }, tools: { 'secure/get_*': { permission: 'world:read' } } },
    }),
  )
  const key = await keyOf(config, 'user')
  await using running = run('examples/secure-server/guarded.ts', ['--config', config, '--root', join(folder, 'notes')])
  const url = await running.line()
  assert.deepEqual(namesOf((await post(url, 'tools/list', {}, { 'x-api-key': key })).body), ['get_weather', 'get_time'])
  assert.match(
    String(textOf((await post(url, 'tools/call', { name: 'get_weather', arguments: { city: 'Berlin' } }, { 'x-api-key': key })).body)),
    /Berlin: .* °C/,
  )
})
