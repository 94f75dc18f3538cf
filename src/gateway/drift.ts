/** What servers have changed, for the window that people look through: listed, compared, settled as the command line does. */
import { Fault } from '../core/denial.ts'
import { diffOf } from '../core/line-diff.ts'
import type { Catalog, Drift } from '../dashboard/catalog.ts'
import type { House } from '../guard/create.ts'
import { PINNED_KINDS, type Pin, Pins, pinEntry, type Thing } from '../guard/pins.ts'

const WHY = { drift: 'changed', new: 'new', poisoned: 'suspect', rejected: 'rejected' } as const

export function createCatalog({ store, clock, journal }: Pick<House, 'store' | 'clock' | 'journal'>): Catalog {
  const pins = new Pins(store, clock)
  return {
    list: async () => (await pins.list()).flatMap(driftsOf),
    async diff(of) {
      const pinned = (await pins.get(thingOf(of)))?.pinned
      return diffOf(pinned === undefined ? undefined : await pins.definition(pinned.digest), await pins.definition(of.digest))
    },
    async settle(of, says, by) {
      const thing = thingOf(of)
      if (says === 'approve') await pins.approve(thing, by, of.digest)
      else await pins.reject(thing, of.digest)
      await journal.write(pinEntry(says === 'approve' ? 'definition.approved' : 'definition.rejected', thing, of.digest, by))
    },
  }
}

function driftsOf({ server, kind, name, held }: Pin): readonly Drift[] {
  return held
    .filter(({ why }) => why !== 'rejected')
    .map(({ digest, why, marks, at }) => ({
      server,
      kind,
      name,
      digest,
      why: WHY[why],
      marks: marks.map(({ detector, pointer }) => `${detector} at ${pointer || 'the whole'}`),
      at,
    }))
}

/** @throws Fault `FAULT_PIN` for what came from a form and is of no kind. */
function thingOf({ server, kind, name }: Drift): Thing {
  const known = PINNED_KINDS.find((each) => each === kind)
  if (known === undefined) throw new Fault('FAULT_PIN', `${kind}: there is no such kind of definition`)
  return { server, kind: known, name }
}
