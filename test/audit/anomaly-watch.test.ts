/** The watch for anomalies comes to an end with what was, also while much is. */
import assert from 'node:assert/strict'
import { it, type TestContext } from 'node:test'
import { AnomalyWatch } from '../../src/audit/anomaly-watch.ts'
import type { Journal } from '../../src/audit/journal.ts'
import type { Store } from '../../src/store/store.ts'
import { entryOf, makeDesk } from './fixture.ts'

/** More reads than learning can need of what was written before it began. */
const READS_MAX = 20

type Read = Pick<Store, 'read' | 'marks'>

/** A store where each read finds what the journal has written since the last one: calls go on all the time. */
function busy(store: Store, journal: Journal): Read & { readonly reads: number } {
  const counted = {
    reads: 0,
    marks: (log: string) => store.marks(log),
    async read(...asked: Parameters<Store['read']>) {
      if (++counted.reads <= READS_MAX) await journal.write(entryOf(counted.reads))
      return store.read(...asked)
    },
  }
  return counted
}

function watchOf(context: TestContext, store: Read): AnomalyWatch {
  const watch = new AnomalyWatch({ sensitivity: 'standard', store, clock: () => 0, onAnomaly: () => undefined, onFault: () => undefined })
  context.after(() => watch.close())
  return watch
}

it('learns to the end of the log although calls go on', async (context) => {
  const desk = makeDesk(context)
  const journal = desk.open()
  const store = busy(desk.store, journal)
  const watch = watchOf(context, store)
  watch.learn(journal.node)
  await watch.settled()
  assert.ok(store.reads < READS_MAX, `${store.reads} reads`)
  await journal.close()
})
