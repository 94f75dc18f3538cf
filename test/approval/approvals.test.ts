import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Approvals } from '../../src/approval/approvals.ts'
import { boundOf, digestOf } from '../../src/approval/bound.ts'
import type { Found } from '../../src/approval/record.ts'
import { Denial } from '../../src/core/denial.ts'
import { KEYS } from '../../src/store/keys.ts'
import type { Store } from '../../src/store/store.ts'
import { aCall, aPrincipal } from '../fixtures/nouns.ts'
import { ALICE, ASKING, aWorld, BOB, toDelete, type World } from './world.ts'

const CALL = toDelete('/data/a')

async function approved({ approvals }: World): Promise<Found> {
  const { approval } = await approvals.request(CALL, ASKING)
  await approvals.settle(approval.id, 'approve', ALICE)
  const found = await approvals.find(CALL)
  assert.ok(found)
  return found
}

const typesOf = ({ events }: World): readonly string[] => events.map(({ type }) => type)

describe('an approval', () => {
  test('is good for the very call, and for no other that differs in anything', async () => {
    const world = aWorld()
    await approved(world)
    const others = [
      toDelete('/data/b'),
      toDelete('/data/a', { principal: 'key#k2' }),
      toDelete('/data/a', { client: 'another' }),
      toDelete('/data/a', { tenant: 'another' }),
      toDelete('/data/a', { actors: ['agent'] }),
      toDelete('/data/a', { roles: ['chief'] }),
      toDelete('/data/a', { method: 'prompts/get' }),
      toDelete('/data/a', { resource: { kind: 'tool', server: 'files', name: 'read' } }),
      toDelete('/data/a', { resource: { kind: 'tool', server: 'other', name: 'delete' } }),
      toDelete('/data/a', { definition: 'definition-2' }),
      toDelete('/data/a', { law: 'law-2' }),
      toDelete('/data/a', { besides: { _meta: { 'e.com/x': 1 } } }),
      toDelete('/data/a', { besides: { _meta: { 'e.com/x': 2 } } }),
    ]
    const found = await Promise.all(others.map((other) => world.approvals.find(other)))
    assert.deepEqual(new Set(found), new Set([undefined]))
    assert.equal(new Set([CALL, ...others].map(digestOf)).size, others.length + 1)
  })

  test('is bound to the caller as they are, and to definition and law as they are then', () => {
    const call = aCall({ tool: 'delete', arguments: { path: '/data/a' } })
    const bounds = [
      boundOf(call, aPrincipal(), 'definition-1', 'law-1'),
      boundOf(call, aPrincipal({ client: 'another' }), 'definition-1', 'law-1'),
      boundOf(call, aPrincipal({ tenant: 'another' }), 'definition-1', 'law-1'),
      boundOf(call, aPrincipal({ actors: ['agent'] }), 'definition-1', 'law-1'),
      boundOf(call, aPrincipal({ roles: ['other', 'another'] }), 'definition-1', 'law-1'),
      boundOf(call, aPrincipal(), 'definition-2', 'law-1'),
      boundOf(call, aPrincipal(), 'definition-1', 'law-2'),
    ]
    assert.equal(new Set(bounds.map(digestOf)).size, bounds.length)
  })

  test('is asked for once, however often and in whatever order the arguments are written', async () => {
    const world = aWorld()
    const first = await world.approvals.request({ ...CALL, arguments: { a: 1, b: 2 } }, ASKING)
    const again = await world.approvals.request({ ...CALL, arguments: { b: 2, a: 1 } }, ASKING)
    assert.deepEqual([first.isNew, again.isNew, again.approval.id], [true, false, first.approval.id])
    assert.deepEqual(typesOf(world), ['approval.requested'])
  })

  test('is spent once, of fifty who try at the same time', async () => {
    const world = aWorld()
    const found = await approved(world)
    const spent = await Promise.all(Array.from({ length: 50 }, () => world.approvals.spend(found)))
    assert.equal(spent.filter(Boolean).length, 1)
    assert.equal(await world.approvals.find(CALL), undefined)
  })

  test('that was found before is not spent in place of one that came after', async () => {
    const world = aWorld()
    const before = await approved(world)
    assert.equal(await world.approvals.spend(before), true)
    await approved(world)
    assert.equal(await world.approvals.spend(before), false)
    assert.equal((await world.approvals.find(CALL))?.approval.status, 'approved')
  })

  test('that nobody gives is over in time, which is written down once', async () => {
    const world = aWorld()
    const { approval } = await world.approvals.request(CALL, ASKING)
    world.now += 600_000
    assert.deepEqual([await world.approvals.find(CALL), await world.approvals.list()], [undefined, []])
    await assert.rejects(world.approvals.settle(approval.id, 'approve', ALICE), { code: 'FAULT_APPROVAL' })
    await Promise.all([world.approvals.sweep(), world.approvals.sweep()])
    assert.deepEqual(typesOf(world), ['approval.requested', 'approval.expired'])
  })

  test('that was given is over in time too, counted from then', async () => {
    const world = aWorld()
    const { approval } = await world.approvals.request(CALL, ASKING)
    world.now += 599_999
    await world.approvals.settle(approval.id, 'approve', ALICE)
    world.now += 599_999
    const found = await world.approvals.find(CALL)
    assert.ok(found)
    world.now += 1
    assert.equal(await world.approvals.spend(found), false)
  })

  test('that was denied stays denied for its time, so that nobody is asked again at once', async () => {
    const world = aWorld()
    const { approval } = await world.approvals.request(CALL, ASKING)
    await world.approvals.settle(approval.id, 'deny', ALICE)
    const again = await world.approvals.request(CALL, ASKING)
    assert.deepEqual([again.isNew, again.approval.status], [false, 'denied'])
    await assert.rejects(world.approvals.settle(approval.id, 'approve', BOB), { code: 'FAULT_APPROVAL' })
    world.now += 600_000
    assert.equal((await world.approvals.request(CALL, ASKING)).isNew, true)
  })

  test('that cannot be written down is not asked for', async () => {
    const world = aWorld({ tell: () => Promise.reject(new Error('away')) })
    await assert.rejects(world.approvals.request(CALL, ASKING), /away/)
    assert.equal(await world.approvals.find(CALL), undefined)
  })

  test('that cannot be written down is not given, and a no holds all the same', async () => {
    let isAway = false
    const world = aWorld({ tell: () => (isAway ? Promise.reject(new Error('away')) : Promise.resolve()) })
    const { approval } = await world.approvals.request(CALL, ASKING)
    isAway = true
    await assert.rejects(world.approvals.settle(approval.id, 'approve', ALICE), /away/)
    assert.equal((await world.approvals.find(CALL))?.approval.status, 'pending')
    await assert.rejects(world.approvals.settle(approval.id, 'deny', ALICE), /away/)
    assert.equal((await world.approvals.find(CALL))?.approval.status, 'denied')
  })
})

