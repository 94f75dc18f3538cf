/** The law of an installation: the `access:` section and the policy files, in force together and replaced together. */
import { globSync } from 'node:fs'
import { relative } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { AccessConfig } from '../config/access.ts'
import type { Config } from '../config/config.ts'
import type { Doubt } from '../config/names.ts'
import { Fault } from '../core/denial.ts'
import type { Clock } from '../core/time.ts'
import type { Rules } from '../policy/compile.ts'
import { createEngine, type Engine } from '../policy/engine.ts'
import { readPolicies } from '../policy/load.ts'
import { lawOf } from './anomalies.ts'

export interface Legislation {
  readonly law: Engine
  /** The `access:` section in force. What is made of it is made with `following`. */
  readonly access: () => AccessConfig
  /**
   * Puts this section in force, with what is written in the policy files now.
   * @throws Fault `FAULT_POLICY`; then what was in force stays in force, whole.
   */
  readonly enact: (access: AccessConfig) => void
}

/** @throws Fault `FAULT_POLICY` */
export function openLegislation(config: Config, clock: Clock): Legislation {
  let inForce = { access: config.access, ...read(config) }
  const law = createEngine(inForce.rules, clock)
  const enact = (access: AccessConfig): void => {
    const next = { access, ...read({ ...config, access }) }
    const gone = inForce.found.filter((pattern) => access.policies.includes(pattern) && !next.found.includes(pattern))
    // A folder that went away takes its forbids with it, and nobody has said that they are not to hold.
    if (gone.length > 0) throw new Fault('FAULT_POLICY', gone.map((pattern) => vanished(pattern, config)).join('\n'))
    if (isDeepStrictEqual(next, inForce)) return
    law.replace(next.rules)
    inForce = next
  }
  return { law, access: () => inForce.access, enact }
}

function vanished(pattern: string, { directory }: Config): string {
  return `access.policies: ${relative(directory, pattern)} finds no file any more; put its files back, or take it out of access.policies`
}

/** The law as it is written now. @throws Fault `FAULT_POLICY` */
export function readLaw(config: Config): Rules {
  return read(config).rules
}

/** Patterns of `access.policies` that find no file: one that is misspelled looks like one whose files are still to come. */
export function doubtfulPolicies({ access: { policies }, directory }: Config): readonly Doubt[] {
  return policies.flatMap((pattern, index) => {
    if (globSync(pattern).length > 0) return []
    const path = ['access', 'policies', ...(policies.length === 1 ? [] : [index])]
    return [{ path, told: `${relative(directory, pattern)} finds no file` }]
  })
}

function read(config: Config): { readonly rules: Rules; readonly found: readonly string[] } {
  const { policies, ...access } = config.access
  const files = policies.map((pattern) => ({ pattern, paths: filesOf(pattern) }))
  const paths = [...new Set(files.flatMap((one) => one.paths))].sort()
  const sinks = config.flow === undefined ? {} : { sinks: config.flow.sinks }
  const written = readPolicies(paths, (path) => relative(config.directory, String(path)))
  return {
    rules: {
      access: { ...access, ...sinks },
      files: config.anomalies === undefined ? written : [...lawOf(config.anomalies), ...written],
    },
    found: files.flatMap(({ pattern, paths: { length } }) => (length === 0 ? [] : [pattern])),
  }
}

/** A path without a wildcard that is not there is a mistake; a wildcard may find nothing yet. */
function filesOf(pattern: string): readonly string[] {
  const paths = globSync(pattern)
  if (paths.length === 0 && !/[*?[{]/.test(pattern)) throw new Fault('FAULT_POLICY', `${pattern}: no such policy file`)
  return paths
}
