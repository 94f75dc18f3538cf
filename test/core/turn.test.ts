/** What is asked for in one turn of the event loop is read once, after the last question, and what is written because of it goes along. */
import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { Turn } from '../../src/core/turn.ts'
import { openSqlite } from '../../src/store/sqlite.ts'

it('reads before it writes, and takes along what is written because of what was read', async () => {
  const turn = new Turn()
  const done: string[] = []
  const { promise, resolve } = Promise.withResolvers<void>()
  turn.writes(() => done.push('first write'))
  turn.reads(() => {
    done.push('read')
    resolve()
  })
  const woken = promise.then(async () => {
    await Promise.resolve()
    turn.writes(() => done.push('write that the read led to'))
  })
  await new Promise((next) => setImmediate(next))
  await woken
  assert.deepEqual(done, ['read', 'first write', 'write that the read led to'])
})

it('looks at what arrived before it reads, and takes along what is read and written because of it', async () => {
  const turn = new Turn()
  const done: string[] = []
  turn.writes(() => done.push('write'))
  turn.reads(() => done.push('read'))
  const asked = async (name: string): Promise<void> => {
    await turn.arrived()
    done.push(`arrival ${name}`)
    await Promise.resolve()
    await new Promise<void>((resolve) => turn.reads(resolve))
    done.push(`answer ${name}`)
    await new Promise<void>((resolve) => turn.writes(resolve))
    done.push(`written ${name}`)
  }
  const all = [asked('one'), asked('two')]
  await new Promise((next) => setImmediate(next))
  await Promise.all(all)
  assert.deepEqual(done, ['arrival one', 'arrival two', 'read', 'answer one', 'answer two', 'write', 'written one', 'written two'])
})

it('goes on in the asynchronous context of who waits for it, whoever came first', async () => {
  const turn = new Turn()
  const context = new AsyncLocalStorage<string>()
  const seen = await Promise.all(
    ['one', 'two'].map((name) =>
      context.run(name, async () => {
        await turn.arrived()
        return context.getStore()
      }),
    ),
  )
  assert.deepEqual(seen, ['one', 'two'])
})

it('goes on in the next turn with what was asked for at the very end of one', async () => {
  const turn = new Turn()
  const done: string[] = []
  await new Promise<void>((resolve) => {
    turn.writes(() => {
      done.push('write')
      turn.reads(() => done.push('read'))
      turn.writes(() => {
        done.push('second write')
        resolve()
      })
    })
  })
  assert.deepEqual(done, ['write', 'read', 'second write'])
})

it('answers a question with what another process wrote after it was asked', async (context) => {
  const clock = (): number => 1_790_000_000_000
  const folder = mkdtempSync(join(tmpdir(), 'turn-'))
  const [here, there] = [openSqlite(join(folder, 'a.db'), { clock }), openSqlite(join(folder, 'a.db'), { clock })]
  context.after(async () => {
    await Promise.all([here.close(), there.close()])
    rmSync(folder, { recursive: true })
  })
  await there.put('key', 'good')
  const questions = [here.get('key'), here.get('key')]
  await there.put('key', 'revoked')
  assert.deepEqual(await Promise.all(questions), ['revoked', 'revoked'])
})
