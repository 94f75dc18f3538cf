/** What of a call is worth finding out: of one that is refused whatever it carries nobody is asked, and nothing dear is looked at. */
import type { Call } from '../core/call.ts'
import type { Decision } from '../core/decision.ts'
import { Denial } from '../core/denial.ts'
import type { Finding } from '../core/finding.ts'
import type { Principal } from '../core/principal.ts'
import type { Asking } from './asking.ts'
import { lacksWord } from './inspector.ts'
import type { Meter } from './limited.ts'

/** The next call is judged by what is law then. */
const CHANGED_WAIT_MS = 1_000

export class Worth {
  readonly #asking: Pick<Asking, 'weigh' | 'decideAtBest'>
  readonly #meter: Pick<Meter, 'check'>
  readonly #observing: boolean
  readonly #unlooked = new WeakSet<Call>()

  constructor(asking: Pick<Asking, 'weigh' | 'decideAtBest'>, meter: Pick<Meter, 'check'>, observing: boolean) {
    this.#asking = asking
    this.#meter = meter
    this.#observing = observing
  }

  /** Whether the law would let the call through as far as it is known: for one that is refused anyway, nobody is asked anything. */
  permits(principal: Principal, call: Call): boolean {
    const decision = this.#asking.weigh(principal, call, NO_FINDINGS)
    return this.#observing || isOpen(decision)
  }

  /**
   * Whether anything depends on what a call carries that is dear to look at. @param held against what it is for
   * @throws Denial `rate_limited` for whom nothing is looked at any more
   */
  isWorthIt(principal: Principal, call: Call, held: readonly Finding[]): boolean {
    if (this.#observing) return true
    if (isOpen(this.#asking.decideAtBest(principal, call, held))) {
      this.#meter.check(call, principal)
      return true
    }
    this.#unlooked.add(call)
    return false
  }

  /** What was not looked at is not let through by a law that was enacted since. @throws Denial `unavailable` */
  check(call: Call, decision: Decision): void {
    if (!this.#unlooked.has(call) || !isOpen(decision)) return
    throw new Denial('unavailable', {
      detail: 'the law was changed while the call was looked at',
      remedies: [{ kind: 'wait', ms: CHANGED_WAIT_MS }],
    })
  }
}

const NO_FINDINGS: readonly Finding[] = []

/** Permitted, or up to a person. */
function isOpen(decision: Decision): boolean {
  return decision.effect === 'permit' || lacksWord(decision)
}
