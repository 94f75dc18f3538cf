/** How much is given: never more than there is, whatever the order, the number of processes, or the clock. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Roles } from '../../src/config/limits.ts'
import type { Denial } from '../../src/core/denial.ts'
import { anonymousPrincipal } from '../../src/identity/authenticate.ts'
import { LEASE_MAX } from '../../src/limit/bucket.ts'
import type { Limits } from '../../src/limit/limits.ts'
import { aCall, aPrincipal } from '../fixtures/nouns.ts'
import { ask, aWorld, PERMIT, type World, waitOf } from './world.ts'

const MANY = 500
const WHO = aPrincipal({ roles: ['user'] })
const one = (world: World): Limits => world.limits[0] ?? assert.fail()

async function grantedOf(asked: readonly Promise<Denial | undefined>[]): Promise<number> {
  return (await Promise.all(asked)).filter((denial) => denial === undefined).length
}

test('an address that floods is refused at the door, without a question to the store', () => {
  const limits = one(aWorld('address: { rate: 1/h, burst: 2 }'))
  const origin = { ...aCall().origin, address: '192.0.2.7' }
  for (let call = 0; call < 2; call++) limits.admit(aCall({ origin }))
  assert.throws(() => limits.admit(aCall({ origin })), { code: 'rate_limited' })
  limits.admit(aCall({ origin: { ...origin, address: '192.0.2.8' } }))
})

describe('what is given', () => {
  const shape = fc.record({
    burst: fc.integer({ min: 1, max: 400 }),
    count: fc.integer({ min: 1, max: 100 }),
    perS: fc.constantFrom(1, 7, 60),
  })
  const row = ({ burst, count, perS }: { burst: number; count: number; perS: number }): string =>
    `{ rate: ${count}/${perS}s, burst: ${burst} }`

  test('to 500 calls at once is what there is, to the last token', async () => {
    await fc.assert(
      fc.asyncProperty(shape, fc.integer({ min: 1, max: 3 }), async (said, processes) => {
        const world = aWorld(`roles: { user: ${row(said)} }`, { processes })
        const given = await grantedOf(Array.from({ length: MANY }, (_, at) => ask(world.limits[at % processes] ?? assert.fail(), WHO)))
        // What another process holds in hand is not given out twice, so there may be less; alone it is exact.
        assert.ok(given <= said.burst, `${given} of ${said.burst}`)
        if (processes === 1) assert.equal(given, Math.min(MANY, said.burst))
      }),
      { numRuns: 25 },
    )
  })

  test('is as exact where the store takes its time to answer', async () => {
    await fc.assert(
      fc.asyncProperty(shape, async (said) => {
        const world = aWorld(`roles: { user: ${row(said)} }`)
        const { charge } = world.store
        world.store.charge = async (...asked) => {
          await new Promise((resolve) => setImmediate(resolve))
          return charge.apply(world.store, asked)
        }
        const given = await grantedOf(Array.from({ length: MANY }, () => ask(one(world), WHO)))
        assert.equal(given, Math.min(MANY, said.burst))
      }),
      { numRuns: 10 },
    )
  })

  test('to a busy caller is mostly in hand: then the call has nothing to wait for', async () => {
    const world = aWorld('roles: { user: { rate: 1000/s, burst: 2000 } }, server: { rate: 1000/s, burst: 2000 }')
    let waited = 0
    for (let call = 0; call < 5_000; call++) {
      const asked = one(world).charge(aCall({ id: `busy-${call}` }), WHO, PERMIT)
      if (asked !== undefined) waited++
      await asked
      one(world).end(aCall({ id: `busy-${call}` }))
      world.pass(1)
    }
    assert.ok(waited < 50, `${waited} of 5000 calls waited for the store`)
  })

  test('over time is never more than that and what came back, and with many processes late by at most what each may hold', async () => {
    const steps = fc.array(
      fc.record({ passMs: fc.integer({ min: 0, max: 3_000 }), calls: fc.integer({ min: 0, max: 60 }), at: fc.nat(9) }),
      {
        maxLength: 25,
      },
    )
    await fc.assert(
      fc.asyncProperty(shape, steps, fc.integer({ min: 1, max: 3 }), async (said, plan, processes) => {
        const world = aWorld(`roles: { user: ${row(said)} }`, { processes })
        const history: { readonly at: number; readonly given: number }[] = []
        for (const { passMs, calls, at } of plan) {
          world.pass(passMs)
          const asked = Array.from({ length: calls }, (_, index) => ask(world.limits[(at + index) % processes] ?? assert.fail(), WHO))
          history.push({ at: world.passedMs, given: await grantedOf(asked) })
        }
        const perMs = said.count / (said.perS * 1_000)
        const late = processes === 1 ? 0 : processes * Math.min(LEASE_MAX, Math.floor(said.burst / 8))
        for (const [from, start] of history.entries()) {
          let given = 0
          for (const { at, given: more } of history.slice(from)) {
            given += more
            // A cell counts in whole microseconds.
            assert.ok(given <= said.burst + (at - start.at) * perMs * 1.001 + late + 1e-6, `${given} in ${at - start.at} ms`)
          }
        }
      }),
      { numRuns: 60 },
    )
  })

  test('does not grow when the time of day jumps, forward or back, nor is anybody locked out by it', async () => {
    const jumps = fc.array(fc.integer({ min: -86_400_000, max: 86_400_000 }), { minLength: 1, maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(jumps, async (moves) => {
        const world = aWorld('roles: { user: { rate: 10/s, burst: 40 } }')
        let given = 0
        for (const move of moves) {
          world.now += move
          world.pass(100)
          given += await grantedOf(Array.from({ length: 30 }, () => ask(one(world), WHO)))
        }
        assert.ok(given <= 40 + world.passedMs / 100)
        // A cell whose clock was set back counts as empty when it is next looked at, and fills from there.
        world.pass(4_000)
        const wait = waitOf(await ask(one(world), WHO))
        assert.ok(wait <= 100, `${wait} ms`)
        world.pass(wait)
        assert.equal(await ask(one(world), WHO), undefined)
      }),
      { numRuns: 40 },
    )
  })

  test('does not depend on the order in which different callers come', async () => {
    const rest = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 30, maxLength: 60 })
    await fc.assert(
      fc.asyncProperty(rest, fc.func(fc.integer()), async (callers, by) => {
        const count = async (order: readonly string[]): Promise<readonly number[]> => {
          const world = aWorld('roles: { user: { rate: 1/m, burst: 9 } }')
          const people = new Map(['a', 'b', 'c'].map((subject) => [subject, aPrincipal({ subject, roles: ['user'] })]))
          const given = new Map<string, number>()
          for (const name of order) {
            const denial = await ask(one(world), people.get(name) ?? assert.fail())
            if (denial === undefined) given.set(name, (given.get(name) ?? 0) + 1)
          }
          return ['a', 'b', 'c'].map((name) => given.get(name) ?? 0)
        }
        const shuffled = callers.map((name, at) => ({ name, rank: by(at) })).sort((left, right) => left.rank - right.rank)
        assert.deepEqual(await count(callers), await count(shuffled.map(({ name }) => name)))
      }),
      { numRuns: 30 },
    )
  })

  test('is as long to wait for as is said: after that it is given, a moment before it is not', async () => {
    const world = aWorld('roles: { user: { rate: 3/s, burst: 2 } }')
    await ask(one(world), WHO)
    await ask(one(world), WHO)
    const wait = waitOf(await ask(one(world), WHO))
    assert.equal(wait, 334)
    world.pass(wait - 2)
    assert.equal((await ask(one(world), WHO))?.code, 'rate_limited')
    world.pass(2)
    assert.equal(await ask(one(world), WHO), undefined)
  })

  test('to a steady caller who keeps to the rate is every call, for an hour, whatever is held in hand', async () => {
    const world = aWorld('roles: { user: { rate: 5/s, burst: 200 } }', { processes: 2 })
    for (let call = 0; call < 5 * 3_600; call++) {
      assert.equal(await ask(world.limits[call % 2] ?? assert.fail(), WHO), undefined)
      world.pass(200)
    }
  })
})

describe('every bucket is charged or none', () => {
  test('and the one that is full longest says how long to wait', async () => {
    const world = aWorld('roles: { user: { rate: 1/m, burst: 5 } }, tools: { "files/echo": 1/h }')
    assert.equal(await ask(one(world), WHO), undefined)
    const denial = await ask(one(world), WHO)
    assert.match(denial?.detail ?? '', /^limits\.tools\.files\/echo /)
    assert.equal(waitOf(denial), 3_600_000)
    // What the role has was not taken by the call that the tool refused.
    for (let call = 0; call < 4; call++) assert.equal(await ask(one(world), WHO, { tool: 'other' }), undefined)
    assert.match((await ask(one(world), WHO, { tool: 'other' }))?.detail ?? '', /^limits\.roles\.user /)
  })

  test('also where another process has emptied one of them', async () => {
    const world = aWorld('roles: { user: { rate: 1/m, burst: 5 } }, tools: { "files/echo": 1/h }', { processes: 2 })
    const [left, right] = world.limits
    assert.ok(left && right)
    assert.equal(await ask(left, WHO), undefined)
    assert.match((await ask(right, WHO))?.detail ?? '', /limits\.tools/)
    for (let call = 0; call < 4; call++) assert.equal(await ask(right, WHO, { tool: 'other' }), undefined)
    assert.match((await ask(right, WHO, { tool: 'other' }))?.detail ?? '', /limits\.roles/)
    assert.match((await ask(left, WHO, { tool: 'other' }))?.detail ?? '', /limits\.roles/)
  })
})

describe('who is counted', () => {
  const most = async (...callers: readonly (() => Promise<Denial | undefined>)[]): Promise<number> => {
    let given = 0
    for (let call = 0; call < 60; call++) if ((await callers[call % callers.length]?.()) === undefined) given++
    return given
  }

  test('the most generous role counts, whatever their order', async () => {
    for (const roles of [
      ['guest', 'premium'],
      ['premium', 'guest'],
      ['nobody', 'premium', 'guest'],
    ]) {
      const world = aWorld('roles: { guest: { rate: 1/h, burst: 3 }, premium: { rate: 2/h, burst: 7 } }')
      assert.equal(await most(() => ask(one(world), aPrincipal({ roles }))), 7)
    }
  })

  test('who inherits from whom is asked of the law in force, and what was taken stays taken', async () => {
    const heirs: Roles = { user: { inherits: ['guest'] }, guest: { inherits: [] } }
    let roles: Roles = heirs
    const world = aWorld('roles: { guest: { rate: 1/h, burst: 3 }, premium: { rate: 1/h, burst: 7 } }', { roles: () => roles })
    const who = aPrincipal({ roles: ['user'] })
    assert.equal(await most(() => ask(one(world), who)), 3)
    roles = { user: { inherits: ['premium'] }, premium: { inherits: [] } }
    assert.equal((await ask(one(world), who)) === undefined, true)
    roles = { ...heirs }
    assert.match((await ask(one(world), who))?.detail ?? '', /limits\.roles\.user/)
    roles = { user: { inherits: [] } }
    assert.equal(await ask(one(world), who), undefined)
  })

  test('many keys of one owner are one person, and each key is itself too', async () => {
    const key = (subject: string, owner?: string) => aPrincipal({ subject, claims: owner === undefined ? {} : { owner } })
    const world = aWorld('principal: { rate: 10/h }, key: 6/h')
    assert.equal(
      await most(
        () => ask(one(world), key('a', 'ann')),
        () => ask(one(world), key('b', 'ann')),
      ),
      10,
    )
    assert.equal(await most(() => ask(one(world), key('c', 'bob'))), 6)
    assert.equal(await most(() => ask(one(world), key('ann'))), 6)
  })

  test('two issuers that name the same subject name two callers', async () => {
    const world = aWorld('principal: { rate: 5/h }')
    const by = (issuer: string) => () => ask(one(world), aPrincipal({ issuer, subject: 's' }))
    assert.equal(await most(by('https://a.example'), by('https://b.example')), 10)
  })

  test('all of a tenant, of a server, and all together', async () => {
    const tenant = (subject: string, name: string) => aPrincipal({ subject, tenant: name })
    const world = aWorld('tenant: 5/h')
    assert.equal(
      await most(
        () => ask(one(world), tenant('a', 't')),
        () => ask(one(world), tenant('b', 't')),
      ),
      5,
    )
    assert.equal(await most(() => ask(one(world), tenant('a', 'u'))), 5)
    const server = aWorld('server: 5/h, global: 8/h')
    const to = (name: string) => () => ask(one(server), WHO, { resource: { kind: 'tool', server: name, name: 'x' } })
    assert.equal(await most(to('files')), 5)
    assert.equal(await most(to('mail')), 3)
  })

  test('a row of tools is one bucket: names that nobody has bring no fresh ones', async () => {
    const world = aWorld('tools: { "files/*": 5/h }')
    const names = Array.from({ length: 20 }, (_, at) => () => ask(one(world), WHO, { tool: `Echo-${at}` }))
    assert.equal(await most(...names), 5)
    assert.equal(await ask(one(world), WHO, { resource: { kind: 'tool', server: 'mail', name: 'x' } }), undefined)
  })

  test('callers without a credential by their address, of IPv6 by the /64', async () => {
    const nobody = anonymousPrincipal(['guest'])
    const world = aWorld('address: 1000000/s, methods: { anonymous: 5/h }')
    const from = (address: string) => () => ask(one(world), nobody, { address })
    assert.equal(await most(...Array.from({ length: 20 }, (_, at) => from(`2001:db8:1:2:${at}::1`))), 5)
    assert.equal(await most(from('2001:db8:1:3::1')), 5)
    assert.equal(await most(from('203.0.113.7')), 5)
  })

  test('an address before anything else, and a thousand of one /64 are one', async () => {
    const world = aWorld('address: { rate: 1/h, burst: 10 }')
    const given = await grantedOf(
      Array.from({ length: 1_000 }, (_, at) => ask(one(world), WHO, { address: `2001:db8:1:2:${at.toString(16)}::1` })),
    )
    assert.equal(given, 10)
    assert.equal(one(world).peek('2001:db8:1:2::9')?.code, 'rate_limited')
    assert.equal(one(world).peek('2001:db8:1:3::9'), undefined)
  })

  test('what a permit asks for in return, each who makes use of it', async () => {
    const decision = { ...PERMIT, obligations: [{ policy: 'p', kind: 'limit', value: '4/h' }] } as const
    const world = aWorld('')
    assert.equal(await most(() => ask(one(world), WHO, { decision })), 4)
    assert.equal(await ask(one(world), aPrincipal({ subject: 'other' }), { decision }), undefined)
    assert.equal(await ask(one(world), WHO), undefined)
  })

  test('nobody for ending a session, for answering, or for cancelling; and on stdio nobody for the probe', async () => {
    const world = aWorld('principal: { rate: 1/h }')
    await ask(one(world), WHO)
    for (const method of ['$end', '$response', 'notifications/cancelled']) assert.equal(await ask(one(world), WHO, { method }), undefined)
    const stdio = { transport: 'stdio', era: 'modern', revision: '2026-07-28' } as const
    assert.equal(await ask(one(world), WHO, { method: 'server/discover', origin: stdio }), undefined)
    assert.equal((await ask(one(world), WHO, { method: 'server/discover' }))?.code, 'rate_limited')
  })
})

describe('at once', () => {
  test('a tool and a principal have as many calls under way as they may, and one more when one ends', async () => {
    const world = aWorld('principal: { concurrency: 3 }, tools: { "files/slow": { concurrency: 2 } }')
    const slow = { tool: 'slow', stays: true } as const
    assert.deepEqual([await ask(one(world), WHO, slow), await ask(one(world), WHO, slow)], [undefined, undefined])
    assert.match((await ask(one(world), aPrincipal({ subject: 'other' }), slow))?.detail ?? '', /files\/slow\.concurrency \(2\)/)
    assert.equal(await ask(one(world), WHO, { stays: true }), undefined)
    assert.match((await ask(one(world), WHO))?.detail ?? '', /limits\.principal\.concurrency \(3\)/)
    assert.equal(await ask(one(world), WHO, { method: 'subscriptions/listen' }), undefined)
  })

  test('a place is let go however the call ends, and once', async () => {
    const world = aWorld('principal: { concurrency: 1, rate: 3/h }')
    for (let call = 0; call < 3; call++) assert.equal(await ask(one(world), WHO), undefined)
    assert.match((await ask(one(world), WHO))?.detail ?? '', /limits\.principal \(/)
    world.pass(3_600_000)
    assert.equal(await ask(one(world), WHO), undefined)
  })
})

describe('what is answered', () => {
  test('is paid for afterwards: who has had his minute waits until enough of it has passed', async () => {
    const world = aWorld('response: { perMinute: 64KiB }')
    one(world).answered(WHO, undefined, 65_536)
    assert.equal(await ask(one(world), WHO), undefined)
    one(world).answered(WHO, undefined, 65_536)
    const denial = await ask(one(world), WHO)
    assert.equal(denial?.allowance?.limit, 'response')
    assert.equal(waitOf(denial), 60_000)
    assert.equal(await ask(one(world), aPrincipal({ subject: 'other' })), undefined)
    world.pass(60_000)
    assert.equal(await ask(one(world), WHO), undefined)
  })
})

describe('what is left', () => {
  test('is told to the caller of what counts it alone, the tightest', async () => {
    const world = aWorld('roles: { user: { rate: 5/s, burst: 200 } }, server: 3/h, global: 2/h')
    await ask(one(world), WHO)
    assert.deepEqual(one(world).allowanceOf(WHO, undefined), { limit: 'role', quota: 200, windowMs: 40_000, remaining: 199, resetMs: 200 })
    await ask(one(world), WHO)
    const denial = await ask(one(world), WHO)
    assert.match(denial?.detail ?? '', /limits\.global/)
    assert.equal(denial?.allowance, undefined)
  })

  test('counts what was spent elsewhere, as far as is known', async () => {
    const world = aWorld('roles: { user: { rate: 1/h, burst: 7 } }', { processes: 2 })
    const [left, right] = world.limits
    assert.ok(left && right)
    for (let call = 0; call < 5; call++) await ask(left, WHO)
    await ask(right, WHO)
    assert.equal(right.allowanceOf(WHO, undefined)?.remaining, 1)
  })
})
