import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Definition } from '../../src/guard/catalog.ts'
import { Validators, type ValidatorsParts } from '../../src/guard/validators.ts'

const define = (digest: string, said: Partial<Definition> = {}): Definition => ({
  digest,
  inputSchema: { type: 'object', properties: { x: { type: 'string' } } },
  mirrors: [],
  chars: 100,
  ...said,
})

function aMemory(said: Partial<ValidatorsParts> = {}): { readonly validators: Validators; readonly flawed: string[]; now: number } {
  const world = { now: 0, flawed: [] as string[] }
  const parts = { strict: false, clock: () => world.now, onFlaw: (_server: string, tool: string) => void world.flawed.push(tool), ...said }
  return Object.assign(world, { validators: new Validators(parts) })
}

test('a definition is compiled once, whoever has it', () => {
  const { validators } = aMemory()
  assert.equal(validators.of(define('a'), 'one', 't'), validators.of(define('a'), 'two', 'u'))
  assert.notEqual(validators.of(define('a'), 'one', 't'), validators.of(define('b'), 'one', 't'))
})

test('what is used stays, what is not is forgotten when there is too much', () => {
  const { validators } = aMemory()
  const [used, unused] = [validators.of(define('used'), 's', 't'), validators.of(define('unused'), 's', 't')]
  for (let at = 0; at < 40; at++) {
    validators.of(define(`large-${at}`, { chars: 400_000 }), 's', 't')
    assert.equal(validators.of(define('used'), 's', 't'), used)
  }
  assert.notEqual(validators.of(define('unused'), 's', 't'), unused)
})

test('a server that redefines its tools all the time is not followed for the rest of the minute, and the others are', () => {
  const world = aMemory({ perMinute: 10 })
  const usable = (digest: string, server: string): boolean => world.validators.of(define(digest), server, 't').usable
  const followed = Array.from({ length: 20 }, (_, at) => usable(`d${at}`, 'restless')).filter((each) => each)
  assert.equal(followed.length, 5)
  assert.deepEqual(world.flawed, ['t'])
  assert.deepEqual([usable('other', 'calm'), usable('d0', 'restless'), usable('d19', 'restless')], [true, true, false])
  world.now += 60_000
  assert.equal(usable('d19', 'restless'), true)
})

test('a flaw is told once for a definition', () => {
  const { validators, flawed } = aMemory()
  for (let turn = 0; turn < 3; turn++) assert.equal(validators.of(define('a', { inputSchema: null }), 's', 't').usable, false)
  assert.deepEqual(flawed, ['t'])
})
