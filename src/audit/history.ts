/** What the rest of the house knows of the journal: it is written to. */
import type { Entry } from '../core/event.ts'

export interface History {
  /** Resolves when the event is sealed and survives SIGKILL. @throws Fault `FAULT_STORE` when it cannot be written. */
  write(entry: Entry): Promise<void>
}
