import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Denial, type DenialCode } from '../../src/core/denial.ts'
import { newSessionId, type Session, Sessions } from '../../src/face/session.ts'

function aTable(limits: Partial<{ perPrincipal: number; total: number; idleMs: number }> = {}) {
  const time = { now: 0 }
  const ended: string[] = []
  const sessions = new Sessions(
    { perPrincipal: 2, total: 3, idleMs: 1_000, ...limits },
    () => time.now,
    (session: Session) => ended.push(session.id),
  )
  return { time, ended, sessions }
}

function codeOf(work: () => unknown): DenialCode | undefined {
  try {
    work()
    return undefined
  } catch (error) {
    return Denial.from(error).code
  }
}

test('a session id is 192 random bits in visible ASCII', () => {
  const ids = new Set(Array.from({ length: 1_000 }, newSessionId))
  assert.equal(ids.size, 1_000)
  for (const id of ids) assert.match(id, /^[\x21-\x7e]{32}$/)
})

test('a session is found by its own principal at its own server, and by nobody else', () => {
  const { sessions } = aTable()
  const session = sessions.open('s', 'key#a', 'files')
  assert.equal(sessions.claim('s', 'key#a', 'files'), session)
  assert.equal(
    codeOf(() => sessions.claim('s', 'key#b', 'files')),
    'no_session',
  )
  assert.equal(
    codeOf(() => sessions.claim('s', 'key#a', 'mail')),
    'no_session',
  )
  assert.equal(
    codeOf(() => sessions.claim('t', 'key#a', 'files')),
    'no_session',
  )
  assert.throws(() => sessions.claim(undefined, 'key#a', 'files'), {
    code: 'malformed',
    detail: /without a session id \(Mcp-Session-Id\); initialize opens a session$/,
    isOfForm: true,
  })
})

test("an ended session's work is aborted, and it is not found again", () => {
  const { sessions, ended } = aTable()
  const stop = new AbortController()
  sessions.open('s', 'key#a', 'files').running.set(1, stop)
  sessions.end('s')
  assert.deepEqual([stop.signal.aborted, ended], [true, ['s']])
  assert.equal(
    codeOf(() => sessions.claim('s', 'key#a', 'files')),
    'no_session',
  )
})

test('the session unused longest gives way when its principal opens too many, and never one of another', () => {
  const { sessions, ended, time } = aTable()
  sessions.open('other', 'key#b', 'files')
  sessions.open('one', 'key#a', 'files')
  time.now = 5
  sessions.open('two', 'key#a', 'files')
  sessions.claim('one', 'key#a', 'files')
  time.now = 6
  sessions.claim('one', 'key#a', 'files')
  sessions.open('three', 'key#a', 'files')
  assert.deepEqual(ended, ['two'])
})

test('when all places are taken a new principal is told to come again', () => {
  const { sessions } = aTable()
  for (const name of ['a', 'b', 'c']) sessions.open(name, `key#${name}`, 'files')
  assert.equal(
    codeOf(() => sessions.open('d', 'key#d', 'files')),
    'unavailable',
  )
})

test('idle sessions end; one with a request under way is not idle', () => {
  const { sessions, ended, time } = aTable()
  sessions.open('idle', 'key#a', 'files')
  sessions.open('busy', 'key#b', 'files').running.set(1, new AbortController())
  time.now = 1_001
  sessions.sweep()
  assert.deepEqual(ended, ['idle'])
})
