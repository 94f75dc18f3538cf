import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { main } from '../../src/cli/main.ts'
import { parseConfig } from '../../src/config/load.ts'
import { KEYS } from '../../src/store/keys.ts'
import { SecretStore } from '../../src/store/secrets.ts'
import { openSqlite } from '../../src/store/sqlite.ts'

const SECRET = 'kJ8#mQ2$vX9!pL4&zR7*wN1^tB5@hG3%'
const PLACE = 'authentication.jwtSecret'

interface Ran {
  readonly code: number
  readonly out: string
  readonly errors: string
}

interface Installation {
  readonly folder: string
  readonly file: string
  write(config: string): void
  run(args: readonly string[], input?: string): Promise<Ran>
}

/** The command line in this process: what a real one adds is in the other tests of this room. */
function install(t: TestContext, config: string): Installation {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-seal-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'portcullis.yaml')
  const write = (written: string): void => writeFileSync(file, written)
  write(config)
  const run = async (args: readonly string[], input = ''): Promise<Ran> => {
    const [output, errors] = [new PassThrough(), new PassThrough()]
    const code = await main([...args, '-c', file], { input: Readable.from([input]), output, errors, clock: Date.now })
    output.end()
    errors.end()
    return { code, out: await text(output), errors: await text(errors) }
  }
  return { folder, file, write, run }
}

test('a secret is sealed from standard input, checked, and shown to who says that it may be', async (t) => {
  const { folder, write, run } = install(t, '')
  const sealed = await run(['seal', PLACE], `${SECRET}\n`)
  assert.deepEqual([sealed.code, sealed.errors], [0, ''])
  assert.match(sealed.out, /^sealed:v1:[\w.-]+\n$/)
  assert.equal((await run(['seal', 'listen'], SECRET)).code, 2)
  write(`authentication: { jwtSecret: "${sealed.out.trim()}" }\n`)
  assert.equal((await run(['check'])).errors, '')
  const hidden = await run(['unseal', PLACE])
  assert.deepEqual([hidden.code, (hidden.out + hidden.errors).includes(SECRET)], [2, false])
  assert.equal((await run(['unseal', PLACE, '--show-secret'])).out, `${SECRET}\n`)
  const store = openSqlite(join(folder, '.portcullis/portcullis.db'), { clock: Date.now })
  const events = (await store.read('audit')).map(({ value }) => value)
  assert.ok(events.some((event) => JSON.stringify(event).includes('"secret.shown"') && JSON.stringify(event).includes(PLACE)))
  assert.equal(JSON.stringify(events).includes(SECRET), false)
  await store.close()
  write(`authentication: { jwtSecret: "${SECRET}" }\n`)
  const told = await run(['check'])
  assert.equal(told.code, 0)
  assert.match(told.errors, /^warning: .*portcullis.yaml:1:\d+: authentication.jwtSecret: expected no plain secret/)
})

const PROGRAM = join(import.meta.dirname, '../../bin/portcullis')
const SCRIPT = '/usr/bin/script'
const skip =
  existsSync(SCRIPT) || process.env['CI'] !== undefined
    ? false
    : `NOBODY TYPES A SECRET HERE: ${SCRIPT} is not installed: apt-get install bsdutils`

test('a secret that is typed at a terminal is not shown there, and what is typed afterwards is', { skip }, async (t) => {
  const { file, run } = install(t, '')
  const commands = `'${process.execPath}' '${PROGRAM}' seal ${PLACE} -c '${file}'; echo "code $?"; head -n 1`
  const child = spawn(SCRIPT, ['--quiet', '--flush', '--echo', 'always', '--command', commands, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.after(() => child.kill())
  let shown = ''
  const says = async (form: RegExp): Promise<void> => {
    while (!form.test(shown)) shown += String((await once(child.stdout, 'data'))[0])
  }
  await says(/: $/)
  // A slip of the finger, taken back.
  child.stdin.write(`${SECRET}x\u007f\r`)
  await says(/code 0\r\n/)
  const [sealed = ''] = /^sealed:v1:[\w.-]+/m.exec(shown) ?? []
  for (let at = 0; at + 6 <= SECRET.length; at++) assert.ok(!shown.includes(SECRET.slice(at, at + 6)), shown)
  child.stdin.write('seen by everybody\r')
  await says(/seen by everybody\r\n(.*\r\n)*seen by everybody/)
  child.stdin.end()
  await once(child, 'close')
  writeFileSync(file, `authentication: { jwtSecret: "${sealed}" }\n`)
  assert.equal((await run(['unseal', PLACE, '--show-secret'])).out, `${SECRET}\n`)
})

const RECORDS = 40
const KILLED_AFTER = 17
const MORTAL = join(import.meta.dirname, '../fixtures/children/killed-rekey.ts')

test('a rekey that is killed in the middle is started again, and then everything is under the new key', async (t) => {
  const { folder, file, write, run } = install(t, '')
  const sealed = (await run(['seal', PLACE], SECRET)).out.trim()
  const config = (sealing: string): string => `${sealing}# ours alone\nauthentication: { jwtSecret: '${sealed}' } # do not lose\n`
  const both = 'sealing: { key: { file: new.key }, previous: [{ file: .portcullis/portcullis.key }] }\n'
  const sealing = parseConfig('', { file }).sealing
  const store = openSqlite(join(folder, '.portcullis/portcullis.db'), { clock: Date.now })
  const old = new SecretStore(store, sealing.records())
  await Promise.all(Array.from({ length: RECORDS }, (_, at) => old.put(`secret-${at}`, `value-${at}`)))
  write(config(both))

  const killed = spawnSync(process.execPath, [MORTAL, file, String(KILLED_AFTER)])
  assert.equal(killed.signal, 'SIGKILL')
  const standing = (await store.list(KEYS.secrets)).map(({ value }) => sealing.records().keyOf(String(value)))
  assert.deepEqual([standing.filter((key) => key === 'unknown').length, standing.length], [KILLED_AFTER, RECORDS])
  assert.equal(readFileSync(file, 'utf8'), config(both))
  assert.equal((await run(['check'])).code, 0)

  const again = await run(['rekey', '--json'])
  assert.equal(again.code, 0, again.errors)
  assert.deepEqual(JSON.parse(again.out).configuration, [PLACE])
  const written = readFileSync(file, 'utf8')
  assert.equal(written.replace(/sealed:[\w:.-]+/, sealed), config(both))
  const now = parseConfig(written.replace(both, 'sealing: { key: { file: new.key } }\n'), { file })
  assert.equal(now.authentication.jwtSecret?.reveal(), SECRET)
  const secrets = new SecretStore(store, now.sealing.records())
  const opened = await Promise.all(Array.from({ length: RECORDS }, (_, at) => secrets.get(`secret-${at}`)))
  assert.ok(opened.every((secret, at) => secret?.reveal() === `value-${at}`))
  await store.close()
})
