/** The law is obeyed: what it permits is charged, what it forbids is told, and what lacks only a word is asked for it. */
import type { Decision } from '../core/decision.ts'
import { Denial } from '../core/denial.ts'
import { inOrder } from '../core/order.ts'
import type { Approved, Said } from './approved.ts'
import type { Asking } from './asking.ts'
import type { Stations } from './guard.ts'
import { lacksWord, mismatchOf, withoutArguments } from './inspector.ts'
import type { Meter } from './limited.ts'
import type { Recall } from './recalled.ts'
import { refusal } from './refusal.ts'
import type { TaskOwners } from './tasks.ts'
import type { Worth } from './worth.ts'

interface Costs {
  readonly meter: Meter
  readonly tasks: TaskOwners
  readonly approved: Approved
  readonly recall: Recall
  readonly worth: Worth
}

/** Who tries which arguments are taken has paid for that, or whatever is held against arguments could be found out for nothing. */
function refuse(told: Denial, charged: undefined | Promise<void>): Promise<never> {
  if (charged === undefined) throw told
  return charged.then(() => Promise.reject(told))
}

/** Forbids first, then limits, then what a person has said is spent: a limit that is reached costs nobody's word. */
export function createEnforce(
  observing: boolean,
  { weigh, isVisible }: Asking,
  { meter, tasks, approved, recall, worth }: Costs,
): Stations['enforce'] {
  return (decision, principal, call, findings, forward) => {
    worth.check(call, decision)
    const charge = (final: Decision): undefined | Promise<void> => {
      const charged = meter.charge(call, principal, final)
      return call.resource.kind === 'task' ? inOrder(charged, tasks.check(call, principal)) : charged
    }
    if (decision.effect === 'permit' || observing) {
      const charged = charge(decision)
      return charged && recall.owe(call, charged)
    }
    const told = mismatchOf(findings, (rest) => weigh(principal, call, rest), decision)
    if (told instanceof Denial) return refuse(told, meter.tried(call, principal, weigh(principal, call, withoutArguments(findings))))
    if (!lacksWord(told)) throw refusal(told, call, isVisible(principal, call.action, call.resource, findings))
    const decide = (said: Said): Decision => weigh(principal, call, findings, said)
    const wanting = { decision: told, principal, call, forward, decide, charge }
    return recall.settle(call)?.then(() => approved.enforce(wanting)) ?? approved.enforce(wanting)
  }
}
