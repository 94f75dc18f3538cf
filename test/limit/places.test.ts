/** Calls at once, and the tasks that they have begun: each has a place until it ends, and none is lost. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Limits } from '../../src/limit/limits.ts'
import { TASKS_MAX } from '../../src/limit/places.ts'
import { aCall, aPrincipal } from '../fixtures/nouns.ts'
import { ask, aWorld } from './world.ts'

const WHO = aPrincipal({ roles: ['user'] })
const LIFE = 60_000

const one = (yaml: string) => {
  const world = aWorld(yaml)
  return { world, limits: world.limits[0] ?? assert.fail() }
}
const isFree = async (limits: Limits, who = WHO): Promise<boolean> => (await ask(limits, who)) === undefined
const begin = (limits: Limits, id: string, session?: string, who = WHO): void =>
  limits.taskBegan(aCall({ id: `begin ${id}`, era: 'legacy', ...(session === undefined ? {} : { session }) }), who, { id, lifeMs: LIFE })

test('a task is over when its server says so, its session goes, or its time is', async () => {
  const { world, limits } = one('principal: { concurrency: 1 }')
  const asked = aCall({ era: 'legacy', session: 'a' })
  begin(limits, 't', 'a')
  assert.equal(await isFree(limits), false)
  limits.taskEnded({ ...asked, session: 'b' }, 't')
  limits.sessionEnded('b')
  assert.equal(await isFree(limits), false)
  limits.taskEnded(asked, 't')
  limits.taskEnded(asked, 't')
  assert.equal(await isFree(limits), true)
  assert.equal(await isFree(limits), true)

  begin(limits, 'u', 'a')
  assert.equal(await isFree(limits), false)
  limits.sessionEnded('a')
  assert.equal(await isFree(limits), true)

  begin(limits, 'v', 'a')
  world.pass(LIFE - 1)
  assert.equal(await isFree(limits), false)
  world.pass(1_000)
  assert.equal(await isFree(limits), true)
})

test('a task takes the place of its tool too, and all keys of its owner', async () => {
  const { limits } = one('principal: { concurrency: 2 }, tools: { read: { concurrency: 1 } }')
  limits.taskBegan(aCall({ tool: 'read', id: 'x' }), WHO, { id: 't', lifeMs: LIFE })
  const other = aPrincipal({ subject: 'other', roles: ['user'] })
  assert.match((await ask(limits, other, { tool: 'read' }))?.detail ?? '', /limits\.tools\.read\.concurrency/)
  assert.equal(await ask(limits, other, { tool: 'write' }), undefined)
})

test('of more tasks than are remembered the first give their places back, and of each place there is one', async () => {
  const { limits } = one(`principal: { concurrency: ${TASKS_MAX + 5} }`)
  for (let at = 0; at < TASKS_MAX + 10; at++) begin(limits, String(at), 's')
  for (let at = 0; at < 5; at++) assert.equal(await ask(limits, WHO, { stays: true }), undefined)
  assert.equal(await isFree(limits), false)
  limits.sessionEnded('s')
  assert.equal(await isFree(limits), true)
})
