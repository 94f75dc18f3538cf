/** What enters with labels and what may leave, as an operator writes it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseConfig } from '../../src/config/load.ts'
import { Fault } from '../../src/core/denial.ts'

const read = (flow: unknown) => parseConfig(JSON.stringify({ flow }), { file: 'portcullis.yaml', environment: {} }).flow

test('nothing is kept track of unless it is written; what nobody labelled and is no tool is confidential; labels stay a day, in stores a quarter', () => {
  assert.equal(parseConfig('{}', { file: 'portcullis.yaml', environment: {} }).flow, undefined)
  assert.deepEqual(read({ labels: { 'files/read_*': ['confidential'] }, sinks: { 'mail/send': 'external' } }), {
    labels: { 'files/read_*': ['confidential'] },
    unlabelled: { prompts: ['confidential'], resources: ['confidential'] },
    sinks: { 'mail/send': 'external' },
    stores: {},
    rememberMs: 24 * 60 * 60_000,
  })
  const store = { write: 'memory/create_*', read: ['memory/read_*'] }
  assert.deepEqual(read({ stores: { memory: store } })?.stores, {
    memory: { write: ['memory/create_*'], read: ['memory/read_*'], rememberMs: 90 * 24 * 60 * 60_000 },
  })
  assert.deepEqual(read({ budget: { calls: '100/h', bytes: '10MiB/h' } })?.budget, {
    calls: { count: 100, perMs: 60 * 60_000 },
    bytes: { count: 10 * 1024 * 1024, perMs: 60 * 60_000 },
  })
})

test('what is not a label, a pattern, a sink or a size in a span is told with what was expected', () => {
  for (const [flow, expected] of [
    [{ labels: { 'files/*': ['Secret!'] } }, /expected a label such as confidential/],
    [{ labels: { 'files/': ['secret'] } }, /expected a pattern/],
    [{ sinks: { 'mail/send': 'outside' } }, /expected external or internal/],
    [{ stores: { memory: { write: 'a/*' } } }, /flow\.stores\.memory\.read/],
    [{ budget: { bytes: '10MiB' } }, /expected a size in a span/],
    [{ budget: { bytes: '10MiB/h/h' } }, /expected a size in a span/],
    [{ remember: '1s' }, /expected a span from 1m/],
  ] as const)
    assert.throws(
      () => read(flow),
      (error: unknown) => error instanceof Fault && expected.test(error.message),
      JSON.stringify(flow),
    )
})
