import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { z } from 'zod'
import { post } from '../fixtures/gateway.ts'
import { createKey, listening, listTools } from './asking.ts'
import { CONFIG, install } from './portcullis.ts'

const RAW = join(import.meta.dirname, '../fixtures/children/raw.ts')

const tools = z.looseObject({ result: z.looseObject({ tools: z.array(z.looseObject({ name: z.string() })) }) })

test('serve guards a server: a key opens it, a revoked key does not, and SIGTERM ends it in order', async (t) => {
  const there = install(t, CONFIG)
  const { key, id } = await createKey(there, '--role', 'user')
  const gateway = there.start(['serve', '--json'])
  const { servers } = listening.parse(JSON.parse(await gateway.line((line) => line.startsWith('{'))))
  const url = servers['secure'] ?? ''

  const open = await listTools(url, { 'x-api-key': key })
  assert.equal(open.status, 200)
  assert.deepEqual(
    tools
      .parse(await open.json())
      .result.tools.map(({ name }) => name)
      .sort(),
    ['get_time', 'get_weather'],
  )
  assert.equal((await listTools(url, { authorization: `Bearer ${key}` })).status, 200)
  assert.equal((await listTools(url, {})).status, 401)
  assert.equal((await listTools(url, { 'x-api-key': key, authorization: `Bearer ${key}` })).status, 400)
  assert.equal((await listTools(url, { 'x-api-key': `${key.slice(0, -1)}!` })).status, 401)
  assert.equal((await listTools(`${url}?api_key=${key}`, { cookie: `key=${key}` })).status, 401)

  assert.equal((await there.run(['keys', 'revoke', id])).code, 0)
  assert.equal((await listTools(url, { 'x-api-key': key })).status, 401)

  gateway.child.kill('SIGTERM')
  const { code } = await gateway.ended
  assert.equal(code, 0)
  const verified = await there.run(['audit', 'verify', '--json'])
  assert.equal(verified.code, 0, verified.out)
  const denied = await there.run(['audit', 'query', '--outcome', 'denied', '--json'])
  assert.equal(denied.out.trim().split('\n').length, 5)
  assert.doesNotMatch(denied.out, new RegExp(key.slice(17, 49)))
})

test('serve tells what may not be what was meant, and of each law whether it was taken, with its revision', async (t) => {
  const there = install(t, `${CONFIG}  policies: polic/*.cedar\n`)
  const gateway = there.start(['serve', '--json'])
  await gateway.line((line) => line.startsWith('{'))
  const revision = async (): Promise<string> => JSON.parse((await there.run(['policy', 'check', '--json'])).out).revision
  const first = await revision()
  assert.match(gateway.errors(), /^warning: portcullis\.yaml:\d+:13: access\.policies: polic\/\*\.cedar finds no file$/m)

  there.write('portcullis.yaml', CONFIG.replace('world:read', 'world:write'))
  const second = await revision()
  await gateway.error((line) => line === `another law is in force, revision ${second}`)
  assert.notEqual(second, first)
  there.write('portcullis.yaml', `${CONFIG}  policies: law.cedar\n`)
  there.write('law.cedar', 'permit (principal, action, resource);\npermit (')
  await gateway.error((line) =>
    new RegExp(`^warning: law\\.cedar:2:\\d+: .*; not taken, the law before stays in force, revision ${second}$`).test(line),
  )
  gateway.child.kill('SIGHUP')
  const asked = 'the law and the certificates were read again, and not all of it was taken; in force is the law of revision '
  await gateway.error((line) => line === asked + second)
  there.write('law.cedar', 'permit (principal, action, resource);\n')
  const third = await revision()
  await gateway.error((line) => line === `another law is in force, revision ${third}`)
  there.write('law.cedar', 'permit (')
  await gateway.error((line) => line.endsWith(`not taken, the law before stays in force, revision ${third}`))
  there.write('law.cedar', 'permit (principal, action, resource);\n')
  await gateway.error((line) => line === `what is written is the law in force again, revision ${third}`)
  gateway.child.kill('SIGTERM')
  assert.equal((await gateway.ended).code, 0)
})

