/** A process that writes to a journal for ever, and prints each event's number once it is acknowledged. It is there to be killed. */
import { createPrivateKey } from 'node:crypto'
import { writeSync } from 'node:fs'
import { createJournal } from '../../src/audit/journal.ts'
import { createIds } from '../../src/core/id.ts'
import { createKeyedHash } from '../../src/core/secret.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import { Turn } from '../../src/store/turn.ts'

const [path = '', name = '', key = '', count = ''] = process.argv.slice(2)
const store = openSqlite(path, { clock: Date.now })
const journal = createJournal({
  store,
  clock: Date.now,
  ids: createIds(Date.now),
  node: name,
  sinks: [],
  turn: new Turn(),
  checkpointMs: 5,
  headHash: createKeyedHash(Buffer.alloc(32, 9)),
  signingKey: createPrivateKey({ key: Buffer.from(key, 'base64url'), format: 'der', type: 'pkcs8' }),
  onFault: (fault) => writeSync(2, `${fault.message}\n`),
})

const GROUP = 16
const end = count === '' ? Number.POSITIVE_INFINITY : Number(count)
for (let from = 0; from < end; from += GROUP) {
  const numbers = Array.from({ length: GROUP }, (_, i) => from + i)
  await Promise.all(
    numbers.map(async (number) => {
      await journal.write({ type: 'call.ended', call: `${name}:${number}` })
      // Synchronous, so that it is out before whatever comes next.
      writeSync(1, `${name}:${number}\n`)
    }),
  )
}
await journal.close()
await store.close()
