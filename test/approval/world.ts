/** Approvals on a store in memory, with a clock that is turned by hand. */
import { randomBytes } from 'node:crypto'
import { Approvals, type ApprovalsParts } from '../../src/approval/approvals.ts'
import { type Bound, boundOf } from '../../src/approval/bound.ts'
import type { Entry } from '../../src/core/event.ts'
import { createIds } from '../../src/core/id.ts'
import { createSeal, type Seal } from '../../src/core/seal.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'
import { aCall, aPrincipal } from '../fixtures/nouns.ts'

export interface World {
  readonly approvals: Approvals
  readonly store: Store
  readonly seal: Seal
  readonly events: Entry[]
  now: number
}

export function aWorld(said: Partial<ApprovalsParts> = {}): World {
  const world = { now: Date.UTC(2026, 10, 21), events: [] as Entry[] }
  const clock = (): number => world.now
  const store = said.store ?? openSqlite(':memory:', { clock })
  const seal = said.seal ?? createSeal(randomBytes(32))
  const approvals = new Approvals({
    store,
    seal,
    clock,
    newId: createIds(clock),
    expiresMs: 600_000,
    pending: 20,
    fourEyes: false,
    tell: (entry) => Promise.resolve(void world.events.push(entry)),
    ...said,
  })
  return Object.assign(world, { approvals, store, seal })
}

/** A call that wants to delete a path, as key `k1`. */
export function toDelete(path: string, said: Partial<Bound> = {}): Bound {
  const call = aCall({ tool: 'delete', arguments: { path } })
  return { ...boundOf(call, aPrincipal(), 'definition-1', 'law-1'), ...said }
}

export const ASKING = { people: ['k1', 'ann'], policies: ['destruction-needs-approval'] }
export const ALICE = { name: 'local#alice', subject: 'alice' }
export const BOB = { name: 'local#bob', subject: 'bob' }
