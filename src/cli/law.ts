/** Opens the law of an installation, for the commands that ask it: reading it takes longer than all that the others need. */
import type { Config } from '../config/config.ts'
import { readLaw } from '../guard/law.ts'
import { createEngine, type Engine } from '../policy/engine.ts'
import type { Terminal } from './terminal.ts'

/** The law as it is written now. @throws Fault `FAULT_POLICY` */
export function openLaw(config: Config, terminal: Terminal): Engine {
  return createEngine(readLaw(config), terminal.clock)
}
