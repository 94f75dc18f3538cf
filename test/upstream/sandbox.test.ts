import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, connect, createServer } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { systemSchedule } from '../../src/bridge/alarm.ts'
import { Fault } from '../../src/core/denial.ts'
import { Child } from '../../src/upstream/child.ts'
import { Egress } from '../../src/upstream/egress.ts'
import { confine } from '../../src/upstream/sandbox.ts'
import { aPrincipal } from '../fixtures/nouns.ts'
import { A_SANDBOX, processesNamed, withoutSandbox } from '../fixtures/sandbox.ts'
import { child, denied, last, modern, tool, upstreamOf } from '../fixtures/stdio.ts'

const skip = withoutSandbox()
const ALICE = aPrincipal({ subject: 'alice' })
const NEEDLE = 'sk-needle-of-the-gateway'
const call = (name: string, args: object = {}) => modern('tools/call', { name, arguments: { ...args } })

/** What a server in the sandbox of this test may do; everything else that it knows to try must be held. */
const PERMITTED = ['read what it may', 'write what it may', 'reach a host that was named', 'tunnel to a host that was named']
/** Not answered but ended, or looked at from outside. */
const ENDED = ['take memory', 'start processes without end', 'leave something behind', 'write secrets to stderr']
/** What can be shown to succeed without a sandbox, and does no harm. */
const CONTROLS = [
  'read a file outside',
  'list the home folder',
  'learn who has accounts',
  'read the store',
  'read the environment of the gateway',
  'signal a process of the machine',
  'connect to a socket in the file system',
  'connect to an abstract socket',
  'connect to a server on loopback',
  'write what it may only read',
  'follow a link that leads out',
  'make a link that leads out',
  'leave by dots',
]

/** A machine with things worth having: files, sockets, servers. */
async function aMachine(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-sandbox-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const at = (name: string): string => join(folder, name)
  for (const name of ['readable', 'writable', 'home']) mkdirSync(at(name))
  for (const name of ['secret', 'store.db', 'store.db-audit.log', 'home/.netrc', 'readable/given'])
    writeFileSync(at(name), `the text of ${name}`)
  symlinkSync(at('secret'), at('writable/planted'))
  const abstract = `portcullis-${process.pid}`
  const greeting = createHttpServer((request, response) => response.end(`hello ${request.headers.host}`))
  const [tcp, socket, hidden] = [createServer(), createServer(), createServer()]
  const servers = [tcp, socket, hidden, greeting]
  for (const server of servers) t.after(() => server.close())
  tcp.listen(0, '::')
  socket.listen(at('host.sock'))
  hidden.listen(`\0${abstract}`)
  greeting.listen(0, '127.0.0.1')
  await Promise.all(servers.map((server) => (server.listening ? undefined : once(server, 'listening'))))
  const address =
    Object.values(networkInterfaces())
      .flat()
      .find((one) => one?.internal === false)?.address ?? '127.0.0.2'
  const args = {
    ...{ secret: at('secret'), store: at('store.db'), home: at('home'), readable: at('readable'), writable: at('writable') },
    ...{ link: at('writable/planted'), socket: at('host.sock'), abstract, pid: String(process.pid), needle: NEEDLE, address },
    port: String((tcp.address() as AddressInfo).port),
  }
  return { at, args, greetingPort: (greeting.address() as AddressInfo).port }
}

const ADDRESSES: Readonly<Record<string, string>> = {
  'api.example': '93.184.215.14',
  'rebound.example': '127.0.0.1',
  'inner.example': '10.0.0.7',
}

