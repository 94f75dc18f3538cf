/** A key that called a moment ago is judged as it was known then, and asked about anew before anything is done. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Denial } from '../../src/core/denial.ts'
import type { Credential, Principal } from '../../src/core/principal.ts'
import { Secret } from '../../src/core/secret.ts'
import { createRecall } from '../../src/guard/recalled.ts'
import { aCall, aPrincipal } from '../fixtures/nouns.ts'

const KEY: readonly Credential[] = [{ scheme: 'api-key', secret: new Secret('mcp_key') }]
const TOKEN: readonly Credential[] = [{ scheme: 'bearer', secret: new Secret('token') }]
const ANN = aPrincipal({ subject: 'ann' })

function aRecall(answer: { now: Principal | Denial }) {
  const world = { at: 0, asked: 0, isGuessed: false }
  const recall = createRecall({
    identify: () => {
      world.asked++
      return answer.now instanceof Denial ? Promise.reject(answer.now) : Promise.resolve(answer.now)
    },
    keyIdOf: ({ scheme }) => (scheme === 'api-key' ? 'id' : undefined),
    steady: () => world.at,
    isGuessed: () => world.isGuessed,
  })
  return { world, recall }
}

test('who called within a second is known at once and asked about once a call, before anything is done', async () => {
  const { world, recall } = aRecall({ now: ANN })
  const [first, second, late] = [aCall(), aCall(), aCall()]
  assert.equal(await recall.identify(KEY, first), ANN)
  assert.equal(recall.confirm(first), undefined)
  assert.equal(recall.identify(KEY, second), ANN)
  assert.equal(world.asked, 1)
  await recall.confirm(second)
  assert.equal(recall.confirm(second), undefined)
  assert.equal(world.asked, 2)
  world.at = 1_001
  assert.ok(recall.identify(KEY, late) instanceof Promise)
})

test('a key that was revoked meanwhile is refused as it always is, and known no more', async () => {
  const answer: { now: Principal | Denial } = { now: ANN }
  const { recall } = aRecall(answer)
  await recall.identify(KEY, aCall())
  answer.now = new Denial('invalid_token', { detail: 'revoked' })
  const call = aCall()
  assert.equal(recall.identify(KEY, call), ANN)
  await assert.rejects(Promise.resolve(recall.confirm(call)), { code: 'invalid_token' })
  await assert.rejects(Promise.resolve(recall.identify(KEY, aCall())), { code: 'invalid_token' })
})

test('a key whose rights were changed meanwhile is not judged by the old ones: the call may be made again', async () => {
  const answer: { now: Principal | Denial } = { now: ANN }
  const { recall } = aRecall(answer)
  await recall.identify(KEY, aCall())
  const same = aCall()
  answer.now = { ...ANN }
  await recall.identify(KEY, same)
  await recall.confirm(same)
  answer.now = { ...ANN, roles: ['other'] }
  const call = aCall()
  await recall.identify(KEY, call)
  await assert.rejects(Promise.resolve(recall.confirm(call)), { code: 'unavailable' })
  assert.deepEqual(recall.identify(KEY, aCall()), answer.now)
})

test('tokens, flawed credentials, two at once and times of guessing are looked up first', async () => {
  const { world, recall } = aRecall({ now: ANN })
  await recall.identify(KEY, aCall())
  await recall.identify(TOKEN, aCall())
  assert.ok(recall.identify(TOKEN, aCall()) instanceof Promise)
  assert.ok(recall.identify([...KEY, ...KEY], aCall()) instanceof Promise)
  assert.ok(recall.identify([], aCall()) instanceof Promise)
  assert.ok(recall.identify([{ scheme: 'bearer', secret: new Secret('mcp_key') }], aCall()) instanceof Promise)
  world.isGuessed = true
  assert.ok(recall.identify(KEY, aCall()) instanceof Promise)
})
