import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Schedule } from '../../src/bridge/alarm.ts'
import { systemSchedule } from '../../src/bridge/alarm.ts'
import { Child, type ChildHandlers, STDIN_GRACE_MS, TERM_GRACE_MS } from '../../src/upstream/child.ts'
import { child, hands, isAlive } from '../fixtures/stdio.ts'

interface Spoken {
  readonly child: Child
  readonly exit: Promise<{ readonly reason: string; readonly wanted: boolean }>
  /** Resolves with the next value or other sign of life. */
  next(): Promise<unknown>
  call(name: string, args?: object): void
}

const isState = (pid: number, state: string): boolean => {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.startsWith(state) === true
  } catch {
    return false
  }
}
/** A killed process that nobody has waited for yet is dead all the same. */
const isDead = (pid: number): boolean => !isAlive(pid) || isState(pid, 'Z')

function speak(
  command: readonly string[],
  {
    schedule = systemSchedule,
    maxLineBytes = 1_000_000,
    environment = {},
  }: { schedule?: Schedule; maxLineBytes?: number; environment?: Record<string, string> } = {},
): Spoken {
  const said: unknown[] = []
  const waiting: ((value: unknown) => void)[] = []
  const tell = (value: unknown): void => {
    const wake = waiting.shift()
    if (wake === undefined) said.push(value)
    else wake(value)
  }
  const { promise: exit, resolve } = Promise.withResolvers<{ reason: string; wanted: boolean }>()
  const handlers: ChildHandlers = {
    onValue: (value) => tell(value),
    onNoise: () => tell('noise'),
    onTooLong: (id) => tell({ tooLong: id }),
    onText: (chunk) => tell({ text: chunk.toString() }),
    onOver: (what) => tell({ over: what }),
    onExit: (reason, wanted) => resolve({ reason, wanted }),
  }
  const spoken = new Child({ command, env: {}, maxLineBytes }, { PATH: process.env['PATH'], ...environment }, handlers, schedule)
  return {
    child: spoken,
    exit,
    next: () => (said.length > 0 ? Promise.resolve(said.shift()) : new Promise((wake) => waiting.push(wake))),
    call: (name, args = {}) =>
      spoken.send(JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name, arguments: args } })),
  }
}

const text = (value: unknown): string => (value as { result: { content: [{ text: string }] } }).result.content[0].text

test('a child inherits PATH, HOME, LANG and TMPDIR and nothing else', async () => {
  const spoken = speak(child('raw'), { environment: { HOME: '/nowhere', LANG: 'C', SECRET_OF_THE_GATEWAY: 'x', NODE_OPTIONS: '' } })
  spoken.call('env')
  const env = JSON.parse(text(await spoken.next()))
  assert.deepEqual(Object.keys(env).sort(), ['HOME', 'LANG', 'PATH'])
  await spoken.child.close()
})

test('arguments reach the child as they are, because no shell reads them', async () => {
  const spoken = speak(child('raw', '$HOME', '; echo', '`x`'))
  spoken.call('argv')
  assert.deepEqual(JSON.parse(text(await spoken.next())).slice(2), ['$HOME', '; echo', '`x`'])
  await spoken.child.close()
})

test('lines that are no JSON or no UTF-8 are noise, and what follows is still read', async () => {
  const spoken = speak(child('raw'))
  spoken.call('noise')
  const said = [
    await spoken.next(),
    await spoken.next(),
    await spoken.next(),
    await spoken.next(),
    await spoken.next(),
    await spoken.next(),
  ]
  assert.deepEqual(said.slice(0, 5), ['noise', { not: 'a message' }, [1, 2], null, 'noise'])
  assert.equal(text(said[5]), 'after the noise')
  await spoken.child.close()
})

test('U+2028, U+2029 and U+0085 end no line', async () => {
  const spoken = speak(child('raw'))
  spoken.call('separators')
  assert.equal(text(await spoken.next()), 'a\u2028b\u2029c\u0085d')
  await spoken.child.close()
})

test('a line over the cap is skipped, its id is seen at either end, and the next line is read', async () => {
  const spoken = speak(child('raw'), { maxLineBytes: 200_000 })
  spoken.call('big-id-last', { bytes: 200_000 })
  assert.deepEqual(await spoken.next(), { tooLong: 7 })
  spoken.call('big-id-first', { bytes: 700_000 })
  assert.deepEqual(await spoken.next(), { tooLong: 7 })
  spoken.call('big-id-last', { bytes: 150_000 })
  assert.equal(text(await spoken.next()).length, 150_000)
  await spoken.child.close()
})

test('a line without end is the end of the child', async () => {
  const spoken = speak(child('raw'), { maxLineBytes: 100_000 })
  spoken.call('endless')
  assert.deepEqual(await spoken.exit, { reason: 'a line without end', wanted: false })
})

test('a child ends when its stdin is closed', async () => {
  const spoken = speak(child('raw'))
  spoken.call('pid')
  await spoken.next()
  await spoken.child.close()
  assert.deepEqual(await spoken.exit, { reason: 'exit code 0', wanted: true })
})

test('a child that ignores its stdin and SIGTERM is killed, and only after both waits', async () => {
  const { schedule, turn } = hands()
  const spoken = speak(child('raw', '--deaf'), { schedule })
  spoken.call('pid')
  const pid = Number(text(await spoken.next()))
  const closed = spoken.child.close()
  turn(STDIN_GRACE_MS)
  assert.deepEqual(await spoken.next(), { text: 'SIGTERM' })
  turn(TERM_GRACE_MS - 1)
  assert.ok(isAlive(pid))
  turn(1)
  assert.equal((await spoken.exit).reason, 'signal SIGKILL')
  await closed
})

test('what a child has started ends with it', async () => {
  for (const how of ['die', 'close'] as const) {
    const spoken = speak(child('raw'))
    spoken.call('fork')
    const grandchild = Number(text(await spoken.next()))
    assert.ok(isAlive(grandchild))
    if (how === 'die') spoken.call('die')
    else await spoken.child.close()
    await spoken.exit
    while (!isDead(grandchild)) await new Promise(setImmediate)
  }
})

test('a program that is not there is an exit that names it, not an exception', async () => {
  const spoken = speak(['/nonexistent/program'])
  assert.deepEqual(await spoken.exit, { reason: '/nonexistent/program cannot be started: ENOENT', wanted: false })
  assert.equal(spoken.child.isUnmade, true)
  await spoken.child.close()
})

test('a child that reads nothing is stuck at some point, and not before', async () => {
  const spoken = speak(['sleep', '600'])
  assert.equal(spoken.child.isStuck, false)
  for (let sent = 0; sent < 18; sent++) spoken.child.send('x'.repeat(1024 * 1024))
  assert.equal(spoken.child.isStuck, true)
  spoken.child.kill()
  assert.equal((await spoken.exit).reason, 'signal SIGKILL')
})

test('children do not outlive the gateway', async () => {
  const script = fileURLToPath(new URL('../fixtures/children/parent.ts', import.meta.url))
  const parent = spawn(process.execPath, [script, ...child('raw', '--deaf')], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [chunk] = await once(parent.stdout, 'data')
  const pid = Number(String(chunk))
  await once(parent, 'exit')
  assert.ok(pid > 0)
  while (!isDead(pid)) await new Promise(setImmediate)
})
