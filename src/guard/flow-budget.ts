/** How much may leave: calls of external sinks, and bytes that they are given, for each person in a span. Counted in the store, for all replicas at once. */
import type { FlowConfig } from '../config/flow.ts'
import type { Call } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import type { JsonValue } from '../core/json.ts'
import type { Principal } from '../core/principal.ts'
import type { Clock, Rate } from '../core/time.ts'
import { refused } from '../limit/refusal.ts'
import { KEYS } from '../store/keys.ts'
import type { Cell, Store } from '../store/store.ts'
import { answersOf, besidesOf } from './besides.ts'
import { saidLater } from './flow-later.ts'
import { createPlaces, externalSinks, sentTo } from './flow-places.ts'
import { personOf } from './flow-record.ts'

/** @throws Denial (rejects) `rate_limited`; `content_blocked` for what is larger than all that may leave in a span. */
export type Budget = (call: Call, principal: Principal) => Promise<void> | undefined

/** @returns undefined where there is no budget. */
export function createBudget(config: FlowConfig | undefined, store: Store, clock: Clock): Budget | undefined {
  if (config?.budget === undefined) return undefined
  const { calls, bytes } = config.budget
  const placeOf = createPlaces(config)
  return (call, principal) => {
    const isLater = isSaidToAny(call) && externalSinks(config, call.resource.server).length > 0
    if (isLater ? bytes === undefined : !sentTo(call, placeOf).isExternal) return undefined
    const { name } = personOf(principal)
    const size = sizeOf(call)
    if (bytes !== undefined && size > bytes.count)
      return Promise.reject(
        new Denial('content_blocked', { detail: `${size} bytes are more than flow.budget.bytes (${bytes.count}) can ever allow` }),
      )
    const cells = [
      ...(calls === undefined || isLater ? [] : [cellOf('flow.budget.calls', name, calls, 1)]),
      ...(bytes === undefined ? [] : [cellOf('flow.budget.bytes', name, bytes, size)]),
    ]
    return store.charge(cells, clock()).then(({ allowed, waitMs, refusedBy }) => {
      const isOfCalls = calls !== undefined && !isLater && refusedBy === 0
      if (!allowed) throw refused(`flow.budget.${isOfCalls ? 'calls' : 'bytes'} is used up`, waitMs)
    })
  }
}

function cellOf(limit: string, person: string, { count, perMs }: Rate, cost: number): Cell {
  return { key: KEYS.limit(limit, 'one', person), intervalMs: perMs / count, burst: count, cost }
}

/** It does not say to which sink, and is a call of none. */
function isSaidToAny(call: Call): boolean {
  const { kind } = call.resource
  return saidLater(call) !== undefined || ((kind === 'server' || kind === 'task') && besidesOf(call) !== undefined)
}

/** What the sink is told: arguments, the name, which of a resource is an address, what stands beside them, and what its server is answered. */
function sizeOf(call: Call): number {
  const beside = [besidesOf(call), answersOf(call), call.method === '$response' ? saidLater(call) : undefined]
  const sizes = beside.map((said) => (said === undefined ? 0 : bytesOf(said)))
  return sizes.reduce((sum, size) => sum + size, bytesOf(call.arguments) + Buffer.byteLength(call.resource.name))
}

const bytesOf = (said: JsonValue): number => Buffer.byteLength(JSON.stringify(said))
