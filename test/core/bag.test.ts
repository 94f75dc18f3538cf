import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Bag, Ledger } from '../../src/core/bag.ts'

interface Thing {
  readonly name: number
}

test('a bag holds what a Set would, whatever is put in and taken out', () => {
  const steps = fc.array(fc.tuple(fc.boolean(), fc.nat(9)), { maxLength: 200 })
  fc.assert(
    fc.property(steps, (taken) => {
      const things: Thing[] = Array.from({ length: 10 }, (_, name) => ({ name }))
      const bag = new Bag<Thing>()
      const set = new Set<Thing>()
      for (const [isAdded, name] of taken) {
        const thing = things[name]
        assert(thing)
        for (const one of [bag, set]) {
          if (isAdded) one.add(thing)
          else one.delete(thing)
        }
        assert.equal(bag.size, set.size)
        assert.deepEqual(new Set(bag), set)
        assert.equal([...bag].length, bag.size)
      }
    }),
  )
})

test('who walks through a bag and empties it on the way is given everything once', () => {
  const bag = new Bag<Thing>()
  for (let name = 0; name < 5; name++) bag.add({ name })
  const given: number[] = []
  for (const thing of bag) {
    bag.delete(thing)
    given.push(thing.name)
  }
  assert.deepEqual(given, [4, 3, 2, 1, 0])
  assert.equal(bag.size, 0)
})

test('what is taken out on the way is not given any more', () => {
  const bag = new Bag<Thing>()
  const [first, second, third] = [{ name: 1 }, { name: 2 }, { name: 3 }]
  for (const thing of [first, second, third]) bag.add(thing)
  const given: Thing[] = []
  for (const thing of bag) {
    given.push(thing)
    bag.delete(first)
    bag.delete(second)
  }
  assert.deepEqual([...bag], [third])
  assert.deepEqual(new Set(given), new Set([third]))
})

test('a thing of another bag is not taken out', () => {
  const [one, other] = [new Bag<Thing>(), new Bag<Thing>()]
  const [mine, theirs] = [{ name: 1 }, { name: 2 }]
  one.add(mine)
  other.add(theirs)
  one.delete(theirs)
  assert.deepEqual([...one], [mine])
  assert.deepEqual([...other], [theirs])
})

test('a ledger holds what a Map would, in the same order', () => {
  const steps = fc.array(fc.tuple(fc.boolean(), fc.nat(9)), { maxLength: 200 })
  fc.assert(
    fc.property(steps, (taken) => {
      const ledger = new Ledger<Thing>()
      const map = new Map<number, Thing>()
      for (const [isAdded, name] of taken) {
        const thing = { name }
        for (const one of [ledger, map]) {
          if (isAdded) one.set(name, thing)
          else one.delete(name)
        }
        assert.equal(ledger.size, map.size)
        assert.equal(ledger.get(name), map.get(name))
        assert.deepEqual([...ledger.values()], [...map.values()])
        assert.deepEqual([...ledger.keys()], [...map.keys()])
      }
    }),
  )
})
