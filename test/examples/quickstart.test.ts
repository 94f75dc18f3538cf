/** What `npm start` says to somebody who sees it for the first time, where it cannot. */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'

const START = join(import.meta.dirname, '../../examples/quickstart/start.ts')
const CLI = join(import.meta.dirname, '../../src/cli/main.ts')
const run = promisify(execFile)

interface Said {
  readonly code: unknown
  readonly said: string
  readonly store: string
  readonly env: Readonly<Record<string, string>>
}

async function start(t: TestContext, port: string): Promise<Said> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-start-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const store = join(folder, 'portcullis.db')
  const env = { PATH: process.env['PATH'] ?? '', HOME: folder, PORTCULLIS_PORT: port, PORTCULLIS_STORE: store }
  const child = spawn(process.execPath, [START], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (said += text))
  const [code] = await once(child, 'close')
  return { code, said, store, env }
}

test('a port that is taken is told with the way out, and nothing that is shown once is made', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.after(() => taken.close())
  const address = taken.address()
  assert.ok(address !== null && typeof address === 'object')
  const { code, said, env } = await start(t, String(address.port))
  assert.equal(code, 1)
  assert.match(said, /^error: .*EADDRINUSE.*\n {2}Another program listens there\. Take other ports: PORTCULLIS_PORT=\d+ npm start\n$/)
  const { stdout } = await run(process.execPath, [CLI, 'keys', 'list', '--json', '-c', join(START, '../portcullis.yaml')], { env })
  assert.equal(stdout, '[]\n')
})

test('a port that is none is told in one line', async (t) => {
  for (const port of ['abc', '70000', '65535', '-1']) {
    const { code, said, store } = await start(t, port)
    assert.deepEqual([code, said], [2, `error: PORTCULLIS_PORT: expected a port such as 8090, not "${port}"\n`])
    assert.ok(!existsSync(store))
  }
})
