/** What the rest of the house knows of the journal: it is written to. */
import type { Entry } from '../core/event.ts'

export interface History {
  /**
   * Resolves when the event is sealed and survives SIGKILL.
   * @param isDone what it tells of was done already: where it cannot be written now, it is written, late, as soon as that is possible
   * @throws Fault `FAULT_STORE` when it cannot be written now
   */
  write(entry: Entry, isDone?: boolean): Promise<void>
}
