/** What was far from usual, asked at the command line. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { CONFIG, install } from './portcullis.ts'

const rows = z.array(
  z.object({ at: z.number(), address: z.string().optional(), anomaly: z.looseObject({ kind: z.string(), subject: z.string() }) }),
)

test('a recorded journal is replayed: what would be told, at which sensitivity, and how recently', async (t) => {
  const there = install(t, CONFIG)
  const event = (seq: number, at: number): string =>
    JSON.stringify({
      type: 'call.ended',
      denial: 'invalid_token',
      address: '198.51.100.7',
      id: `e${seq}`,
      at,
      node: 'n',
      seq,
      previous: '',
    })
  const now = Date.now()
  const old = Array.from({ length: 12 }, (_, nth) => event(nth, now - 9 * 86_400_000 + nth))
  const late = Array.from({ length: 12 }, (_, nth) => event(20 + nth, now - 86_400_000 + nth))
  there.write('journal.jsonl', [...old, 'not json', ...late].join('\n'))
  const replay = (...more: readonly string[]) => there.run(['anomaly', 'replay', '--file', 'journal.jsonl', ...more])

  const all = await replay('--json')
  assert.deepEqual(
    rows.parse(JSON.parse(all.out)).map(({ address, anomaly }) => [address, anomaly.kind]),
    [
      ['198.51.100.7/32', 'credential_burst'],
      ['198.51.100.7/32', 'credential_burst'],
    ],
  )
  assert.equal(rows.parse(JSON.parse((await replay('--since', '7d', '--json')).out)).length, 1)
  assert.match((await replay('--since', '7d')).out, /credential_burst +198\.51\.100\.7\/32.*11 bad credentials in 5 minutes, more than 10/)
  const calm = await replay('--sensitivity', 'low')
  assert.deepEqual([calm.code, calm.out, calm.errors], [0, '', 'nothing was far from usual\n'])
  assert.equal((await replay('--sensitivity', 'most')).code, 2)
  const missing = await there.run(['anomaly', 'replay', '--file', 'none.jsonl', '--json'])
  assert.equal(missing.code, 1)
  assert.match(missing.errors, /FAULT_FILE/)
})

test('what was told stands in the journal and is listed; where nothing was, that is said', async (t) => {
  const there = install(t, CONFIG)
  await there.run(['keys', 'create', '--name', 'ci', '--role', 'user'])
  const { code, out, errors } = await there.run(['anomaly', 'list', '--since', '24h'])
  assert.deepEqual([code, out, errors], [0, '', 'nothing was far from usual\n'])
})