describe('an approval of what has changed since', () => {
  test('is void when another law is in force, and stays so when the old one comes back; a no stands', async () => {
    const world = aWorld()
    await world.approvals.enacted('law-1')
    await approved(world)
    const { approval } = await world.approvals.request(toDelete('/data/b'), ASKING)
    await world.approvals.settle(approval.id, 'deny', ALICE)
    const other = toDelete('/data/a', { law: 'other' })
    await world.approvals.request(other, ASKING)
    await world.approvals.enacted('law-2', 'law-1')
    await world.approvals.enacted('law-1', 'law-2')
    assert.deepEqual([await world.approvals.find(CALL), (await world.approvals.list()).length], [undefined, 2])
    assert.equal((await world.approvals.find(toDelete('/data/b')))?.approval.status, 'denied')
    assert.equal((await world.approvals.find(other))?.approval.status, 'pending')
    assert.equal(world.events.at(-1)?.detail, 'void: the policies have changed')
  })

  test('is void for every process, whichever saw the change, and also when it was made by a restart', async () => {
    const { store, seal } = aWorld()
    const aProcess = (): Approvals => aWorld({ store, seal }).approvals
    const [one, two, three] = [aProcess(), aProcess(), aProcess()]
    await Promise.all([one.enacted('law-1'), two.enacted('law-1')])
    await two.request(CALL, ASKING)
    await one.enacted('law-2', 'law-1')
    assert.equal(await two.find(CALL), undefined)
    // What was asked before the second one saw it, too.
    await two.request(CALL, ASKING)
    await two.enacted('law-2', 'law-1')
    assert.equal(await one.find(CALL), undefined)
    await one.request(toDelete('/data/a', { law: 'law-2' }), ASKING)
    await three.enacted('law-1')
    assert.deepEqual(await one.list(), [])
  })

  test('is void by the next sweep where the store was away when the law changed', async () => {
    let isAway = false
    const { store } = aWorld()
    const get: Store['get'] = (key) => (isAway ? Promise.reject(new Error('away')) : store.get(key))
    const lame = new Proxy(store, {
      get: (of, name: keyof Store) => (name === 'get' ? get : (of[name] as () => unknown).bind(of)),
    })
    const { approvals } = aWorld({ store: lame })
    await approvals.request(CALL, ASKING)
    isAway = true
    await assert.rejects(approvals.enacted('law-2', 'law-1'), /away/)
    isAway = false
    await approvals.sweep()
    assert.equal(await approvals.find(CALL), undefined)
  })

  test('is void when the tool was defined anew, and that of another tool is not', async () => {
    const { approvals } = aWorld()
    await approvals.request(CALL, ASKING)
    const other = toDelete('/data/a', { definition: 'definition-2' })
    await approvals.request(other, ASKING)
    await approvals.redefined('elsewhere', new Set(['definition-1']))
    assert.notEqual(await approvals.find(CALL), undefined)
    await approvals.redefined('files', new Set(['definition-1']))
    assert.equal(await approvals.find(CALL), undefined)
    assert.notEqual(await approvals.find(other), undefined)
  })
})

