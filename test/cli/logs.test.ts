import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createServerLog, serverLogFiles } from '../../src/gateway/server-log.ts'
import { install } from './portcullis.ts'

test('what a server said is kept within two megabytes, the newest always', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-log-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const config = { store: join(folder, 'p.db') }
  const log = createServerLog(config, () => 1, assert.fail)
  for (let at = 0; at < 100; at++) log('files', `${at} ${'x'.repeat(40_000)}`)
  const files = serverLogFiles(config, 'files') ?? []
  const sizes = files.map((file) => readFileSync(file).length)
  assert.ok(
    sizes.every((size) => size > 0 && size < 1_100_000),
    String(sizes),
  )
  assert.match(readFileSync(files[1] ?? '', 'utf8'), /"99 x/)
})

test('a log that cannot be written is told once and stops nobody', () => {
  const told: string[] = []
  const log = createServerLog(
    { store: '/dev/null/p.db' },
    () => 1,
    ({ code }) => void told.push(code),
  )
  log('files', 'one')
  log('files', 'two')
  assert.deepEqual(told, ['FAULT_LOG'])
})

test('logs shows what a server said, as text and as JSON, and follows it', async (t) => {
  const there = install(t, 'listen: 127.0.0.1:0\nstore: p.db\nservers: { files: { command: [x] }, quiet: { command: [x] } }\n')
  const log = createServerLog({ store: join(there.folder, 'p.db') }, () => Date.UTC(2026, 10, 21, 8), assert.fail)
  for (const text of ['one', 'two', 'three \\u{1b}[31m']) log('files', text)
  const [shown, json, none, quiet] = await Promise.all([
    there.run(['logs', 'files', '-n', '2']),
    there.run(['logs', 'files', '--json', '-n', '1']),
    there.run(['logs', 'nobody']),
    there.run(['logs', 'quiet']),
  ])
  assert.equal(shown.out, '2026-11-21 08:00:00Z  two\n2026-11-21 08:00:00Z  three \\u{1b}[31m\n')
  assert.deepEqual(JSON.parse(json.out), { at: Date.UTC(2026, 10, 21, 8), text: 'three \\u{1b}[31m' })
  assert.deepEqual([none.code, quiet.code, quiet.out], [3, 0, ''])
  assert.match(none.errors, /there is no server nobody, expected one of files, quiet/)

  const following = there.start(['logs', 'files', '-f'])
  await following.line((line) => line.endsWith('two'))
  log('files', 'four')
  await following.line((line) => line.endsWith('four'))
  following.child.kill('SIGTERM')
  assert.equal((await following.ended).code, 0)
  assert.ok(!existsSync(join(there.folder, 'p.db')), 'to read a log no store is made')
})

test('check warns of a server without a sandbox, of a floating version, of a sandbox that cannot be had, and of plain http to another machine', async (t) => {
  const there = install(
    t,
    `servers:
  bare: { command: [cat] }
  floats: { command: [npx, -y, thing@latest], sandbox: off }
  lost: { command: [cat], sandbox: { read: [./nowhere] } }
  plain: { url: "http://tools.internal/mcp" }
`,
  )
  const { code, out } = await there.run(['check', '--json'])
  assert.equal(code, 0)
  const warnings = JSON.parse(out).warnings.filter((line: string) => !line.includes('npx is not found'))
  assert.equal(warnings.length, 4)
  assert.match(warnings[0], /^portcullis\.yaml:2:3: servers\.bare: no sandbox is written/)
  assert.match(warnings[1], /^portcullis\.yaml:3:13: servers\.floats\.command: thing@latest is whichever version is the newest/)
  assert.match(warnings[2], /^portcullis\.yaml:4:27: servers\.lost\.sandbox: it will not be started: /)
  assert.match(warnings[3], /^portcullis\.yaml:5:17: servers\.plain\.url: plain http to another machine/)
})

test('check finds programs and folders that are not there, looking where the child would: in its own PATH, from its own folder', async (t) => {
  const there = install(
    t,
    `servers:
  none:   { command: [nosuchprogram-xyz], sandbox: off }
  boxed:  { command: [nosuchprogram-xyz], sandbox: { network: none } }
  path:   { command: [tool], sandbox: off, env: { PATH: bin } }
  slash:  { command: [bin/tool], sandbox: off }
  away:   { command: [bin/tool], cwd: bin, sandbox: off }
  gone:   { command: [cat], cwd: nowhere, sandbox: off }
  data:   { command: [./portcullis.yaml], sandbox: off }
`,
  )
  mkdirSync(join(there.folder, 'bin'))
  there.write('bin/tool', '#!/bin/sh\n')
  chmodSync(join(there.folder, 'bin/tool'), 0o755)
  const { warnings } = JSON.parse((await there.run(['check', '--json'])).out)
  assert.deepEqual(
    warnings.map((line: string) => line.replaceAll(there.folder, '…').replace(/^portcullis\.yaml:/, '')),
    [
      '2:13: servers.none.command: nosuchprogram-xyz is not found in PATH',
      '3:13: servers.boxed.command: nosuchprogram-xyz is not found in PATH',
      '6:13: servers.away.command: …/bin/bin/tool is not there, or may not be executed',
      '7:34: servers.gone.cwd: …/nowhere: there is no such folder',
      '8:13: servers.data.command: …/portcullis.yaml is not there, or may not be executed',
    ],
  )
})

test('run holds a bare command line to profile strict', async (t) => {
  const there = install(t, 'profile: strict\n')
  const [bare, floating] = await Promise.all([
    there.run(['run', '-c', 'portcullis.yaml', '--', 'cat']),
    there.run(['run', '-c', 'portcullis.yaml', '--', 'npx', 'thing']),
  ])
  assert.deepEqual([bare.code, floating.code], [3, 3])
  assert.match(bare.errors, /cat: expected a sandbox in profile strict/)
})
