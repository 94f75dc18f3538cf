/** The official conformance suite's `authorization` command, against an issuer at the root and one with a path. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { freePort } from '../fixtures/port.ts'
import { Browser, createWorld, type World } from './world.ts'

const SUITE = join(import.meta.dirname, '../../node_modules/@modelcontextprotocol/conformance/dist/index.js')
const SUITE_MS = 60_000

/** Runs the suite, and is the person whom it asks to open a page. @returns `scenario:check status`, sorted. */
async function runSuite(t: TestContext, world: World, port: number): Promise<readonly string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'portcullis-conformance-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const args = [
    'authorization',
    '--url',
    world.issuer,
    '--client-id',
    'conformance',
    '--resource',
    world.resource,
    '-p',
    String(port),
    '-o',
    folder,
  ]
  const child = spawn(process.execPath, [SUITE, ...args], { stdio: ['ignore', 'pipe', 'pipe'], timeout: SUITE_MS })
  let said = ''
  let isOpened = false
  const read = (chunk: Buffer): void => {
    said += chunk.toString('utf8')
    const url = /https?:\S*\/authorize\?\S+(?=\s)/.exec(said)?.[0]
    if (url === undefined || isOpened) return
    isOpened = true
    // A person opens it, agrees, and their browser goes back to the suite.
    new Browser()
      .agree(url)
      .then((back) => fetch(back))
      .catch((error: unknown) => child.kill() && assert.fail(String(error)))
  }
  child.stdout.on('data', read)
  child.stderr.on('data', read)
  const code = await new Promise((resolve) => child.once('exit', resolve))
  assert.equal(code, 0, said)
  const found: string[] = []
  for (const name of await readdir(folder)) {
    const checks: readonly { readonly id: string; readonly status: string }[] = JSON.parse(
      await readFile(join(folder, name, 'checks.json'), 'utf8'),
    )
    found.push(...checks.filter(({ status }) => status !== 'INFO').map(({ id, status }) => `${id} ${status}`))
  }
  return found.sort()
}

for (const path of ['', '/tenant/auth']) {
  test(`every check of the suite passes with the issuer at "${path}"`, async (t) => {
    const port = await freePort()
    const world = await createWorld(t, { path })
    await world.server.clients.add({
      id: 'conformance',
      name: 'Conformance suite',
      grants: ['authorization_code', 'refresh_token'],
      redirectUris: [`http://127.0.0.1:${port}/callback`],
      roles: [],
      createdBy: 'test',
      isPublic: true,
    })
    const found = await runSuite(t, world, port)
    assert.equal(found.length, 3, found.join('\n'))
    assert.deepEqual(
      found.filter((line) => !line.endsWith(' SUCCESS')),
      [],
    )
  })
}
