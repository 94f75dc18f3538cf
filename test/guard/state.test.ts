import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import type { Call } from '../../src/core/call.ts'
import { Denial } from '../../src/core/denial.ts'
import type { JsonObject } from '../../src/core/json.ts'
import type { Principal } from '../../src/core/principal.ts'
import { createStateSeal } from '../../src/guard/state.ts'
import { aCall, aPrincipal, aResult } from '../fixtures/nouns.ts'

const pay = { tool: 'pay', arguments: { amount: 1 } }

function aSeal() {
  const time = { now: 1_000 }
  const seal = createStateSeal(randomBytes(32), () => time.now)
  const ask = (result: JsonObject, principal: Principal = aPrincipal(), call: Call = aCall(pay)): string =>
    String(seal.seal(aResult({ resultType: 'input_required', ...result }), principal, call).body.result?.['requestState'])
  const bring = (requestState: string, said: Parameters<typeof aCall>[0] = pay, principal = aPrincipal()) =>
    seal.reopen(aCall({ ...said, params: { name: 'pay', arguments: said?.arguments ?? {}, requestState, inputResponses: {} } }), principal)
  return { seal, ask, bring, time }
}

function isMalformed(error: unknown): boolean {
  return error instanceof Denial && error.code === 'malformed'
}

test("a server's state comes back as exactly the text it was, whatever it was", () => {
  const { ask, bring } = aSeal()
  for (const theirs of ['plain', '', '{"a":1}', 'v1.looks-like-ours', '\u2028 ünï']) {
    assert.equal(bring(ask({ requestState: theirs })).message.body.params?.['requestState'], theirs)
  }
})

test('where the server gave no state, it gets none back, and the answers pass', () => {
  const { ask, bring } = aSeal()
  const params = bring(ask({ inputRequests: {} })).message.body.params
  assert.equal(params !== undefined && 'requestState' in params, false)
  assert.deepEqual(params?.['inputResponses'], {})
})

test('the sealed state does not show what the server put there', () => {
  const { ask } = aSeal()
  const state = ask({ requestState: 'SECRET-PLAN' })
  assert.equal(Buffer.from(state.slice(3), 'base64url').includes('SECRET-PLAN'), false)
})

test('a state of one principal, client, tenant, tool, server or of other arguments is refused elsewhere', () => {
  const { ask, bring } = aSeal()
  const state = ask({ requestState: 'x' })
  assert.throws(() => bring(state, pay, aPrincipal({ subject: 'k2' })), isMalformed)
  assert.throws(() => bring(state, pay, aPrincipal({ issuer: 'https://other.example' })), isMalformed)
  assert.throws(() => bring(state, pay, aPrincipal({ client: 'c' })), isMalformed)
  assert.throws(() => bring(state, pay, aPrincipal({ tenant: 't' })), isMalformed)
  assert.throws(() => bring(state, { ...pay, arguments: { amount: 2 } }), isMalformed)
  assert.throws(() => bring(state, { ...pay, tool: 'echo' }), isMalformed)
  assert.throws(() => bring(state, { ...pay, resource: { kind: 'tool', server: 'mail', name: 'pay' } }), isMalformed)
})

test('a state with any byte changed, cut or invented is refused', () => {
  const { ask, bring } = aSeal()
  const state = ask({ requestState: 'x' })
  for (let at = 3; at < state.length; at += 7) {
    const other = state[at] === 'A' ? 'B' : 'A'
    assert.throws(() => bring(state.slice(0, at) + other + state.slice(at + 1)), isMalformed)
    assert.throws(() => bring(state.slice(0, at)), isMalformed)
  }
  assert.throws(() => bring('v1.AAAA'), isMalformed)
  assert.throws(() => bring('anything'), isMalformed)
})

test('a state is refused after ten minutes', () => {
  const { ask, bring, time } = aSeal()
  const state = ask({ requestState: 'x' })
  time.now += 10 * 60_000
  assert.equal(bring(state).message.body.params?.['requestState'], 'x')
  time.now += 1
  assert.throws(() => bring(state), isMalformed)
})

test('a call that brings nothing back is left as it is', () => {
  const { seal } = aSeal()
  const call = aCall(pay)
  assert.equal(seal.reopen(call, aPrincipal()), call)
})

test('what we ask ourselves comes back to us, and to no server', () => {
  const { seal } = aSeal()
  const ours = { kind: 'confirm', nonce: 'n', digest: 'd', question: 'ours' } as const
  const sealed = seal.seal(aResult({ resultType: 'input_required', requestState: 'theirs' }), aPrincipal(), aCall(pay), ours)
  const requestState = String(sealed.body.result?.['requestState'])
  const bring = (inputResponses: JsonObject) =>
    seal.reopen(aCall({ ...pay, params: { name: 'pay', arguments: pay.arguments, requestState, inputResponses } }), aPrincipal())
  const both = bring({ ours: { action: 'accept' }, theirs: { action: 'decline' } })
  assert.deepEqual(both.returned, { kind: 'confirm', nonce: 'n', digest: 'd', reply: 'accept' })
  assert.deepEqual(both.message.body.params, {
    name: 'pay',
    arguments: pay.arguments,
    inputResponses: { theirs: { action: 'decline' } },
    requestState: 'theirs',
  })
  const alone = bring({ ours: { action: 'anything' } })
  assert.equal(alone.returned?.reply, undefined)
  assert.equal(alone.message.body.params?.['inputResponses'], undefined)
})