test('a SIGHUP during the start ends nothing, and is obeyed once serve listens; one during the end is passed over', async (t) => {
  const there = install(t, CONFIG.replace('servers:', 'servers:\n  files: { command: [nosuchprogram-xyz], sandbox: off }'))
  const gateway = there.start(['serve', '--json'])
  await gateway.error((line) => line.includes('nosuchprogram'))
  gateway.child.kill('SIGHUP')
  await gateway.line((line) => line.startsWith('{'))
  await gateway.error((line) => line.startsWith('the law and the certificates were read again'))
  gateway.child.kill('SIGTERM')
  await gateway.error((line) => line.startsWith('stopping'))
  gateway.child.kill('SIGHUP')
  assert.equal((await gateway.ended).code, 0)
})

test('serve without servers, and on a port that is taken, tells why', async (t) => {
  const empty = await install(t, 'listen: 127.0.0.1:0\n').run(['serve'])
  assert.equal(empty.code, 3)
  assert.match(empty.errors, /servers: expected at least one/)

  const first = install(t, CONFIG)
  const { url } = listening.parse(JSON.parse(await first.start(['serve', '--json']).line((line) => line.startsWith('{'))))
  const { host } = new URL(url)
  const refused = async (config: string): Promise<string> => {
    const { code, errors } = await install(t, config).run(['serve'])
    assert.equal(code, 1)
    return errors
  }
  const taken = (setting: string) =>
    new RegExp(`error: ${setting}: listen EADDRINUSE.*\\n {2}Another program listens there\\. Stop it, or set another "${setting}"`)
  assert.match(await refused(CONFIG.replace('127.0.0.1:0', host)), taken('listen'))
  assert.match(await refused(`${CONFIG}admin: ${host}\n`), taken('admin'))
  assert.match(await refused(`${CONFIG}peers: { listen: "${host}" }\n`), taken('peers.listen'))
  // TEST-NET-1 (RFC 5737): nobody's.
  assert.match(
    await refused(CONFIG.replace('127.0.0.1:0', '192.0.2.1:0')),
    /EADDRNOTAVAIL.*\n {2}This machine has no such address\. Set "listen"/,
  )
})

test('a server whose program is not there is told when serve starts, and once when it is called, on standard error and in its log', async (t) => {
  const there = install(t, CONFIG.replace('servers:', 'servers:\n  files: { command: [nosuchprogram-xyz], sandbox: off }'))
  const { key } = await createKey(there, '--role', 'user')
  const gateway = there.start(['serve', '--json'])
  const { servers } = listening.parse(JSON.parse(await gateway.line((line) => line.startsWith('{'))))
  for (const _ of [1, 2, 3]) {
    const answer = await listTools(servers['files'] ?? '', { 'x-api-key': key })
    assert.doesNotMatch(await answer.text(), /nosuchprogram/)
    assert.ok(answer.status === 502 || answer.status === 503, String(answer.status))
  }
  gateway.child.kill('SIGTERM')
  const { errors } = await gateway.ended
  assert.deepEqual(
    errors.split('\n').filter((line) => line.includes('nosuchprogram')),
    [
      'warning: servers.files.command: nosuchprogram-xyz is not found in PATH',
      'warning: servers.files: it is not started: nosuchprogram-xyz cannot be started: ENOENT',
    ],
  )
  const log = (await there.run(['logs', 'files'])).out
  assert.match(log, /^\S+ \S+ {2}not started: nosuchprogram-xyz cannot be started: ENOENT\n$/)
})

test('run does not start for a program that is not there, and says so', async (t) => {
  const there = install(t, CONFIG.replace('servers:', 'servers:\n  gone: { command: [nosuchprogram-xyz] }'))
  const [bare, named] = await Promise.all([
    there.run(['run', '-c', 'portcullis.yaml', '--', 'nosuchprogram-abc'], { input: INITIALIZE }),
    there.run(['run', '-c', 'portcullis.yaml', '--name', 'gone'], { input: INITIALIZE }),
  ])
  assert.deepEqual([bare.code, bare.out, named.code, named.out], [1, '', 1, ''])
  assert.match(bare.errors, /^error: nosuchprogram-abc is not found in PATH\n/)
  assert.match(named.errors, /^error: servers\.gone\.command: nosuchprogram-xyz is not found in PATH\n/)
})

