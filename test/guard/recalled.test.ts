/** Where the store is elsewhere, who was good the last time is judged as he was known then, and asked about anew before anything is told or done. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Decision } from '../../src/core/decision.ts'
import { Denial } from '../../src/core/denial.ts'
import type { Credential, Principal } from '../../src/core/principal.ts'
import { Secret } from '../../src/core/secret.ts'
import { pass, type Stations } from '../../src/guard/guard.ts'
import { createRecall } from '../../src/guard/recalled.ts'
import type { Presumed } from '../../src/identity/authenticate.ts'
import { aCall, aPrincipal } from '../fixtures/nouns.ts'

const KEY: readonly Credential[] = [{ scheme: 'api-key', secret: new Secret('mcp_key') }]
const ANN = aPrincipal({ subject: 'ann' })
const REVOKED = new Denial('invalid_token', { detail: 'revoked' })
const USED_UP = new Denial('rate_limited')

function aRecall(now: Principal | Denial, presumes: (confirmed: Promise<Principal>) => Presumed | Promise<Presumed> | undefined) {
  const world = { asked: 0, failed: 0, isGuessed: false }
  const answer = (): Promise<Principal> => (now instanceof Denial ? Promise.reject(now) : Promise.resolve(now))
  const recall = createRecall({
    identify: () => {
      world.asked++
      return answer()
    },
    presume: () => presumes(answer()),
    keyIdOf: () => 'id',
    limits: {
      get isGuessed() {
        return world.isGuessed
      },
      failed: () => world.failed++,
      checkCredential: () => undefined,
    },
  })
  return { world, recall }
}

const fromBefore = (confirmed: Promise<Principal>): Presumed => ({ principal: ANN, confirmed })
const call = aCall({ origin: { ...aCall().origin, address: '192.0.2.1' } })

test('who was good the last time is known at once, and asked about before anything is done', async () => {
  const { world, recall } = aRecall(ANN, fromBefore)
  assert.equal(recall.identify(KEY, call), ANN)
  await recall.settle(call)
  await recall.settle(call)
  assert.deepEqual([recall.known(call, { findings: [], principal: ANN }).principal, world.asked, world.failed], [ANN, 0, 0])
  recall.end(call)
  assert.equal(recall.settle(call), undefined)
})

test('of who is not who he was taken for nothing is told but that, as often as it is asked, and nothing of him is written down', async () => {
  const { world, recall } = aRecall(REVOKED, async (confirmed) => fromBefore(confirmed))
  assert.equal(await recall.identify(KEY, call), ANN)
  assert.equal(recall.owe(call, Promise.reject(USED_UP)), undefined)
  for (let asked = 0; asked < 2; asked++) await assert.rejects(Promise.resolve(recall.settle(call)), REVOKED)
  assert.deepEqual(recall.known(call, { findings: [{ label: 'x', detector: 'y', pointer: '' }], principal: ANN, admitted: true }), {
    findings: [],
    admitted: true,
  })
  assert.equal(world.failed, 1)
})

test('who is not who he was taken for is told so, and not what he would have been refused with', async () => {
  const { recall } = aRecall(REVOKED, fromBefore)
  const nothing = async function* (): AsyncGenerator<never> {}
  const forbids: Decision = { effect: 'forbid', policies: ['p'], obligations: [], remedies: [], revision: 'law' }
  const line: Stations = {
    admit: () => undefined,
    identify: recall.identify,
    reopen: (asked) => asked,
    inspect: () => [],
    decide: () => forbids,
    enforce: () => {
      throw new Denial('forbidden')
    },
    settle: recall.settle,
    narrow: (asked) => asked,
    begin: () => Promise.resolve(),
    direct: nothing,
    release: (message) => message,
    end: ({ id }) => Promise.resolve(assert.equal(id, call.id)),
  }
  await assert.rejects(pass(line, call, KEY, nothing).next(), REVOKED)
})

test('what a call owes is waited for together with who it is; alone as well', async () => {
  const { recall } = aRecall(ANN, fromBefore)
  await recall.identify(KEY, call)
  assert.equal(recall.owe(call, Promise.reject(USED_UP)), undefined)
  await assert.rejects(Promise.resolve(recall.settle(call)), USED_UP)
  assert.equal(recall.known(call, { findings: [], principal: ANN }).principal, ANN)
  const anonymous = aCall()
  assert.equal(recall.owe(anonymous, Promise.reject(USED_UP)), undefined)
  await assert.rejects(Promise.resolve(recall.settle(anonymous)), USED_UP)
})

test('a key whose rights were changed meanwhile is not judged by the old ones: the call may be made again', async () => {
  for (const [now, code] of [
    [{ ...ANN }, undefined],
    [{ ...ANN, roles: ['other'] }, 'unavailable'],
  ] as const) {
    const { recall } = aRecall(now, fromBefore)
    await recall.identify(KEY, call)
    const settled = await Promise.resolve(recall.settle(call)).catch((error: unknown) => error)
    assert.equal(settled instanceof Denial ? settled.code : settled, code)
  }
})

test('while credentials are guessed, and where nobody is presumed or all is known, the store is asked first', async () => {
  const guessed = aRecall(ANN, fromBefore)
  guessed.world.isGuessed = true
  const unknown = aRecall(ANN, () => undefined)
  const known = aRecall(ANN, async () => ({ principal: ANN }))
  for (const { recall } of [guessed, unknown, known]) {
    assert.equal(await recall.identify(KEY, call), ANN)
    assert.equal(recall.settle(call), undefined)
  }
  assert.deepEqual([guessed.world.asked, unknown.world.asked, known.world.asked], [1, 1, 0])
})