describe('four eyes', () => {
  test('that are wanted by now are wanted of what was asked, or approved by one, before', async () => {
    const before = aWorld()
    const { approval } = await before.approvals.request(CALL, ASKING)
    const other = toDelete('/data/b')
    const { id } = (await before.approvals.request(other, ASKING)).approval
    await before.approvals.settle(id, 'approve', { name: 'local#ann', subject: 'ann' })
    const { approvals } = aWorld({ store: before.store, seal: before.seal, fourEyes: true })
    assert.equal((await approvals.settle(approval.id, 'approve', ALICE)).status, 'pending')
    assert.equal((await approvals.settle(approval.id, 'approve', BOB)).status, 'approved')
    const found = await approvals.find(other)
    assert.deepEqual([found?.approval.status, found?.approval.words, found && (await approvals.spend(found))], ['pending', [], false])
    await approvals.settle(id, 'approve', ALICE)
    assert.equal((await approvals.settle(id, 'approve', BOB)).status, 'approved')
  })

  test('are two people, neither of them the one who asks', async () => {
    const { approvals } = aWorld({ fourEyes: true })
    const { approval } = await approvals.request(CALL, ASKING)
    await assert.rejects(approvals.settle(approval.id, 'approve', { name: 'local#ann', subject: 'ann' }), { code: 'FAULT_APPROVAL' })
    // Under the name that another provider gives her, too.
    const elsewhere = { name: 'local#admin:Staff|ann', subject: 'admin:Staff|ann', aliases: ['Staff|ann', 'ann'] }
    await assert.rejects(approvals.settle(approval.id, 'approve', elsewhere), { code: 'FAULT_APPROVAL' })
    assert.equal((await approvals.settle(approval.id, 'approve', ALICE)).status, 'pending')
    await assert.rejects(approvals.settle(approval.id, 'approve', ALICE), { code: 'FAULT_APPROVAL' })
    assert.equal((await approvals.settle(approval.id, 'approve', BOB)).status, 'approved')
  })

  test('are not one person who comes by two ways', async () => {
    const { approvals } = aWorld({ fourEyes: true })
    const { approval } = await approvals.request(CALL, ASKING)
    await approvals.settle(approval.id, 'approve', ALICE)
    for (const again of [
      { name: 'cli:alice', subject: 'alice' },
      { name: 'local#admin:Staff|alice', subject: 'admin:Staff|alice', aliases: ['Staff|alice', 'alice'] },
    ])
      await assert.rejects(approvals.settle(approval.id, 'approve', again), { code: 'FAULT_APPROVAL' })
    assert.equal((await approvals.settle(approval.id, 'approve', BOB)).status, 'approved')
  })

  test('see a no of the one who asks: what is not wanted any more is not done', async () => {
    const { approvals } = aWorld({ fourEyes: true })
    const { approval } = await approvals.request(CALL, ASKING)
    assert.equal((await approvals.settle(approval.id, 'deny', { name: 'local#ann', subject: 'ann' })).status, 'denied')
  })
})

describe('people', () => {
  test('are not asked for more at once by one caller than is set, also when all come at the same time', async () => {
    const world = aWorld({ pending: 3 })
    const asked = await Promise.allSettled(Array.from({ length: 20 }, (_, at) => world.approvals.request(toDelete(`/data/${at}`), ASKING)))
    const refused = asked.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []))
    assert.ok(refused.every((reason) => reason instanceof Denial && reason.code === 'rate_limited'))
    assert.ok((await world.approvals.list()).length <= 3)
    await world.approvals.request(toDelete('/data/x', { principal: 'key#k2' }), ASKING)
  })
})

describe('what lies in the store', () => {
  test('says nothing of the call, and cannot be changed or moved to another', async () => {
    const world = aWorld()
    await approved(world)
    const key = KEYS.approval(CALL.principal, digestOf(CALL))
    const stored = await world.store.get(key)
    assert.ok(typeof stored === 'string' && !stored.includes('data'))
    const other = toDelete('/etc/passwd')
    await world.store.put(KEYS.approval(other.principal, digestOf(other)), stored)
    await assert.rejects(world.approvals.find(other), { code: 'FAULT_SEAL' })
    await world.store.put(key, stored.slice(0, 40) + (stored[40] === 'A' ? 'B' : 'A') + stored.slice(41))
    await assert.rejects(world.approvals.find(CALL), { code: 'FAULT_SEAL' })
  })
})
