/** An entry tells names and shapes, and never what an argument says. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { callEntry, describeArguments, type Known } from '../../src/audit/record.ts'
import type { Call } from '../../src/core/call.ts'
import { Denial } from '../../src/core/denial.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { createKeyedHash } from '../../src/core/secret.ts'
import { makeDesk, START_AT } from './fixture.ts'

const KEY = createKeyedHash(new Uint8Array(32).fill(7))

const CALL: Call = {
  id: '0199a9b5-7c3e-7abc-8def-0123456789ab',
  method: 'tools/call',
  action: 'call',
  resource: { kind: 'tool', server: 'files', name: 'read_file' },
  arguments: { path: 'secret.txt' },
  message: { body: { jsonrpc: '2.0', id: 1, method: 'tools/call' } },
  origin: { transport: 'http', era: 'modern', revision: '2026-07-28', address: '127.0.0.1', agent: 'client/1' },
  receivedAt: START_AT,
  signal: new AbortController().signal,
}

it('tells the shape of every kind of argument', () => {
  const described = describeArguments({ s: 'twelve chars', n: 1, t: true, z: null, a: [1, 2], o: { x: 1 }, e: '' }, KEY)
  assert.deepEqual(described.arguments, {
    a: 'array:2',
    e: 'string:0',
    n: 'number',
    o: 'object:1',
    s: 'string:12',
    t: 'boolean',
    z: 'null',
  })
  assert.deepEqual(describeArguments({}, KEY).arguments, {})
})

it('hashes equal arguments equally, whatever their order, and only for who has the key', () => {
  const hashOf = (values: JsonObject, key = KEY): string => describeArguments(values, key).argumentsHash
  assert.equal(hashOf({ a: 1, b: { c: 2, d: 3 } }), hashOf({ b: { d: 3, c: 2 }, a: 1 }))
  assert.notEqual(hashOf({ a: 1 }), hashOf({ a: 2 }))
  assert.notEqual(hashOf({ a: 1 }), hashOf({ a: 1 }, createKeyedHash(new Uint8Array(32))))
  assert.equal(hashOf({}), hashOf({}))
  assert.match(hashOf({}), /^[-_0-9A-Za-z]{43}$/)
})

it('bounds what a caller can make it write by naming arguments', () => {
  const names = Array.from({ length: 500 }, (_, i) => `n${i}${'\u001b\n😀'.repeat(300)}`)
  const { arguments: shapes } = describeArguments(Object.fromEntries(names.map((name) => [name, name])), KEY)
  assert.ok(Object.keys(shapes).length <= 33)
  assert.ok(JSON.stringify(shapes).length < 20_000)
  for (const name of Object.keys(shapes)) assert.match(name, /^[ -~…]*$/)
  assert.equal(shapes['…'], '468 more')
})

it('keeps an argument that is named like a member of every object', () => {
  assert.deepEqual(Object.entries(describeArguments(JSON.parse('{"__proto__":"x","constructor":1}'), KEY).arguments), [
    ['__proto__', 'string:1'],
    ['constructor', 'number'],
  ])
})

it('writes no planted secret into the journal, wherever in the arguments it stands', async (context) => {
  const desk = makeDesk(context)
  const journal = desk.open()
  const secret = fc
    .string({ unit: fc.constantFrom(...'ABCDEFGHJKLMNPQRSTUVWXYZ'), minLength: 16, maxLength: 40 })
    .map((text) => `sk-live-${text}`)
  const nest = (text: string) =>
    fc.constantFrom<JsonObject>({ a: text }, { a: [text] }, { a: { b: [{ [text]: text }] } }, { a: `x ${text} y`, b: 1 })
  const planted = secret.chain((text) => nest(text).map((values) => ({ text, values })))
  await fc.assert(
    fc.asyncProperty(planted, async ({ text, values }) => {
      const call = { ...CALL, arguments: values }
      const description = describeArguments(values, KEY)
      await journal.write(callEntry('call.ended', call, { findings: [], description, outcome: 'permitted' }))
      const line = (await desk.store.read('audit', { last: 1 }))[0]
      assert.ok(line !== undefined && !JSON.stringify(line.value).includes(text))
    }),
    { numRuns: 50 },
  )
})

it('tells who asked for what, what the law said, and how it ended', () => {
  const known: Known = {
    principal: {
      kind: 'service',
      issuer: 'key',
      subject: 'abc',
      client: 'c',
      actors: [],
      tenant: 't',
      roles: ['analyst'],
      claims: { hidden: 'claim' },
    },
    decision: { effect: 'forbid', policies: ['p1'], obligations: [], remedies: [], revision: 'r1' },
    denial: new Denial('forbidden', { detail: 'no policy permits it' }),
    findings: [{ label: 'secret', detector: 'd', pointer: '/path' }],
    outcome: 'denied',
    tookMs: 1.5,
    trace: '4bf92f3577b34da6a3ce929d0e0e4736',
  }
  assert.deepEqual(callEntry('call.ended', CALL, known), {
    type: 'call.ended',
    call: CALL.id,
    method: 'tools/call',
    action: 'call',
    resource: { kind: 'tool', server: 'files', name: 'read_file' },
    transport: 'http',
    era: 'modern',
    revision: '2026-07-28',
    address: '127.0.0.1',
    agent: 'client/1',
    outcome: 'denied',
    principal: 'key#abc',
    kind: 'service',
    roles: ['analyst'],
    client: 'c',
    tenant: 't',
    policies: ['p1'],
    law: 'r1',
    denial: 'forbidden',
    detail: 'no policy permits it',
    findings: [{ label: 'secret', detector: 'd', pointer: '/path' }],
    tookMs: 1.5,
    trace: '4bf92f3577b34da6a3ce929d0e0e4736',
  })
})

it('names the policies that refused, also where others had let the call in', () => {
  const decision = { effect: 'permit', policies: ['lets-in'], obligations: [], remedies: [], revision: 'r1' } as const
  const of = (denial: Denial) => callEntry('call.ended', CALL, { findings: [], decision, denial }).policies
  assert.deepEqual(of(new Denial('content_blocked', { policies: ['keeps'] })), ['keeps'])
  assert.deepEqual(of(new Denial('timeout')), ['lets-in'])
})

it('cuts what a caller may make as long as it likes', () => {
  const call: Call = {
    ...CALL,
    resource: { ...CALL.resource, name: 'x'.repeat(100_000) },
    origin: { ...CALL.origin, agent: 'y'.repeat(100_000) },
  }
  const denial = new Denial('malformed', { detail: 'z'.repeat(100_000) })
  const findings = Array.from({ length: 1_000 }, () => ({ label: 'l', detector: 'd', pointer: '/' }))
  assert.ok(JSON.stringify(callEntry('call.ended', call, { findings, denial })).length < 5_000)
})