/** Says why on standard error, with a secret of its own, and ends; Node.js writes the stack behind it. */
const BROKEN = [process.execPath, '-e', 'throw new Error("DATABASE_URL is missing, TOKEN is ghp_" + "a1B2c3D4e5F6".repeat(3))']

test('of a server that ends at once, run tells what it said last and where the rest is, and logs knows its name', async (t) => {
  const there = install(t, CONFIG.replace(/servers:\n.*\n/, ''))
  const { key } = await createKey(there, '--role', 'user')
  const input = `${INITIALIZE}${INITIALIZE.replace('"id":1', '"id":2')}`
  const args = ['run', '-c', 'portcullis.yaml', '--name', 'boom', '--', ...BROKEN]
  const { out, errors } = await there.run(args, { input, env: { MCP_API_KEY: key } })
  assert.match(out, /"code":"upstream_failed"/)
  assert.doesNotMatch(out, /DATABASE_URL/)
  const told = errors.split('\n').filter((line) => line.includes('DATABASE_URL'))
  assert.equal(told.length, 1, errors)
  assert.match(
    told[0] ?? '',
    /^warning: servers\.boom: it ended by itself: exit code 1; it last said: Error: DATABASE_URL is missing, TOKEN is \[redacted:secret\]; what it says is kept in \/.*\/boom\.log$/,
  )
  const logs = await there.run(['logs', 'boom'])
  assert.equal(logs.code, 0, logs.errors)
  assert.match(logs.out, /DATABASE_URL is missing/)
  const unknown = await there.run(['logs', '../portcullis.db-servers/boom'])
  assert.match(unknown.errors, /there is no server .*, expected one of boom\n/)
})

test('serve tells once that a server ends at once, and once more where one ends that had run', async (t) => {
  const crash = JSON.stringify([process.execPath, RAW, '--crash'])
  const dying = JSON.stringify([process.execPath, RAW])
  const there = install(
    t,
    CONFIG.replace(
      'servers:',
      `servers:\n  crash: { command: ${crash}, sandbox: off }\n  dying: { command: ${dying}, sandbox: off }`,
    ).replace('tools:', 'tools:\n    dying/die: { permission: "world:read" }'),
  )
  const { key } = await createKey(there, '--role', 'user')
  const gateway = there.start(['serve', '--json'])
  const { servers } = listening.parse(JSON.parse(await gateway.line((line) => line.startsWith('{'))))
  const asked = { 'x-api-key': key }
  for (const _ of [1, 2]) {
    for (const _ of [1, 2, 3]) await (await listTools(servers['crash'] ?? '', asked)).text()
    await post(servers['dying'] ?? '', 'tools/call', { name: 'die', arguments: {} }, asked)
  }
  gateway.child.kill('SIGTERM')
  const { errors } = await gateway.ended
  assert.deepEqual(
    errors
      .split('\n')
      .filter((line) => line.includes('by itself'))
      .map((line) => line.replace(/; what it says.*/, '')),
    ['warning: servers.crash: it ended by itself: exit code 1', 'warning: servers.dying: it ended by itself: exit code 3'],
  )
})

const HELLO = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'test', version: '1' } }
const INITIALIZE = `${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: HELLO })}\n`

test('run guards one server over stdio with the key from the environment, and nothing else stands on standard output', async (t) => {
  const there = install(t, `${CONFIG}audit: { file: stdout }\n`)
  const { key } = await createKey(there, '--role', 'user')
  const face = there.start(['run', '-c', 'portcullis.yaml', '--name', 'secure'], { MCP_API_KEY: key })
  face.child.stdin?.write(INITIALIZE)
  assert.match(await face.line((line) => line.includes('"id":1')), /"serverInfo"/)
  face.child.stdin?.end()
  const { code, out, errors } = await face.ended
  assert.equal(code, 0, errors)
  for (const line of out.trim().split('\n')) assert.equal(JSON.parse(line).jsonrpc, '2.0')
  assert.match(errors, /events go to the journal only/)
})

