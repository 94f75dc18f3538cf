/** Calls that a process had begun when it was killed: whoever starts next writes down that they have ended. */
import { setImmediate } from 'node:timers/promises'
import { isEvent } from '../audit/event.ts'
import type { History } from '../audit/history.ts'
import type { AuditEvent, Entry } from '../core/event.ts'
import { LOGS } from '../store/keys.ts'
import type { Living } from '../store/living.ts'
import type { Store } from '../store/store.ts'

/** What was begun longer ago than this many lines stays without an end: a start is not to read a journal of years. It takes a second. */
const LOOK_BACK_LINES = 200_000
const PAGE_LINES = 2_000
/** Written together: fewer than may wait for one append. */
const TOGETHER = 1_000
const DETAIL = 'the gateway ended before the call did'

/** Of every process that is gone. Done twice it does nothing more. @throws Fault `FAULT_STORE` (rejects): then the next start does it */
export async function endOrphans(living: Pick<Living, 'gone'>, store: Store, history: History): Promise<void> {
  for (const gone of living.gone()) {
    using held = gone
    const entries = (await orphansOf(held.name, store)).flatMap(endingsOf)
    for (let at = 0; at < entries.length; at += TOGETHER)
      await Promise.all(entries.slice(at, at + TOGETHER).map((entry) => history.write(entry)))
    held.forget()
  }
}

/** A call that was begun, and what nobody has written of it yet. */
interface Orphan {
  readonly begun: AuditEvent
  /** What became of its approval was written. */
  readonly isSpent: boolean
}

/** The newest lines first: every end stands behind its beginning. @returns the oldest call first */
async function orphansOf(node: string, store: Store): Promise<readonly Orphan[]> {
  const [ended, spent] = [new Set<string>(), new Set<string>()]
  const orphans: Orphan[] = []
  let before: string | undefined
  for (let read = 0; read < LOOK_BACK_LINES; read += PAGE_LINES) {
    const lines = await store.read(LOGS.audit, { last: PAGE_LINES, ...(before !== undefined && { before }) })
    for (const { value } of lines.toReversed()) {
      if (!isEvent(value)) continue
      const { type, call = '' } = value
      if (type === 'call.ended') ended.add(call)
      else if (SPENT.has(type)) spent.add(call)
      if (value.node !== node) continue
      if (type === 'call.begun' && !ended.has(call)) orphans.push({ begun: value, isSpent: spent.has(call) })
      // There its chain begins.
      if (value.seq === 1) return orphans.reverse()
    }
    before = lines[0]?.position
    if (before === undefined) break
    // Of others that share this process, such as the server that a guard stands in.
    await setImmediate()
  }
  return orphans.reverse()
}

const SPENT: ReadonlySet<string> = new Set(['approval.executed', 'approval.failed', 'approval.unknown'])

/** Its server may have done it, or may yet. */
function endingsOf({ begun, isSpent }: Orphan): readonly Entry[] {
  const { call, method, principal, resource, approval } = begun
  const whose = {
    ...(call !== undefined && { call }),
    ...(resource !== undefined && { resource }),
    ...(approval !== undefined && { approval }),
  }
  const ended: Entry = {
    ...whose,
    ...(method !== undefined && { method }),
    ...(principal !== undefined && { principal }),
    type: 'call.ended',
    outcome: 'failed',
    denial: 'unavailable',
    detail: DETAIL,
    by: 'gateway',
  }
  return approval === undefined || isSpent ? [ended] : [ended, { ...whose, type: 'approval.unknown', detail: DETAIL }]
}
