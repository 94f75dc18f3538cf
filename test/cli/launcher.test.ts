import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { test } from 'node:test'
import { BIN, CONFIG, install } from './portcullis.ts'

test('installed on a Node.js that is too old, the launcher says so in one line and ends with 1', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-bin-'))
  t.after(() => rmSync(folder, { recursive: true }))
  cpSync(dirname(BIN), join(folder, 'bin'), { recursive: true })
  writeFileSync(join(folder, 'old.cjs'), "Object.defineProperty(process.versions, 'node', { value: '20.20.2' })")
  const { status, stderr, stdout } = spawnSync(process.execPath, ['-r', join(folder, 'old.cjs'), join(folder, 'bin/portcullis')], {
    encoding: 'utf8',
  })
  assert.equal(status, 1)
  assert.equal(stdout, '')
  assert.match(stderr, /^portcullis needs Node\.js 24 or newer, this is v\S+\n$/)
})

test('from a checkout, what the user has installed is found before what the gateway is developed with', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-path-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const runtime = join(folder, 'node')
  writeFileSync(runtime, `#!/bin/sh\necho "$PATH"\n`, { mode: 0o755 })
  const pathOf = (script: string, PATH: string): readonly string[] =>
    spawnSync(process.execPath, [script], { encoding: 'utf8', env: { PATH, NODE_BIN: runtime } })
      .stdout.trim()
      .split(delimiter)
  const root = dirname(dirname(BIN))
  const ours = join(root, 'node_modules', '.bin')

  assert.deepEqual(pathOf(BIN, '/home/user/bin'), ['/home/user/bin', folder, ours], 'the servers of a user are his, run by his Node.js')
  assert.deepEqual(pathOf(join(root, 'tools/with-node.cjs'), '/home/user/bin'), [folder, '/home/user/bin', ours])
  assert.deepEqual(pathOf(BIN, ''), [folder, ours], 'nothing is looked for in the current folder')
})

test('the launcher is written so that an old Node.js can read it', () => {
  const text = readFileSync(BIN, 'utf8')
  assert.match(text, /^#!\/usr\/bin\/env node\n/)
  assert.doesNotMatch(text, /\bconst\b|\blet\b|=>|`|\bawait\b|\?\?/)
  assert.equal(JSON.parse(readFileSync(join(dirname(BIN), 'package.json'), 'utf8')).type, 'commonjs')
})

/** Gone within some seconds, by the process table. */
async function gone(pid: number): Promise<boolean> {
  for (const until = performance.now() + 15_000; performance.now() < until; await new Promise((resolve) => setImmediate(resolve))) {
    try {
      process.kill(pid, 0)
    } catch {
      return true
    }
  }
  process.kill(pid, 'SIGKILL')
  return false
}

test('a gateway ends in order when its launcher is killed', async (t) => {
  const there = install(t, CONFIG)
  const [runtime, written] = [join(there.folder, 'node'), join(there.folder, 'pid')]
  writeFileSync(runtime, `#!/bin/sh\necho $$ > '${written}'\nexec '${process.execPath}' "$@"\n`, { mode: 0o755 })
  const launched = there.start(['serve', '--json'], { NODE_BIN: runtime })
  await launched.line((line) => line.startsWith('{'))
  const pid = Number(readFileSync(written, 'utf8'))
  assert.ok(pid > 0)
  launched.child.kill('SIGKILL')
  await launched.error((line) => line.startsWith('stopping'))
  assert.ok(await gone(pid))
  assert.equal(JSON.parse((await there.run(['audit', 'query', '--last', '1', '--json'])).out).type, 'gateway.stopped')
})

test('what npm start starts ends with the shell in between, which passes no signal on', async (t) => {
  const launcher = join(dirname(dirname(BIN)), 'tools/with-node.cjs')
  const program = 'console.log(process.pid); setInterval(() => {}, 1000); process.once("SIGTERM", () => process.exit(0))'
  const words = [process.execPath, launcher, '--no-setup', '--with-parent', '-e', program]
  const shell = spawn('sh', ['-c', `${words.map((word) => `'${word}'`).join(' ')}; true`], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => shell.kill('SIGKILL'))
  const [said] = await once(shell.stdout, 'data')
  shell.kill('SIGTERM')
  assert.ok(await gone(Number(said)))
  const { scripts } = JSON.parse(readFileSync(join(dirname(dirname(BIN)), 'package.json'), 'utf8'))
  assert.match(scripts.start, /with-node\.cjs --with-parent /)
})
