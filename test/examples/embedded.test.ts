/** Every example of the guard inside a server, run as its reader would run it. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import type { JsonObject } from '../../src/core/json.ts'
import { type Commands, startCommands } from '../fixtures/commands.ts'
import { META, post } from '../fixtures/gateway.ts'
import { legacyHttp } from '../fixtures/speakers.ts'

const ROOT = join(import.meta.dirname, '../..')
const LAW = join(ROOT, 'examples/embedded/portcullis.yaml')

let folder: string
let environment: Readonly<Record<string, string | undefined>>
let reader: string
let writer: string

let commands: Commands

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-examples-'))
  environment = { ...process.env, PORT: '0', PORTCULLIS_STORE: join(folder, 'secure.db'), NOTES: join(folder, 'notes') }
  commands = startCommands()
  reader = await keyOf(LAW, 'reader')
  writer = await keyOf(LAW, 'writer')
})
after(async () => {
  assert.equal(await commands.end(), 0)
  rmSync(folder, { recursive: true, force: true })
})

async function keyOf(config: string, role: string): Promise<string> {
  const args = ['keys', 'create', '--name', role, '--role', role, '-c', config, '--json']
  const { code, out, errors } = await commands.ask({ folder, args, input: '', env: { PORTCULLIS_STORE: join(folder, 'secure.db') } })
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
    const listed = async (key: string): Promise<unknown> => namesOf((await post(url, 'tools/list', {}, { 'x-api-key': key })).body)
    assert.deepEqual(await listed(reader), ['get_weather', 'get_time', 'echo'])
    assert.deepEqual(await listed(writer), ['get_weather', 'get_time', 'echo', 'write_file'])
    const call = (key: string, name: string, args: JsonObject = {}): ReturnType<typeof post> =>
      post(url, 'tools/call', { name, arguments: args }, { 'x-api-key': key })
    const written = { path: `${example}/list.txt`, content: 'buy milk' }
    assert.equal(textOf((await call(writer, 'write_file', written)).body), `Wrote 8 bytes to ${written.path}.`)
    assert.equal(readFileSync(join(folder, 'notes', written.path), 'utf8'), 'buy milk')
    assert.match(String(textOf((await call(writer, 'write_file', { ...written, path: '.ssh/keys' })).body)), /\/path: not accepted as path/)
    assert.equal((await call(reader, 'write_file', written)).status, 400)
    assert.match(String(textOf((await call(reader, 'get_weather', { city: 'Berlin' })).body)), /Berlin: .* °C/)

    await using older = await legacyHttp(url, writer, '2025-11-25')
    assert.equal(textOf(await older.ask('tools/call', { name: 'echo', arguments: { text: 'hello' } })), 'hello')
    if (['express', 'fastify', 'hono'].includes(example)) assert.equal(await (await fetch(new URL('/', url))).text(), 'secure server')
  })
}

for (const [file, args] of [
  ['examples/embedded/stdio.ts', []],
  ['examples/embedded/sdk-v1.ts', ['--stdio']],
] as const) {
  test(`${file} ${args.join(' ')}: guarded over stdio by the key in the environment`, async () => {
    for (const [key, status] of [
      [writer, 'Wrote 1 bytes to note.'],
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
      say({
        id: 2,
        method: 'tools/call',
        params: { name: 'write_file', arguments: { path: 'note', content: 'x' }, ...(key === '' ? { _meta: META } : {}) },
      })
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
