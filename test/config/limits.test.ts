/** The limits of a configuration: rates, who inherits which, and every mistake in its place. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Config } from '../../src/config/config.ts'
import { inherited } from '../../src/config/limits.ts'
import { parseConfig } from '../../src/config/load.ts'
import { Fault } from '../../src/core/denial.ts'

const parse = (yaml: string): Config => parseConfig(yaml, { file: 'p.yaml', environment: {} })
const rates = (yaml: string): Config['limits']['rates'] => parse(yaml).limits.rates

function mistakes(yaml: string): readonly string[] {
  try {
    parse(yaml)
  } catch (error) {
    assert.ok(error instanceof Fault)
    return error.message.split('\n')
  }
  return []
}

test('unless written there are limits all the same', () => {
  const { address, methods, failures, principal } = rates('')
  assert.deepEqual(address, { count: 6_000, perMs: 60_000, burst: 1_000 })
  assert.deepEqual(methods.apiKey, { count: 1_000, perMs: 60_000, burst: 1_000 })
  assert.deepEqual(methods.anonymous, { count: 100, perMs: 60_000, burst: 100 })
  assert.deepEqual(failures, { allow: 10, perMs: 300_000, blockMs: 900_000 })
  assert.equal(principal.concurrency, 256)
})

test('a rate may stand alone: what comes back in its span may come at once', () => {
  const { address, global, tools, key, tenant, server } = rates(`limits:
  address: 600/m
  global: { rate: 100/15m, burst: 7 }
  key: 5/s
  tenant: { rate: 1/d }
  server: { rate: 1000000/s, burst: 1000000 }
  tools: { "files/*": { rate: 10/m, concurrency: 2 }, slow: { concurrency: 1 } }`)
  assert.deepEqual([address.burst, global, key?.burst], [600, { count: 100, perMs: 900_000, burst: 7 }, 5])
  assert.deepEqual([tenant, server?.burst], [{ count: 1, perMs: 86_400_000, burst: 1 }, 1_000_000])
  assert.deepEqual(tools, { 'files/*': { bucket: { count: 10, perMs: 60_000, burst: 10 }, concurrency: 2 }, slow: { concurrency: 1 } })
})

test('a role without a row has the most generous of those it inherits; its own row counts alone', () => {
  const { access, limits } = parse(`access:
  roles: { guest: {}, user: { inherits: guest }, staff: { inherits: [guest, premium] }, premium: { inherits: user }, loner: {} }
limits:
  roles: { guest: { rate: 1/s, burst: 50 }, premium: { rate: 20/s, burst: 10 } }`)
  assert.deepEqual(
    Object.entries(inherited(limits.rates.roles, access.roles))
      .map(([name, { count, burst }]) => `${name} ${count} ${burst}`)
      .sort(),
    ['guest 1 50', 'premium 20 10', 'staff 20 10', 'user 1 50'],
  )
})

test('ranges are kept in their one spelling', () => {
  const config = parse('trustedProxies: [10.9.9.9/8, "::1"]\nlimits: { block: [203.0.113.7/24, 198.51.100.1] }')
  assert.deepEqual(config.trustedProxies, ['10.0.0.0/8', '::1/128'])
  assert.deepEqual(config.limits.rates.block, ['203.0.113.0/24', '198.51.100.1/32'])
})

test('a limit that is none is a mistake, told where it stands', () => {
  const rate = 'expected a rate such as 5/s, 600/m or 100/15m, at most 1000000/s'
  assert.deepEqual(
    mistakes(`limits:
  address: { rat: 600/m, rate: 5/s }
  methods: { apiKey: 1000/x, oauth: { rate: 5/s, burst: none }, anonymous: 0/m }
  roles: { a: -1/s, b: .inf, c: { rate: 2000000/s }, d: { burst: 5 }, e: 5/0s }
  tools: { x: { burst: 5 }, y: { concurrency: 0 } }
  failures: { allow: 0 }
  block: [nobody]
trustedProxies: [10.0.0.0/40]`),
    [
      'p.yaml:2:14: limits.address.rat: unknown setting, did you mean rate?',
      `p.yaml:3:22: limits.methods.apiKey: ${rate}`,
      'p.yaml:3:57: limits.methods.oauth.burst: expected a whole number from 1 to 1000000',
      `p.yaml:3:76: limits.methods.anonymous: ${rate}`,
      `p.yaml:4:15: limits.roles.a: ${rate}`,
      `p.yaml:4:24: limits.roles.b: ${rate}, or { rate: 600/m, burst: 100 }`,
      `p.yaml:4:41: limits.roles.c.rate: ${rate}`,
      `p.yaml:4:54: limits.roles.d.rate: ${rate}`,
      `p.yaml:4:74: limits.roles.e: ${rate}`,
      'p.yaml:5:12: limits.tools.x: expected a rate beside burst',
      'p.yaml:5:47: limits.tools.y.concurrency: expected a whole number from 1 to 100000',
      'p.yaml:6:22: limits.failures.allow: expected a whole number from 1 to 100000',
      'p.yaml:7:11: limits.block[0]: expected an address or a range of them, such as 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32',
      'p.yaml:8:18: trustedProxies[0]: expected an address or a range of them, such as 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32',
    ],
  )
})

test('headers have no longer than the request that they are part of: unless written they have less, and what is written longer is a mistake', () => {
  const times = (request: string): Config['limits']['request'] => parse(`limits: { request: { ${request} } }`).limits.request
  const { headerTimeoutMs, timeoutMs } = times('')
  assert.deepEqual([headerTimeoutMs, timeoutMs], [10_000, 30_000])
  assert.equal(times('timeout: 5s').headerTimeoutMs, 5_000)
  assert.equal(times('timeout: 5s, headerTimeout: 5s').headerTimeoutMs, 5_000)
  assert.deepEqual(mistakes('limits:\n  request: { timeout: 5s, headerTimeout: 6s }'), [
    'p.yaml:2:42: limits.request.headerTimeout: expected at most limits.request.timeout (5s), which the headers are part of',
  ])
  assert.match(mistakes('limits: { request: { headerTimeout: 31s } }').join(), /^p\.yaml:1:37: .*\(30s\)/)
})