test('run takes a command line, and without a key, or with a bad one, every call is refused and the operator is told', async (t) => {
  const there = install(t, CONFIG)
  const command = ['--', process.execPath, '-e', 'process.exit(9)']
  const input = `${INITIALIZE}${INITIALIZE.replace('"id":1', '"id":2')}`
  const run = (MCP_API_KEY: string, ...more: readonly string[]) =>
    there.run(['run', '-c', 'portcullis.yaml', ...more, ...command], { input, env: { MCP_API_KEY } })
  const { key, id } = await createKey(there, '--role', 'user')
  await there.run(['keys', 'revoke', id])
  const [none, bad, revoked, named] = await Promise.all([run(''), run('mcp_nonsense'), run(key), run('', '--name', 'secrue')])

  assert.equal(none.code, 0)
  const refused = none.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).error.data)
  assert.deepEqual(refused, Array(2).fill({ code: 'unauthenticated', remedies: [{ kind: 'authenticate', environment: 'MCP_API_KEY' }] }))
  assert.match(none.errors, /^warning: MCP_API_KEY is not set, so every call is refused: .*portcullis keys create.*\n$/)
  assert.match(bad.errors, /^warning: the credential in MCP_API_KEY is refused, and with it every call: .+\n$/)
  assert.match(revoked.errors, /^warning: the credential in MCP_API_KEY is refused, and with it every call: .*revoked.*\n$/)
  assert.match(
    named.errors,
    /^warning: what the configuration says of its servers is not for secrue: it has none of that name, did you mean secure\?\nwarning: MCP_API_KEY is not set/,
  )
})

test('run needs to know what to run, and takes no configuration from the folder that it was started in', async (t) => {
  const there = install(t, CONFIG.replace('servers:', 'servers:\n  other: { url: "http://127.0.0.1:9/mcp" }'))
  const config = ['-c', 'portcullis.yaml']
  const [nothing, unknown, here] = await Promise.all([
    there.run(['run', ...config]),
    there.run(['run', ...config, '--name', 'nobody']),
    there.run(['run', '--name', 'secure']),
  ])
  assert.equal(nothing.code, 2)
  assert.equal(unknown.code, 3)
  assert.match(unknown.errors, /there is no server nobody, expected one of other, secure/)
  assert.equal(here.code, 2)
  assert.match(here.errors, /name the configuration with -c/)
})

test('run without -c takes the configuration of the person whose program it is', async (t) => {
  const there = install(t, 'a stranger wrote this')
  mkdirSync(join(there.folder, '.config/portcullis'), { recursive: true })
  there.write('.config/portcullis/portcullis.yaml', CONFIG)
  const { code, out, errors } = await there.run(['run', '--name', 'secure'], {
    input: INITIALIZE,
    env: { XDG_CONFIG_HOME: join(there.folder, '.config') },
  })
  assert.equal(code, 0, errors)
  assert.equal(JSON.parse(out).error.data.code, 'unauthenticated')
})

test('an edited copy of the journal is caught, and the first bad record is named', async (t) => {
  const there = install(t, CONFIG)
  await createKey(there, '--role', 'user')
  await createKey(there, '--role', 'user')
  const { out } = await there.run(['audit', 'export'])
  const file = join(there.folder, 'journal.jsonl')
  writeFileSync(file, out)
  assert.equal((await there.run(['audit', 'verify', '--file', file])).code, 0)
  writeFileSync(file, readFileSync(file, 'utf8').replace('"roles":["user"]', '"roles":["root"]'))
  const broken = await there.run(['audit', 'verify', '--file', file])
  assert.equal(broken.code, 1)
  assert.match(broken.out, /broken edited[\s\S]*first bad record: position 1, chain cli-/)
})

test('tail -f shows what happens from then on, until it is stopped', async (t) => {
  const there = install(t, CONFIG)
  const first = await createKey(there)
  const tail = there.start(['audit', 'tail', '-f', '--json'])
  await tail.line((line) => line.includes(first.id))
  const second = await createKey(there)
  await tail.line((line) => line.includes(second.id))
  tail.child.kill('SIGINT')
  assert.equal((await tail.ended).code, 0)
})

test('the history of what never ran is told not to be there', async (t) => {
  const { code, errors } = await install(t, CONFIG).run(['audit', 'tail'])
  assert.equal(code, 1)
  assert.match(errors, /nothing has run with this configuration yet\n {2}It is there once "portcullis serve"/)
})
