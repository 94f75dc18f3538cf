/** A process that writes to a store which others write to at the same time; prints which first writes were its own. */
import { openSqlite } from '../../src/store/sqlite.ts'

const FIRST = `${'0'.repeat(16)}-${'0'.repeat(8)}`
const [path = '', name = ''] = process.argv.slice(2)
const store = openSqlite(path, { clock: Date.now })
const won: number[] = []
for (let i = 0; i < 100; i++) {
  if (await store.put(`first/${i}`, name, { onlyIfAbsent: true })) won.push(i)
  await store.append('log', [`${name}:${i}`])
  // Nothing stands in front of it: but what was written is a piece of its own from then on.
  if (i % 10 === 9) await store.trim('log', FIRST)
}
await store.close()
process.stdout.write(JSON.stringify(won))
