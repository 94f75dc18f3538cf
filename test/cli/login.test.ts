import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { z } from 'zod'
import { anAgentWorld } from '../agent/world.ts'
import { aGateway } from '../fixtures/gateway.ts'
import { aBareUpstream, text } from '../fixtures/upstream.ts'
import { Browser } from '../oauth/world.ts'
import { install, type Started } from './portcullis.ts'

/** The page that the program prints on standard error. */
function pageOf({ child }: Started, line = /^ {2}(http\S+)\n/m): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = ''
    child.stderr?.on('data', (text: string) => {
      said += text
      const url = line.exec(said)?.[1]
      if (url !== undefined) resolve(url)
    })
    child.once('close', () => reject(new Error(`It ended before: ${said}`)))
  })
}

test('login prints the page, and list and call then work for people and scripts, until logout', async (t) => {
  await using world = await anAgentWorld()
  const there = install(t)
  const url = world.url.href

  const early = await there.run(['list', url])
  assert.deepEqual([early.code, early.out], [1, ''])
  assert.match(early.errors, /portcullis login/)

  const login = there.start(['login', url, '--no-browser', '--json'])
  await fetch(await new Browser().agree(await pageOf(login)))
  const signedIn = await login.ended
  assert.equal(signedIn.code, 0, signedIn.errors)
  const told = z.strictObject({
    url: z.string(),
    issuer: z.string(),
    resource: z.string(),
    scopes: z.array(z.string()),
    expiresAt: z.number(),
  })
  assert.equal(told.parse(JSON.parse(signedIn.out)).resource, url)

  const listed = await there.run(['list', url])
  assert.deepEqual([listed.code, /echo[\s\S]*purge/.test(listed.out)], [0, true], listed.errors)
  const called = await there.run(['call', url, 'echo', '--args', '{"message":"hello(clear)"}'])
  assert.deepEqual([called.code, called.out], [0, 'hello\\u001b[2J\n'], called.errors)
  const scripted = await there.run(['call', url, 'echo', '--args', '-', '--json'], { input: '{"message":"from a script"}' })
  assert.deepEqual(JSON.parse(scripted.out).content, [{ type: 'text', text: 'from a script' }])

  const folder = join(there.folder, '.local/state/portcullis')
  assert.equal(statSync(join(folder, 'agent.key')).mode & 0o777, 0o600)
  for (const file of readdirSync(folder)) assert.doesNotMatch(readFileSync(join(folder, file), 'latin1'), /eyJ[\w-]+\.eyJ/, file)

  assert.equal((await there.run(['logout', url])).code, 0)
  assert.equal((await there.run(['call', url, 'echo'])).code, 1)
})

test('login where no browser can be opened says so, and takes whoever opens the page by hand', async (t) => {
  await using world = await anAgentWorld()
  const there = install(t)
  for (const name of ['xdg-open', 'open']) writeFileSync(join(there.folder, name), '#!/bin/sh\nexit 3\n', { mode: 0o700 })
  const login = there.start(['login', world.url.href], { PATH: there.folder })
  const page = await pageOf(login, /^ {2}(http\S+)\n\(no browser could be started\)$/m)
  await fetch(await new Browser().agree(page))
  const signedIn = await login.ended
  assert.equal(signedIn.code, 0, signedIn.errors)
})

test('what cannot be is told with the next step', async (t) => {
  await using world = await anAgentWorld()
  const there = install(t)
  for (const [args, code, said] of [
    [['call', 'http://example.com/mcp', 'echo'], 2, /https/],
    [['call', world.url.href, 'echo', '--args', '[1]'], 2, /JSON object/],
    [['login', world.url.href, '--client-id', 'x'], 2, /belong together/],
    [['list', `${world.house.url}/healthz`], 1, /no MCP server: nothing at \/healthz/],
  ] as const) {
    const ran = await there.run(args)
    assert.equal(ran.code, code, ran.errors)
    assert.match(ran.errors, said)
  }
})

test('an API key from a variable lists and calls without any sign-in, and an unset variable is a mistake of the command', async (t) => {
  await using upstream = await aBareUpstream({ greet: () => text('hello') })
  await using house = await aGateway(
    `servers: { tools: { url: "${upstream.url}" } }\naccess: { roles: { user: { permissions: ["*"] } }, tools: { "*": { permission: tools:use } } }`,
  )
  const there = install(t)
  const env = { KEY: await house.key({ roles: ['user'] }) }
  const url = `${house.url}/mcp`
  const listed = await there.run(['list', url, '--key-env', 'KEY'], { env })
  const called = await there.run(['call', url, 'greet', '--key-env', 'KEY'], { env })
  const unset = await there.run(['call', url, 'greet', '--key-env', 'NO_KEY'], { env })
  assert.deepEqual([listed.code, /greet/.test(listed.out), called.code, called.out], [0, true, 0, 'hello\n'], listed.errors + called.errors)
  assert.deepEqual([unset.code, /NO_KEY/.test(unset.errors)], [2, true])
})

test('what keeps a server from being listed is told by its cause, with a next step that is another one', async (t) => {
  await using upstream = await aBareUpstream({ greet: () => text('hello') })
  await using house = await aGateway(`servers: { tools: { url: "${upstream.url}" } }
access: { roles: { user: { permissions: ["*"] } }, tools: { "*": { permission: tools:use } } }
limits: { failures: { allow: 5, per: 5m, block: 15m } }`)
  const there = install(t)
  const env = { KEY: await house.key({ roles: ['user'] }), WRONG: `mcp_${'x'.repeat(12)}_${'y'.repeat(40)}` }
  const list = (url: string, ...more: readonly string[]) => there.run(['list', url, ...more], { env })
  const closed = createServer().listen(0, '127.0.0.1')
  await once(closed, 'listening')
  const { port } = closed.address() as AddressInfo
  closed.close()
  await once(closed, 'close')

  const told = async (ran: ReturnType<typeof list>): Promise<string> => {
    const { code, errors } = await ran
    assert.equal(code, 1, errors)
    assert.doesNotMatch(errors, /portcullis list/)
    return errors
  }
  assert.match(
    await told(list(`http://127.0.0.1:${port}/mcp`, '--key-env', 'KEY')),
    /127\.0\.0\.1:\d+ cannot be reached: .*ECONNREFUSED.*\n {2}See that the server runs/,
  )
  assert.match(await told(list(`http://127.0.0.1:${port}/mcp`)), /cannot be reached: .*ECONNREFUSED/)
  assert.match(
    await told(list(`${house.url}/nowhere`, '--key-env', 'KEY')),
    /It is no MCP server: nothing at \/nowhere takes messages \(404\)\n {2}See that the URL/,
  )
  assert.match(
    await told(list(`${house.url}/mcp`)),
    /does not say who issues tokens for it \(RFC 9728\): it may take API keys alone\n {2}If it takes API keys alone, .*--key-env/,
  )
  assert.match(
    await told(list(`${house.url}/mcp`, '--key-env', 'WRONG')),
    /lets nobody in like this: The credential is not valid\.\n {2}See that the variable of --key-env/,
  )
  const missing = await there.run(['call', `${house.url}/mcp`, 'gret', '--key-env', 'KEY'], { env })
  assert.match(missing.errors, /no tool gret, or none for you\n {2}See "portcullis list URL"/)

  for (let tries = 0; tries < 5; tries++) await list(`${house.url}/mcp`, '--key-env', 'WRONG')
  assert.match(
    await told(list(`${house.url}/mcp`, '--key-env', 'WRONG')),
    /The server asks to wait for \d+ s: .*\n {2}Wait as long as it says/,
  )
})
