/** What a detector hands over when something is far from usual. */
import type { Anomaly } from '../core/anomaly.ts'

/** Severity is given by whoever collects them, and what is done about it by others. */
export type Raised = Omit<Anomaly, 'severity' | 'reaction' | 'until'> & {
  /** Where the credential was seen that this is about, if not where the event came from. */
  readonly place?: string
}

export type Raise = (raised: Raised) => void
