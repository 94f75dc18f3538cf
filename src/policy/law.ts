/** What the rest of the house knows of the law: it decides. */
import type { Decision, Query } from '../core/decision.ts'

export interface Law {
  /** Synchronous and pure, apart from its memory of earlier decisions. @throws Fault `FAULT_POLICY` when evaluation errs, which denies. */
  decide(query: Query): Decision
  /**
   * Whether the caller may know of the thing: some arguments, findings or remedies could turn the answer into a permit.
   * What is not visible is left out of lists and answers like what does not exist.
   */
  isVisible(query: Query): boolean
  /** The decision as though arguments and findings could be anything: what it forbids is forbidden whatever is sent. @throws Fault `FAULT_POLICY` */
  decideAtBest(query: Query): Decision
  /** Digest of everything that decides: policies, roles, rules. */
  readonly revision: string
}
