/** Tells whoever runs us of what callers can bring about again and again: each kind once in a while, with how often it has come since. */
import { Fault } from '../core/denial.ts'
import type { Clock } from '../core/time.ts'

/** Unless told. */
const QUIET_MS = 60_000

/** @param kind one of a few, never a caller's own words. */
export type Tell = (kind: string, fault: Fault) => void

export function createTeller(onFault: (fault: Fault) => void, clock: Clock, quietMs = QUIET_MS): Tell {
  const told = new Map<string, { readonly at: number; more: number }>()
  return (kind, fault) => {
    const now = clock()
    const last = told.get(kind)
    if (last !== undefined && Math.abs(now - last.at) < quietMs) {
      last.more++
      return
    }
    told.set(kind, { at: now, more: 0 })
    const more = last?.more ?? 0
    onFault(
      more === 0 ? fault : new Fault(fault.code, `${fault.message} (and ${more} more since that was last told)`, { cause: fault.cause }),
    )
  }
}
