/** The order between chains: what one writer saw of another stands where it stood, whatever clocks say. */
import assert from 'node:assert/strict'
import { it, type TestContext } from 'node:test'
import fc from 'fast-check'
import { isEvent } from '../../src/audit/event.ts'
import type { Journal } from '../../src/audit/journal.ts'
import { storeSource, type Verdict, verifyJournal } from '../../src/audit/verify.ts'
import { createIds } from '../../src/core/id.ts'
import { type Desk, entryOf, HEAD_HASH, KEYS, makeDesk, START_AT, tamper } from './fixture.ts'

function verify(desk: Desk): Promise<Verdict> {
  return verifyJournal(storeSource(desk.store), KEYS.publicKey, { headHash: HEAD_HASH })
}

/** One event, as a command writes it. */
async function command(desk: Desk, number: number): Promise<void> {
  const journal = desk.open({ node: 'cli' })
  await journal.write(entryOf(number))
  await journal.close()
}

/** A gateway that goes on writing, and commands in between: each is seen by the next checkpoint of the gateway's, and has an event of its behind that. */
async function aDay(context: TestContext): Promise<Desk & { readonly gateway: Journal }> {
  const desk = makeDesk(context)
  const gateway = desk.open({ node: 'gateway' })
  for (let number = 1; number <= 10; number += 3) {
    await gateway.write(entryOf(number))
    await command(desk, number + 1)
    await gateway.write(entryOf(number + 2))
    await gateway.checkpoint()
  }
  await gateway.write(entryOf(13))
  await gateway.close()
  return { ...desk, gateway }
}

/** Takes one line out and puts it elsewhere, both counted from 0. */
function move(desk: Desk, from: number, to: number): void {
  tamper(desk.path, (database, audit) => {
    const texts = database.prepare(`select value from ${audit} order by position`).all()
    const [text] = texts.splice(from, 1)
    if (text !== undefined) texts.splice(to, 0, text)
    database.exec(`delete from ${audit}`)
    for (const { value } of texts) database.prepare(`insert into ${audit} (value) values (?)`).run(value as string)
  })
}

it('names a whole chain of one event that was moved to another place of the log', async (context) => {
  for (const to of [0, 3, 8, 12]) {
    const desk = await aDay(context)
    assert.equal((await verify(desk)).flaw, undefined)
    const line = (await desk.store.read('audit'))[4]?.value ?? null
    assert.ok(isEvent(line) && line.node.startsWith('cli-'))
    move(desk, 4, to)
    const { flaw } = await verify(desk)
    assert.equal(flaw?.reason, 'reordered', `to ${to}`)
  }
})

it('names the second of two commands that changed places, with nobody else there', async (context) => {
  const desk = makeDesk(context)
  for (let number = 1; number <= 4; number++) await command(desk, number)
  assert.equal((await verify(desk)).flaw, undefined)
  move(desk, 1, 2)
  const { flaw } = await verify(desk)
  const moved = (await desk.store.read('audit'))[2]
  assert.deepEqual([flaw?.reason, flaw?.seq, flaw?.position], ['reordered', 1, moved?.position])
})

it('a chain that is gone whole is missing, and not in another place', async (context) => {
  const desk = await aDay(context)
  tamper(desk.path, (database, audit) => database.exec(`delete from ${audit} where position = 5`))
  assert.equal((await verify(desk)).flaw?.reason, 'truncated')
})

it('finds nothing wrong with processes that come, write at once and go, while clocks differ and step back', async (context) => {
  const step = fc.record({
    who: fc.nat({ max: 3 }),
    what: fc.constantFrom('write', 'write', 'write', 'checkpoint', 'leave'),
    clock: fc.integer({ min: -7_200_000, max: 7_200_000 }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const desk = makeDesk(context)
      const clocks = [0, 1, 2, 3].map(() => ({ now: START_AT }))
      const open = new Map<number, Journal>()
      const work: Promise<void>[] = []
      for (const [number, { who, what, clock }] of steps.entries()) {
        const own = clocks[who] ?? desk.clock
        own.now += clock
        const time = (): number => own.now
        const journal = open.get(who) ?? desk.open({ node: `p${who}`, clock: time, ids: createIds(time) })
        open.set(who, journal)
        if (what === 'leave') open.delete(who)
        work.push(what === 'write' ? journal.write(entryOf(number)) : what === 'leave' ? journal.close() : journal.checkpoint())
        if (number % 3 === 0) await Promise.all(work)
      }
      await Promise.all([...work, ...[...open.values()].map((journal) => journal.close())])
      const { flaw } = await verify(desk)
      assert.ok(flaw === undefined || flaw.reason === 'empty', JSON.stringify(flaw))
    }),
    { numRuns: 60 },
  )
})
