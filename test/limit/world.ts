/** Limits on a real store, with clocks that are turned by hand; several on one store are several processes. */
import type { Roles } from '../../src/config/limits.ts'
import { parseConfig } from '../../src/config/load.ts'
import type { Decision } from '../../src/core/decision.ts'
import { Denial } from '../../src/core/denial.ts'
import type { Entry } from '../../src/core/event.ts'
import type { Principal } from '../../src/core/principal.ts'
import { Limits } from '../../src/limit/limits.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'
import { aCall } from '../fixtures/nouns.ts'

export const START_AT = 1_790_000_000_000
export const PERMIT: Decision = { effect: 'permit', policies: [], obligations: [], remedies: [], revision: '' }

export interface World {
  readonly store: Store
  readonly limits: readonly Limits[]
  readonly told: Entry[]
  /** The time of day, and what has really passed. */
  now: number
  passedMs: number
  pass(ms: number): void
}

interface Said {
  readonly processes?: number
  readonly store?: Store
  readonly isProxy?: (address: string) => boolean
  readonly tell?: (entry: Entry) => Promise<void>
  /** `access.roles` in force. */
  readonly roles?: () => Roles
}

const nobody: Roles = {}

/** @param yaml of the `limits:` section, in flow style; all that it does not say is far away. */
export function aWorld(yaml: string, { processes = 1, store, isProxy = () => false, tell, roles = () => nobody }: Said = {}): World {
  const far = 'address: 1000000/s, methods: { apiKey: 1000000/s, oauth: 1000000/s, anonymous: 1000000/s }'
  const { rates: read } = parseConfig(`limits: { ${yaml.includes('address:') ? '' : `${far}, `}${yaml} }`, {
    file: 'p.yaml',
    environment: {},
  }).limits
  const rates = yaml.includes('concurrency') ? read : { ...read, principal: { ...read.principal, concurrency: 100_000 } }
  const world = {
    now: START_AT,
    passedMs: 0,
    told: [] as Entry[],
    pass(ms: number): void {
      world.now += ms
      world.passedMs += ms
    },
  }
  const kept = store ?? openSqlite(':memory:', { clock: () => world.now })
  const limits = Array.from({ length: processes }, () => {
    return new Limits({
      rates,
      roles,
      store: kept,
      clock: () => world.now,
      steady: () => world.passedMs,
      isProxy,
      tell: tell ?? (async (entry) => void world.told.push(entry)),
    })
  })
  return Object.assign(world, { store: kept, limits })
}

let calls = 0

/** One permitted call, which is over at once. Undefined when it is let through, else how it is refused. */
export async function ask(
  limits: Limits,
  principal: Principal,
  said: Parameters<typeof aCall>[0] & { readonly address?: string; readonly decision?: Decision; readonly stays?: boolean } = {},
): Promise<Denial | undefined> {
  const { address, decision = PERMIT, stays = false, ...rest } = said
  const plain = aCall({ ...rest, id: `call-${calls++}` })
  const call = address === undefined ? plain : { ...plain, origin: { ...plain.origin, address } }
  try {
    limits.admit(call)
    await limits.charge(call, principal, decision)
    return undefined
  } catch (error) {
    if (error instanceof Denial) return error
    throw error
  } finally {
    if (!stays) limits.end(call)
  }
}

export const waitOf = (denial: Denial | undefined): number =>
  denial?.remedies.reduce((longest, remedy) => (remedy.kind === 'wait' ? Math.max(longest, remedy.ms) : longest), 0) ?? 0