test('a hostile server in a sandbox gets nowhere', { skip }, async (t) => {
  const { at, args, greetingPort } = await aMachine(t)
  const dialled: string[] = []
  const upstream = upstreamOf(child('hostile'), {
    environment: { NEEDLE },
    redact: (text) => text.replaceAll(NEEDLE, '[secret]'),
    sandbox: {
      ...A_SANDBOX,
      read: [at('readable')],
      write: [at('writable')],
      network: Object.keys(ADDRESSES),
      cpu: 1,
      hidden: [at('store.db')],
    },
    outside: {
      resolve: (name, done) => done(null, [{ address: ADDRESSES[name] ?? '' }]),
      dial: (address, port) => {
        dialled.push(`${address}:${port}`)
        return connect(greetingPort, '127.0.0.1')
      },
    },
  })
  const { tools } = (await last(upstream.forward(modern('tools/list'), ALICE))).body.result as { tools: { name: string }[] }
  const attempts = tools.map(({ name }) => name).filter((name) => !PERMITTED.includes(name) && !ENDED.includes(name))
  assert.ok(attempts.length >= 25)
  for (const name of attempts) {
    await t.test(`it does not ${name}`, async () => assert.match(await tool(upstream, ALICE, call(name, args)), /^held: /))
  }
  for (const name of PERMITTED) {
    await t.test(`it may ${name}`, async () => assert.match(await tool(upstream, ALICE, call(name, args)), /^ESCAPED: /))
  }

  await t.test('it reaches the host that was looked at, at the address that was looked at', async () => {
    assert.match(await tool(upstream, ALICE, call('reach a host that was named', args)), /hello api\.example/)
    assert.deepEqual([...new Set(dialled)], ['93.184.215.14:80', '93.184.215.14:443'])
  })
  await t.test('each connection that was refused is an event', () => {
    const told = upstream.events.filter(({ type }) => type === 'egress.refused').map(({ detail }) => detail)
    assert.equal(told.length, attempts.filter((name) => /^reach /.test(name)).length)
    assert.ok(told.includes('evil.example:443: not one of the hosts that were named'))
    assert.ok(told.includes('rebound.example:443: it leads to a loopback address'))
    assert.ok(told.includes('http://inner.example/: it leads to a private address'))
  })
  await t.test('what it says on stderr is redacted and escaped', async () => {
    await tool(upstream, ALICE, call('write secrets to stderr', args))
    while (upstream.texts.length === 0) await new Promise(setImmediate)
    assert.deepEqual(upstream.texts, ['\\u{1b}[2J the key is [secret]'])
  })
  await t.test('it is ended when it starts processes without end, and the gateway goes on', async () => {
    const said = await tool(upstream, ALICE, call('start processes without end')).catch(denied('upstream_failed'))
    // Where the gateway is not root the kernel itself refuses: then it is the server that says so.
    if (typeof said === 'string') assert.match(said, /^held: .*errno Resource temporarily unavailable/s)
    else assert.match((await upstream.event(({ type }) => type === 'upstream.limited')).detail ?? '', /over 128 processes/)
  })
  await t.test('it is ended when it takes memory, and what it left behind ends with it', async () => {
    const marker = `left-at-end-${process.pid}`
    await tool(upstream, ALICE, call('leave something behind', { marker }))
    while (processesNamed(marker).length === 0) await new Promise(setImmediate)
    await assert.rejects(tool(upstream, ALICE, call('take memory')), denied('upstream_failed'))
    await upstream.event(({ type, detail }) => type === 'upstream.limited' && detail === `over ${A_SANDBOX.memoryBytes} bytes of memory`)
    while (processesNamed(marker).length > 0) await new Promise(setImmediate)
  })
  await upstream.close()
})

test('the way out is there when a server connects in its first millisecond, and nothing else of it can be touched', { skip }, async () => {
  const refused: string[] = []
  const egress = new Egress({ hosts: ['api.example'], clock: Date.now, onRefused: (detail) => refused.push(detail) })
  const script = `use Socket; socket(S, PF_INET, SOCK_STREAM, 0); connect(S, pack_sockaddr_in(3128, INADDR_LOOPBACK)) or die "$!";
    syswrite(S, "CONNECT evil.example:443 HTTP/1.1\\r\\n\\r\\n"); sysread(S, my $answer, 12);
    opendir(D, "/proc/self/fd"); my $open = join(" ", sort grep { /\\d/ && $_ != fileno(S) && readlink("/proc/self/fd/$_") !~ m{^/proc/} } readdir(D));
    my $ours = join(" ", grep { /NODE_CHANNEL/ } keys %ENV); my $processes = join(" ", sort grep { /^\\d+$/ } map { m{/proc/(.*)} } glob("/proc/*"));
    print qq(["$answer","$open","$ours","$processes"]\\n)`
  const said = await new Promise((resolve) => {
    const handlers = { onValue: resolve, onNoise: () => undefined, onTooLong: () => undefined, onOver: resolve, onExit: resolve }
    const spec = { command: ['perl', '-e', script], env: {}, maxLineBytes: 4096, sandbox: { ...A_SANDBOX, egress: egress.serve } }
    new Child(spec, { PATH: '/usr/bin' }, { ...handlers, onText: (chunk) => resolve(String(chunk)) }, systemSchedule)
  })
  egress.close()
  // The first process is bubblewrap's own, which reaps; the second is the server: nothing stands in between.
  assert.deepEqual(said, ['HTTP/1.1 403', '0 1 2', '', '1 2'])
  assert.deepEqual(refused, ['evil.example:443: not one of the hosts that were named'])
})

