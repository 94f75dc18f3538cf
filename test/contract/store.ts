/** What every Store promises. A store passes it with one call: how its memory is made, opened by one more handle, and thrown away. */
import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { JsonValue } from '../../src/core/json.ts'
import type { Clock } from '../../src/core/time.ts'
import { encodePart } from '../../src/store/keys.ts'
import type { Cell, Store } from '../../src/store/store.ts'

export interface Backing {
  /** One more handle on the same memory. Expiry is judged by the handle's clock. */
  open(clock: Clock): Store | Promise<Store>
  remove(): void | Promise<void>
}

export interface Traits {
  /** The memory dies with its handle, so there is only ever one. */
  readonly isPrivate?: boolean
}

const START_AT = 1_790_000_000_000
const MANY = 50

const HOSTILE = [
  '',
  ' ',
  '/',
  '*',
  'a/b',
  'a%2Fb',
  'a%',
  'a_',
  '%',
  '_',
  '\\',
  "'; drop table record; --",
  '"',
  '{tag}',
  'line\nbreak\r\n',
  'nul\u0000tail',
  'nul\u0000other',
  'é',
  'e\u0301',
  '\ufffd',
  '\uffff',
  '😀',
  '__proto__',
  'constructor',
  '\u202eright to left',
  'x'.repeat(500),
]

