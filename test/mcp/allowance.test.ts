import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Denial } from '../../src/core/denial.ts'
import { allowanceHeaders } from '../../src/mcp/allowance.ts'
import { refuse } from '../../src/mcp/refuse.ts'

const ALLOWANCE = { limit: 'role', quota: 200, windowMs: 40_000, remaining: 199.9, resetMs: 200 }

test('what is left is told as structured fields of whole numbers', () => {
  assert.deepEqual(allowanceHeaders(ALLOWANCE), ['RateLimit-Policy', '"role";q=200;w=40', 'RateLimit', '"role";r=199;t=1'])
  assert.deepEqual(allowanceHeaders({ ...ALLOWANCE, windowMs: 1, remaining: 0, resetMs: 0 }).slice(1), [
    '"role";q=200;w=1',
    'RateLimit',
    '"role";r=0;t=0',
  ])
})

test('a refusal by a limit of the caller alone tells it, and how long to wait; by one of many only the wait', () => {
  const remedies = [{ kind: 'wait', ms: 1_200 }] as const
  const own = refuse(new Denial('rate_limited', { remedies, allowance: { ...ALLOWANCE, remaining: 0, resetMs: 1_200 } }), undefined)
  assert.deepEqual(
    [own.status, own.headers['retry-after'], own.headers['ratelimit'], own.headers['ratelimit-policy']],
    [429, '2', '"role";r=0;t=2', '"role";q=200;w=40'],
  )
  const shared = refuse(new Denial('rate_limited', { remedies }), undefined)
  assert.deepEqual([shared.headers['retry-after'], shared.headers['ratelimit']], ['2', undefined])
})

test('a probe whose body was not read is told 503, any other request 429', () => {
  const denial = new Denial('rate_limited')
  assert.equal(refuse(denial, undefined, { method: 'server/discover' }).status, 503)
  assert.equal(refuse(denial, undefined, { method: 'tools/call' }).status, 429)
  assert.equal(refuse(new Denial('no_route'), undefined, { method: 'server/discover' }).status, 404)
})
