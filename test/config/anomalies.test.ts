/** The `anomalies:` section. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Config } from '../../src/config/config.ts'
import { parseConfig } from '../../src/config/load.ts'

const read = (yaml: string): Config => parseConfig(yaml, { file: 'p.yaml', environment: {} })

test('unless told, anomalies are told and nothing else; off means that nothing is looked for', () => {
  assert.deepEqual(read('{}').anomalies, { sensitivity: 'standard', reactions: {}, blockMs: 900_000 })
  assert.equal(read('anomalies: { sensitivity: off }').anomalies, undefined)
})

test('a reaction that could not be kept is a mistake: step_up without an acr, any where nothing is looked for, a kind that does not exist', () => {
  assert.throws(() => read('anomalies: { reactions: { exfiltration: step_up } }'), /anomalies\.stepUp/)
  assert.throws(() => read('anomalies: { sensitivity: off, reactions: { exfiltration: block } }'), /nothing would be seen/)
  assert.throws(() => read('anomalies: { reactions: { sabotage: block } }'), { code: 'FAULT_CONFIG' })
  assert.equal(read('anomalies: { reactions: { exfiltration: step_up }, stepUp: phr }').anomalies?.stepUp, 'phr')
})