test('without a sandbox the same attempts succeed, so that it is the sandbox that holds them', { skip }, async (t) => {
  const { args } = await aMachine(t)
  await using upstream = upstreamOf(child('hostile'), {})
  for (const name of CONTROLS) assert.match(await tool(upstream, ALICE, call(name, args)), /^ESCAPED: /, name)
})

test('a server in a sandbox dies with the gateway, also when that is killed, with all that hid from it', { skip }, async () => {
  const marker = `left-at-kill-${process.pid}`
  const script = fileURLToPath(new URL('../fixtures/children/abandoned.ts', import.meta.url))
  const gateway = spawn(process.execPath, [script, marker], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(gateway.stdout, 'data')
  while (processesNamed(marker).length === 0) await new Promise(setImmediate)
  gateway.kill('SIGKILL')
  while (processesNamed(marker).length > 0) await new Promise(setImmediate)
})

test('the official filesystem server works in a sandbox, with its folder and nothing else', { skip }, async (t) => {
  const { at } = await aMachine(t)
  await using upstream = upstreamOf(['mcp-server-filesystem', './readable', './writable'], {
    cwd: at('.'),
    sandbox: { ...A_SANDBOX, read: [at('readable')], write: [at('writable')] },
  })
  assert.match(await tool(upstream, ALICE, call('read_text_file', { path: at('readable/given') })), /the text of readable\/given/)
  assert.match(await tool(upstream, ALICE, call('write_file', { path: at('writable/new'), content: 'x' })), /Successfully/)
  assert.match(await tool(upstream, ALICE, call('write_file', { path: at('readable/new'), content: 'x' })), /EROFS/)
})

test('the official everything server works in a sandbox without network', { skip }, async () => {
  const script = fileURLToPath(import.meta.resolve('@modelcontextprotocol/server-everything/dist/index.js'))
  await using upstream = upstreamOf([process.execPath, script, 'stdio'], { sandbox: A_SANDBOX, env: { GIVEN: 'yes' } })
  assert.match(await tool(upstream, ALICE, call('echo', { message: 'hello' })), /hello/)
  const env = JSON.parse(await tool(upstream, ALICE, call('get-env')))
  assert.deepEqual(Object.keys(env).sort(), ['GIVEN', 'HOME', 'PATH', 'PWD', 'TMPDIR'])
})

test('a server is not started where something would be shown to it that must not be', { skip }, async (t) => {
  const { at } = await aMachine(t)
  symlinkSync(at('.'), at('readable/everything'))
  mkdirSync(at('package/bin'), { recursive: true })
  writeFileSync(at('package/bin/tool'), '#!/bin/sh\n', { mode: 0o755 })
  const refusals = [
    [{ read: [at('.')] }, /would show it .*store\.db/],
    [{ write: [at('readable/everything')] }, /would show it .*store\.db/],
    [{ read: [at('store.db')] }, /would show it/],
    [{ read: [at('store.db-audit.log')] }, /would show it/],
    [{ read: ['/'] }, /would show it/],
    [{ read: [at('writable/planted')], write: [at('writable')] }, /leads out of .*writable, which it may write/],
    [{ write: [at('package')] }, /its own program and lies in/],
    [{ read: ['/proc'] }, /of the machine itself/],
    [{ read: [at('nowhere')] }, /is not there/],
  ] as const
  for (const [said, why] of refusals) {
    const program = at('package/bin/tool')
    const sandbox = { ...A_SANDBOX, hidden: [at('store.db')], ...said }
    assert.throws(
      () => confine({ command: [program], env: { PATH: '/usr/bin' } }, sandbox),
      (error) => error instanceof Fault && error.code === 'FAULT_SANDBOX' && why.test(error.message),
      String(Object.values(said)),
    )
  }
  const smuggled = { command: ['true'], env: { PATH: '/usr/bin', GIVEN: 'x\0--bind\0/\0/' } }
  assert.throws(() => confine(smuggled, A_SANDBOX), /NUL/)
  await using upstream = upstreamOf(['true'], { sandbox: { ...A_SANDBOX, read: [at('nowhere')] } })
  await assert.rejects(last(upstream.forward(modern('tools/list'), ALICE)), denied('upstream_failed'))
  assert.match((await upstream.event(({ type }) => type === 'upstream.refused')).detail ?? '', /is not there/)
})