export function storeContract(name: string, create: () => Backing | Promise<Backing>, traits: Traits = {}): void {
  describe(`${name} keeps the contract of Store`, () => {
    const ending: (() => void | Promise<void>)[] = []
    let now = START_AT
    const clock = (): number => now

    afterEach(async () => {
      for (const end of ending.splice(0).reverse()) await end()
      now = START_AT
    })

    async function openBacking(): Promise<() => Promise<Store>> {
      const backing = await create()
      ending.push(() => backing.remove())
      return async () => {
        const store = await backing.open(clock)
        ending.push(() => store.close())
        return store
      }
    }
    const openOne = async (): Promise<Store> => (await openBacking())()
    /** Two handles where there can be two, else the same one twice. */
    async function openTwo(): Promise<readonly [Store, Store]> {
      const open = await openBacking()
      const one = await open()
      return [one, traits.isPrivate === true ? one : await open()]
    }

    it('answers undefined for a record that is not there', async () => {
      const store = await openOne()
      assert.equal(await store.get('none'), undefined)
      assert.equal(await store.take('none'), undefined)
    })

    it('gives back every kind of JSON value as it was put', async () => {
      const store = await openOne()
      const values: JsonValue[] = [
        null,
        true,
        0,
        -1.5,
        1e300,
        '',
        '😀\u0000"\\',
        [],
        [1, [2]],
        {},
        { b: 1, a: { c: [null] } },
        JSON.parse('{"__proto__":1}'),
      ]
      for (const [index, value] of values.entries()) assert.equal(await store.put(`v${index}`, value), true)
      for (const [index, value] of values.entries()) assert.deepEqual(await store.get(`v${index}`), value)
    })

    it('keeps the last of two values put under one key', async () => {
      const [one, two] = await openTwo()
      await one.put('k', 1)
      await two.put('k', 2)
      assert.equal(await one.get('k'), 2)
      assert.equal(await two.get('k'), 2)
    })

    it('gives a record to exactly one of many takers', async () => {
      const stores = await openTwo()
      await stores[0].put('ticket', { for: 'one' })
      const taken = await Promise.all(Array.from({ length: MANY }, (_, i) => (stores[i % 2] ?? stores[0]).take('ticket')))
      assert.deepEqual(
        taken.filter((value) => value !== undefined),
        [{ for: 'one' }],
      )
    })

    it('lets exactly one of many first writers write', async () => {
      const stores = await openTwo()
      const wrote = await Promise.all(
        Array.from({ length: MANY }, (_, i) => (stores[i % 2] ?? stores[0]).put('first', i, { onlyIfAbsent: true })),
      )
      assert.equal(wrote.filter(Boolean).length, 1)
      assert.equal(await stores[1].get('first'), wrote.indexOf(true))
    })

    it('lets exactly one of many swap the value that all of them read', async () => {
      const stores = await openTwo()
      await stores[0].put('state', { step: 0, by: 'nobody' })
      const swapped = await Promise.all(
        Array.from({ length: MANY }, (_, i) =>
          (stores[i % 2] ?? stores[0]).put('state', { step: 1, by: i }, { onlyIf: { by: 'nobody', step: 0 } }),
        ),
      )
      assert.equal(swapped.filter(Boolean).length, 1)
      assert.deepEqual(await stores[0].get('state'), { step: 1, by: swapped.indexOf(true) })
    })

    it('counts right when many add one by comparing and setting', async () => {
      const stores = await openTwo()
      await stores[0].put('count', 0)
      const add = async (store: Store): Promise<void> => {
        for (;;) {
          const value = Number(await store.get('count'))
          if (await store.put('count', value + 1, { onlyIf: value })) return
        }
      }
      await Promise.all(Array.from({ length: MANY }, (_, i) => add(stores[i % 2] ?? stores[0])))
      assert.equal(await stores[1].get('count'), MANY)
    })

    it('swaps nothing where nothing is, and nothing that has changed', async () => {
      const store = await openOne()
      assert.equal(await store.put('k', 1, { onlyIf: 0 }), false)
      assert.equal(await store.get('k'), undefined)
      await store.put('k', 1)
      assert.equal(await store.put('k', 2, { onlyIf: '1' }), false)
      assert.equal(await store.put('k', 2, { onlyIf: 1 }), true)
      assert.equal(await store.get('k'), 2)
    })

    it('forgets a record at the instant it expires, for every verb', async () => {
      const store = await openOne()
      for (const key of ['a', 'b', 'c', 'd']) await store.put(key, 1, { expiresAt: START_AT + 1_000 })
      now += 999
      assert.equal(await store.get('a'), 1)
      assert.equal((await store.list('')).length, 4)
      now += 1
      assert.equal(await store.get('a'), undefined)
      assert.equal(await store.take('b'), undefined)
      assert.equal(await store.put('c', 2, { onlyIf: 1 }), false)
      assert.equal(await store.put('d', 2, { onlyIfAbsent: true }), true)
      assert.deepEqual(await store.list(''), [{ key: 'd', value: 2 }])
    })

    it('takes the expiry from the last put', async () => {
      const store = await openOne()
      await store.put('k', 1, { expiresAt: START_AT + 10 })
      await store.put('k', 2)
      now += 10
      assert.equal(await store.get('k'), 2)
      await store.put('k', 3, { expiresAt: now + 5 })
      assert.deepEqual(await store.list('k'), [{ key: 'k', value: 3, expiresAt: now + 5 }])
      now += 5
      assert.equal(await store.get('k'), undefined)
    })

    it('lists in pages exactly what starts with the prefix', async () => {
      const store = await openOne()
      const keys = Array.from({ length: 25 }, (_, i) => `p/${String(i).padStart(2, '0')}`)
      for (const key of [...keys].reverse()) await store.put(key, key)
      for (const key of ['p', 'p.', 'p0', 'q/1', 'P/1', 'p/00'.toUpperCase()]) await store.put(key, 'other')
      const found: string[] = []
      let after: string | undefined
      for (;;) {
        const page = await store.list('p/', { limit: 7, ...(after !== undefined && { after }) })
        found.push(...page.map((record) => record.key))
        after = page.at(-1)?.key
        if (page.length < 7) break
      }
      assert.deepEqual(found, keys)
    })

    it('keeps hostile keys apart', async () => {
      const store = await openOne()
      const keys = HOSTILE.map((part) => `h/${part}`)
      for (const key of keys) await store.put(key, key)
      for (const key of keys) assert.equal(await store.get(key), key)
      assert.deepEqual((await store.list('h/')).map((record) => record.key).sort(), [...keys].sort())
      for (const key of keys) {
        const under = (await store.list(key)).map((record) => record.key)
        assert.deepEqual(under.sort(), keys.filter((other) => other.startsWith(key)).sort(), JSON.stringify(key))
      }
      for (const key of keys) assert.equal(await store.take(key), key)
      assert.deepEqual(await store.list('h/'), [])
    })

    it('keeps hostile parts of keys apart once they are encoded', async () => {
      const store = await openOne()
      const parts = [...HOSTILE, '\ud800', '\udc00', '\ud800\ud800', 'a\ud800b']
      for (const part of parts) await store.put(`e/${encodePart(part)}/x`, part)
      for (const part of parts) assert.deepEqual(await store.get(`e/${encodePart(part)}/x`), part)
      assert.equal((await store.list('e/')).length, parts.length)
    })

    it('charges as many tokens as a cell holds, and tells how long to wait for the next', async () => {
      const [one, two] = await openTwo()
      const cells = [{ key: 'cell', intervalMs: 100, burst: 3, cost: 1 }]
      for (const [index, store] of [one, two, one].entries()) {
        assert.deepEqual(await store.charge(cells, now), { allowed: true, waitMs: 0, refusedBy: -1, remaining: [2 - index] })
      }
      assert.deepEqual(await two.charge(cells, now), { allowed: false, waitMs: 100, refusedBy: 0, remaining: [0] })
      assert.equal((await one.charge(cells, now + 99)).allowed, false)
      assert.equal((await one.charge(cells, now + 100)).allowed, true)
      assert.equal((await two.charge(cells, now + 100)).allowed, false)
    })

    it('charges every cell or none', async () => {
      const store = await openOne()
      const wide: Cell = { key: 'wide', intervalMs: 1_000, burst: 10, cost: 1 }
      const narrow: Cell = { key: 'narrow', intervalMs: 1_000, burst: 1, cost: 1 }
      assert.deepEqual(await store.charge([wide, narrow], now), { allowed: true, waitMs: 0, refusedBy: -1, remaining: [9, 0] })
      assert.deepEqual(await store.charge([wide, narrow], now), { allowed: false, waitMs: 1_000, refusedBy: 1, remaining: [9, 0] })
      assert.deepEqual((await store.charge([wide], now)).remaining, [8])
    })

    it('gives many chargers at once no more than there is', async () => {
      const stores = await openTwo()
      const cells = [{ key: 'shared', intervalMs: 1_000, burst: 20, cost: 1 }]
      const charges = await Promise.all(Array.from({ length: MANY }, (_, i) => (stores[i % 2] ?? stores[0]).charge(cells, now)))
      assert.equal(charges.filter((charge) => charge.allowed).length, 20)
    })

    it('gives no token for a clock that is set back', async () => {
      const store = await openOne()
      const cells = [{ key: 'back', intervalMs: 100, burst: 2, cost: 1 }]
      assert.equal((await store.charge(cells, now)).allowed, true)
      assert.equal((await store.charge(cells, now)).allowed, true)
      assert.equal((await store.charge(cells, now - 3_600_000)).allowed, false)
      assert.equal((await store.charge(cells, now - 3_600_000 + 99)).allowed, false)
      assert.equal((await store.charge(cells, now - 3_600_000 + 100)).allowed, true)
    })

    it('appends lines in order and reads them in pages, from either end', async () => {
      const [one, two] = await openTwo()
      await one.append('log', [0, 1, 2])
      await two.append('log', { texts: ['3', '{"n":4}'] })
      await one.append('log', [])
      await one.append('log', [[5], null, 'seven'])
      const lines = await two.read('log')
      assert.deepEqual(
        lines.map((line) => line.value),
        [0, 1, 2, 3, { n: 4 }, [5], null, 'seven'],
      )
      for (const { text, value } of lines) if (text !== undefined) assert.deepEqual(JSON.parse(text), value)
      const positions = lines.map((line) => line.position)
      assert.deepEqual([...positions].sort(), positions)
      assert.equal(new Set(positions).size, positions.length)
      const [, second, third] = positions
      assert.ok(second !== undefined && third !== undefined)
      assert.deepEqual(await two.read('log', { after: second, limit: 2 }), lines.slice(2, 4))
      assert.deepEqual(await two.read('log', { last: 3 }), lines.slice(5))
      assert.deepEqual(await two.read('log', { last: 2, before: third }), lines.slice(0, 2))
      assert.deepEqual(await two.read('log', { after: second, before: positions[4] ?? '' }), lines.slice(2, 4))
      assert.deepEqual(await two.read('log', { after: positions.at(-1) ?? '' }), [])
    })

    it('keeps logs apart, and answers nothing for one that was never written', async () => {
      const store = await openOne()
      for (const name of HOSTILE) await store.append(`l/${name}`, [name])
      for (const name of HOSTILE) {
        assert.deepEqual(
          (await store.read(`l/${name}`)).map((line) => line.value),
          [name],
        )
      }
      assert.deepEqual(await store.read('never'), [])
      assert.deepEqual(await store.read('never', { last: 1 }), [])
    })

    it('keeps the lines of one append together when many append at once', async () => {
      const stores = await openTwo()
      await Promise.all(Array.from({ length: MANY }, (_, i) => (stores[i % 2] ?? stores[0]).append('many', [`${i}a`, `${i}b`, `${i}c`])))
      const lines = (await stores[0].read('many')).map((line) => String(line.value))
      assert.equal(lines.length, MANY * 3)
      for (let i = 0; i < lines.length; i += 3) {
        const writer = lines[i]?.slice(0, -1)
        assert.deepEqual(lines.slice(i, i + 3), [`${writer}a`, `${writer}b`, `${writer}c`])
      }
    })

    it('keeps of each writer what it said last of where it stands, beside each log', async () => {
      const [one, two] = await openTwo()
      assert.deepEqual(await one.marks('log'), [])
      await one.append('log', ['a'], { by: 'left', value: { seq: 1 } })
      await two.append('log', { texts: ['"b"'] }, { by: 'right', value: { seq: 1 } })
      await one.append('log', ['c'], { by: 'left', value: { seq: 2, head: 'é😀' } })
      await one.append('other', ['d'], { by: 'left', value: null })
      await two.append('log', ['e'])
      const marks = [
        { by: 'left', value: { seq: 2, head: 'é😀' } },
        { by: 'right', value: { seq: 1 } },
      ]
      assert.deepEqual(await one.marks('log'), marks)
      assert.deepEqual(await two.marks('log'), marks)
      assert.deepEqual(await two.marks('other'), [{ by: 'left', value: null }])
      assert.deepEqual(
        (await two.read('log')).map((line) => line.value),
        ['a', 'b', 'c', 'e'],
      )
    })

    it('takes a mark without lines, and takes it away', async () => {
      const [one, two] = await openTwo()
      await one.append('log', [], { by: 'w', value: [1] })
      assert.deepEqual(await two.marks('log'), [{ by: 'w', value: [1] }])
      await one.append('log', ['last'], { by: 'w', value: undefined })
      assert.deepEqual(await two.marks('log'), [])
      await one.append('log', [], { by: 'w', value: undefined })
      await one.append('log', [], { by: 'w', value: 2 })
      assert.deepEqual(await two.marks('log'), [{ by: 'w', value: 2 }])
      assert.equal((await two.read('log')).length, 1)
    })

    it('keeps marks of writers with hostile names apart, and those of hostile logs', async () => {
      const store = await openOne()
      const names = HOSTILE.filter((name) => name.length < 80)
      for (const by of names) await store.append('log', [], { by, value: by })
      const marks = await store.marks('log')
      assert.deepEqual(
        marks,
        names.toSorted().map((by) => ({ by, value: by })),
      )
      for (const [index, name] of HOSTILE.entries()) await store.append(`m/${name}`, [], { by: 'w', value: index })
      for (const [index, name] of HOSTILE.entries()) assert.deepEqual(await store.marks(`m/${name}`), [{ by: 'w', value: index }])
    })

    it('refuses a mark that is too long to be written at once, and then writes no lines', async () => {
      const store = await openOne()
      const fault = { name: 'Fault', code: 'FAULT_STORE' }
      await store.append('log', [], { by: 'é'.repeat(40), value: 'x'.repeat(398) })
      await assert.rejects(store.append('log', [1], { by: 'é'.repeat(41), value: 1 }), fault)
      await assert.rejects(store.append('log', [1], { by: '\ud800', value: 1 }), fault)
      await assert.rejects(store.append('log', [1], { by: 'w', value: 'x'.repeat(399) }), fault)
      assert.deepEqual(await store.read('log'), [])
      assert.equal((await store.marks('log')).length, 1)
    })

    it('removes what stands in front of a position, at the latest with what was written until the next time, and nothing else', async () => {
      const [one, two] = await openTwo()
      const values = async (stretch = {}): Promise<readonly JsonValue[]> => (await two.read('log', stretch)).map(({ value }) => value)
      const positionOf = async (wanted: JsonValue): Promise<string> =>
        (await two.read('log')).find(({ value }) => value === wanted)?.position ?? assert.fail(`${wanted} is gone`)
      for (const [n, store] of [one, two, one, two].entries()) await store.append('log', [n], { by: 'w', value: n })
      await one.append('other', ['kept'])
      const [zero, three] = [await positionOf(0), await positionOf(3)]
      await one.trim('log', three)
      assert.deepEqual((await values()).slice(-1), [3])
      for (const [n, store] of [two, one, two].entries()) await store.append('log', [4 + n], { by: 'w', value: 4 + n })
      const [four, five] = [await positionOf(4), await positionOf(5)]
      await two.trim('log', four)
      assert.deepEqual(await values(), [4, 5, 6])
      assert.deepEqual([await positionOf(4), await positionOf(5)], [four, five])
      await one.append('log', [7])
      // Positions of lines that are gone are still in front of all others.
      for (const gone of [zero, three]) {
        assert.deepEqual(await values({ after: gone }), [4, 5, 6, 7])
        assert.deepEqual(await values({ before: gone, last: 9 }), [])
        await one.trim('log', gone)
      }
      assert.deepEqual(await values({ after: four, before: await positionOf(7) }), [5, 6])
      assert.deepEqual(await values({ last: 2 }), [6, 7])
      assert.deepEqual(await values({ limit: 3 }), [4, 5, 6])
      assert.deepEqual(await values({ before: five, last: 3 }), [4])
      await two.trim('log', await positionOf(7))
      await one.append('log', [8])
      await two.trim('log', await positionOf(8))
      assert.deepEqual((await values()).slice(-1), [8])
      assert.ok((await positionOf(8)) > five)
      assert.deepEqual(await two.marks('log'), [{ by: 'w', value: 6 }])
      assert.deepEqual(
        (await two.read('other')).map(({ value }) => value),
        ['kept'],
      )
      await assert.rejects(one.trim('log', 'nowhere'), { code: 'FAULT_STORE' })
    })

    it('rejects with FAULT_STORE once it is closed, and closes twice without harm', async () => {
      const store = await openOne()
      await store.close()
      await store.close()
      const fault = { name: 'Fault', code: 'FAULT_STORE' }
      await assert.rejects(store.get('k'), fault)
      await assert.rejects(store.put('k', 1), fault)
      await assert.rejects(store.take('k'), fault)
      await assert.rejects(store.list(''), fault)
      await assert.rejects(store.charge([{ key: 'c', intervalMs: 1, burst: 1, cost: 1 }], now), fault)
      await assert.rejects(store.append('log', [1]), fault)
      await assert.rejects(store.read('log'), fault)
      await assert.rejects(store.marks('log'), fault)
      await assert.rejects(store.trim('log', ''), fault)
    })

    it('finds everything again after it was closed and opened', { skip: traits.isPrivate === true }, async () => {
      const open = await openBacking()
      const first = await open()
      await first.put('k', { kept: true }, { expiresAt: START_AT + 5_000 })
      await first.append('log', ['one', 'two'], { by: 'w', value: 2 })
      await first.charge([{ key: 'c', intervalMs: 1_000, burst: 1, cost: 1 }], now)
      await first.close()
      const again = await open()
      assert.deepEqual(await again.list(''), [{ key: 'k', value: { kept: true }, expiresAt: START_AT + 5_000 }])
      await again.append('log', ['three'])
      assert.deepEqual(
        (await again.read('log')).map((line) => line.value),
        ['one', 'two', 'three'],
      )
      assert.deepEqual(await again.marks('log'), [{ by: 'w', value: 2 }])
      assert.equal((await again.charge([{ key: 'c', intervalMs: 1_000, burst: 1, cost: 1 }], now)).allowed, false)
      const third = (await again.read('log')).at(-1)?.position ?? ''
      await again.trim('log', third)
      await again.close()
      const last = await open()
      await last.append('log', ['four'])
      await last.trim('log', (await last.read('log')).at(-1)?.position ?? '')
      assert.deepEqual(
        (await last.read('log')).map((line) => line.value),
        ['four'],
      )
    })
  })
}
