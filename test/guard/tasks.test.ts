/** Tasks belong to whoever began them, also in lists. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '../../src/core/json.ts'
import { TaskOwners } from '../../src/guard/tasks.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import { aCall, aPrincipal, aResult } from '../fixtures/nouns.ts'

test('of a list of the tasks of everybody a caller sees its own', async () => {
  const store = openSqlite(':memory:', { clock: Date.now })
  const owners = new TaskOwners(store, Date.now)
  const [ann, bob] = [aPrincipal({ subject: 'ann' }), aPrincipal({ subject: 'bob' })]
  const [first, second, nobodys]: readonly JsonObject[] = [{ taskId: 't1' }, { taskId: 't2' }, { taskId: 't3' }]
  assert.ok(first && second && nobodys)
  const begin = aCall({ era: 'legacy' })
  await owners.remember(aResult({ task: first }), begin, ann)
  await owners.remember(aResult({ task: second }), begin, bob)
  const list = aCall({ method: 'tasks/list', action: 'list', resource: { kind: 'server', server: 'files', name: 'files' } })
  const all = aResult({ tasks: [first, second, nobodys, {}] })
  assert.deepEqual((await owners.narrow(all, list, ann)).body.result, { tasks: [first] })
  assert.deepEqual((await owners.narrow(all, list, bob)).body.result, { tasks: [second] })
  const mine = aResult({ tasks: [first] })
  assert.equal(await owners.narrow(mine, list, ann), mine)
  await store.close()
})
