/** `portcullis certs`: from nothing to a gateway over TLS, and what is told before a certificate fails. */
import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { test } from 'node:test'
import { request } from 'undici'
import { makeDevCertificates } from '../../src/cli/certs-dev.ts'
import { main } from '../../src/cli/main.ts'
import { aSecureCaller } from '../fixtures/secure-caller.ts'
import { CONFIG, install } from './portcullis.ts'

const TLS = 'tls: { certificate: tls/server.crt, key: tls/server.key }\n'

/** The command line in this process, at a moment of our choice. */
async function run(
  args: readonly string[],
  now = Date.now(),
): Promise<{ readonly code: number; readonly out: string; readonly errors: string }> {
  const said = { out: '', errors: '' }
  const into = (name: keyof typeof said): Writable =>
    new Writable({
      write: (chunk, _encoding, done) => {
        said[name] += String(chunk)
        done()
      },
    })
  const code = await main(args, { input: Readable.from([]), output: into('out'), errors: into('errors'), clock: () => now })
  return { code, ...said }
}

test('certificates are made for this machine and served with; a name that they are not for is told with the next step', async (t) => {
  const here = install(t, `${CONFIG}${TLS}`)
  const folder = join(here.folder, 'tls')
  const made = await run(['certs', 'dev', folder, '--client', 'spiffe://example/agent/me'])
  assert.equal(made.code, 0, made.errors)
  assert.match(made.out, /tls: \{ certificate: \S+server\.crt, key: \S+server\.key, clientCa: \S+authority\.pem/)
  assert.match(made.out, /export NODE_EXTRA_CA_CERTS=\/.*\/tls\/authority\.pem/)
  for (const file of ['authority.key', 'server.key', 'client.key']) assert.equal(statSync(join(folder, file)).mode & 0o777, 0o600)

  const serving = here.start(['serve', '--json'])
  const { url } = JSON.parse(await serving.line(() => true))
  await using caller = aSecureCaller(readFileSync(join(folder, 'authority.pem'), 'utf8'))
  const health = await request(`${url}/health`, { dispatcher: caller.agent })
  assert.equal(health.statusCode, 200)
  await health.body.dump()

  here.write('wrong.yaml', `${CONFIG}${TLS}store: ":memory:"\npublicUrl: https://mcp.example.com\n`)
  const wrong = await run(['serve', '-c', join(here.folder, 'wrong.yaml')])
  assert.equal(wrong.code, 3)
  assert.match(
    wrong.errors,
    /tls\.certificate: .*clients ask for mcp\.example\.com, the host of publicUrl[\s\S]*run "portcullis certs check"/,
  )
})

test('certs check tells what is there, what is wrong and what ends soon, and its exit code says whether to look', async (t) => {
  const { folder, write } = install(t, TLS)
  const config = ['-c', join(folder, 'portcullis.yaml')]
  const DAY_MS = 86_400_000
  const missing = await run(['certs', 'check', ...config])
  assert.equal(missing.code, 1)
  assert.match(
    missing.errors,
    /tls\.key: .*server\.key: there is no such file[\s\S]*for this machine alone, "portcullis certs dev" makes both/,
  )

  makeDevCertificates(join(folder, 'tls'), ['mcp.internal', '10.0.0.5'], undefined)
  assert.throws(() => makeDevCertificates(join(folder, 'tls'), [], undefined), { code: 'FAULT_EXISTS' })
  const fine = await run(['certs', 'check', ...config])
  assert.equal(fine.code, 0, fine.errors)
  assert.match(
    fine.out,
    /tls\.certificate {2}CN=Portcullis server {2}DNS:localhost, .*DNS:mcp\.internal, IP Address:10\.0\.0\.5 {2}EC prime256v1/,
  )
  assert.match(fine.errors, /Clients must be told of the authority CN=Portcullis local authority/)

  const soon = await run(['certs', 'check', ...config, '--json', '--within', '14d'], Date.now() + 390 * DAY_MS)
  assert.deepEqual([soon.code, JSON.parse(soon.out).ending], [1, ['CN=Portcullis server']])
  const over = await run(['certs', 'check', ...config, '--json'], Date.now() + 400 * DAY_MS)
  assert.deepEqual([over.code, JSON.parse(over.out).ok], [1, false])
  assert.match(JSON.parse(over.out).flaws[0], /it expired on/)

  write('portcullis.yaml', '')
  assert.match((await run(['certs', 'check', ...config])).errors, /tls: is not written, so the listener speaks plain HTTP/)
})
