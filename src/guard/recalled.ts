/** Where the store is elsewhere: what it has to say of a caller, and of what the call costs, comes on the same way as the call's first record, not on ones of its own. */
import { isDeepStrictEqual } from 'node:util'
import type { Call } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import { inOrder } from '../core/order.ts'
import type { Credential, Principal } from '../core/principal.ts'
import type { Presume, Presumed } from '../identity/authenticate.ts'
import type { Trail } from './guard.ts'
import { countFailures, type Guessing, type Identify } from './limited.ts'

/** The next call is judged by what is. */
const CHANGED_WAIT_MS = 1_000

export interface RecallParts extends Guessing {
  /** Asks the store. */
  readonly identify: Identify
  /** Absent where the store is so near that nothing is won: then nothing is put off. */
  readonly presume?: Presume | undefined
}

export interface Recall {
  readonly identify: Identify
  /** @returns what has to be waited for now; nothing where `settle` waits for it. */
  owe(call: Call, charged: Promise<void>): Promise<void> | undefined
  /**
   * Has to have answered before anything is told or done for the call: whether it is who it was taken for, and what it owes. Asked again it
   * answers the same.
   * @throws Denial (rejects) what `identify` would have thrown, `unavailable` where the key was changed meanwhile, or what was owed
   */
  settle(call: Call): Promise<void> | undefined
  /** The trail of a call as it is written down: of a caller who is not who he was taken for, nothing that was thought of him. */
  known(call: Call, trail: Trail): Trail
  /** The call is over. */
  end(call: Call): void
}

interface Open {
  readonly known: Promise<void>
  isAnother: boolean
  owed?: Promise<void>
}

export function createRecall({ identify: ask, presume, ...guessing }: RecallParts): Recall {
  const identify = countFailures(ask, guessing)
  if (presume === undefined)
    return { identify, owe: (_call, charged) => charged, settle: () => undefined, known: (_call, trail) => trail, end: () => undefined }
  const open = new Map<string, Open>()
  const presumed = countFailures(presume, guessing)
  const take = ({ principal, confirmed }: Presumed, credentials: readonly Credential[], call: Call): Principal => {
    if (confirmed === undefined) return principal
    const counted = countFailures(() => confirmed, guessing)
    const one: Open = { known: Promise.resolve(counted(credentials, call)).then((now) => checkSame(now, principal)), isAnother: false }
    one.known.catch(() => {
      one.isAnother = true
    })
    open.set(call.id, one)
    return principal
  }
  return {
    identify: (credentials, call) => {
      // While credentials are being guessed each is looked at first.
      const found = guessing.limits.isGuessed ? undefined : presumed(credentials, call)
      if (found === undefined) return identify(credentials, call)
      if (!(found instanceof Promise)) return take(found, credentials, call)
      return found.then((one) => (one === undefined ? identify(credentials, call) : take(one, credentials, call)))
    },
    owe: (call, charged) => {
      charged.catch(() => undefined)
      const one = open.get(call.id)
      if (one === undefined) open.set(call.id, { known: NOTHING, isAnother: false, owed: charged })
      else one.owed = charged
      return undefined
    },
    settle: (call) => {
      const one = open.get(call.id)
      return one && inOrder(one.known, one.owed)
    },
    known: (call, trail) => {
      if (open.get(call.id)?.isAnother !== true) return trail
      const { principal: _principal, decision: _decision, ...rest } = trail
      return { ...rest, findings: [] }
    },
    end: (call) => void open.delete(call.id),
  }
}

const NOTHING = Promise.resolve()

/** @throws Denial `unavailable`: what the law was asked about is no more. */
function checkSame(now: Principal, principal: Principal): void {
  if (now === principal || isDeepStrictEqual(now, principal)) return
  throw new Denial('unavailable', {
    detail: 'the key was changed while the call was looked at',
    remedies: [{ kind: 'wait', ms: CHANGED_WAIT_MS }],
  })
}
