/** A process that writes to a journal for ever, and prints each event's number once it is acknowledged. It is there to be killed. */
import { createPrivateKey } from 'node:crypto'
import { writeSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { createJournal } from '../../src/audit/journal.ts'
import { Retention } from '../../src/audit/retention.ts'
import { createIds } from '../../src/core/id.ts'
import { createKeyedHash } from '../../src/core/secret.ts'
import { Turn } from '../../src/core/turn.ts'
import { openSqlite } from '../../src/store/sqlite.ts'

const [path = '', name = '', key = '', count = '', from = ''] = process.argv.slice(2)
/** From then on an hour is a third of a second, and retention is looked to all the time. */
const fastFrom = from === '' ? undefined : Number(from)
const FAST = 10_000
const clock = fastFrom === undefined ? Date.now : (): number => fastFrom + (Date.now() - fastFrom) * FAST
const store = openSqlite(path, { clock })
const headHash = createKeyedHash(Buffer.alloc(32, 9))
const signingKey = createPrivateKey({ key: Buffer.from(key, 'base64url'), format: 'der', type: 'pkcs8' })
const onFault = (fault: Error): void => void writeSync(2, `${fault.message}\n`)
const journal = createJournal({
  store,
  clock,
  ids: createIds(clock),
  node: name,
  sinks: [],
  turn: new Turn(),
  checkpointMs: 5,
  headHash,
  signingKey,
  onFault,
})

async function keepCutting(): Promise<void> {
  const parts = { store, clock, retainMs: 3_600_000, signingKey, headHash, node: name, onFault }
  const retention = new Retention({ ...parts, tell: (entry) => journal.write(entry) })
  for (;;) {
    await retention.run()
    await setTimeout(1)
  }
}
if (fastFrom !== undefined) keepCutting().catch(onFault)

const GROUP = 16
const end = count === '' ? Number.POSITIVE_INFINITY : Number(count)
for (let at = 0; at < end; at += GROUP) {
  const numbers = Array.from({ length: GROUP }, (_, i) => at + i)
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
