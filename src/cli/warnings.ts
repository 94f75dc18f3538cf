/** What is no mistake, and may not be what was meant, told where it stands: by who checks a configuration, and before it is in force. */
import type { Config } from '../config/config.ts'
import { plainListeners } from '../config/contradictions.ts'
import { placeDoubts } from '../config/load.ts'
import { type Doubt, meant, namedServers, strayRole } from '../config/names.ts'
import { visible } from '../core/visible.ts'
import type { Named } from '../policy/engine.ts'
import { note, styled, type Terminal } from './terminal.ts'

/** Listeners by plain http to other machines. */
export function doubtfulListeners(config: Config): readonly Doubt[] {
  return plainListeners(config).map(({ path, isAdmin }) => ({
    path,
    told: isAdmin
      ? 'plain http to other machines, and passwords are typed there; write 127.0.0.1, or an https:// adminUrl where a proxy in front has TLS'
      : 'plain http to other machines: whoever is on the way reads keys and answers; write tls, or an https:// publicUrl where a proxy in front has TLS',
  }))
}

/** Kinds of thing whose name begins with that of their server. */
const SERVED: ReadonlySet<string> = new Set(['Server', 'Tool', 'Prompt', 'Resource'])

/** Names in policies that lead nowhere: such a policy is valid, and never applies. */
export function doubtfulLaw(config: Config, named: readonly Named[]): readonly string[] {
  const servers = namedServers(config)
  const strayThing = (id: string): string | undefined => {
    const [server = ''] = id.split('/', 1)
    if (servers.length === 0 || servers.includes(server)) return undefined
    return `no server is called ${server}${meant(server, servers) || ', so this is about nothing'}`
  }
  return named.flatMap(({ place, type, id }) => {
    const told = type === 'Role' ? strayRole(id, config) : SERVED.has(type) ? strayThing(id) : undefined
    return told === undefined ? [] : [`${place}: ${told}`]
  })
}

/** @param file as the operator named it. */
export function tellDoubts(terminal: Terminal, file: string, doubts: readonly Doubt[]): void {
  if (doubts.length > 0) tellWarnings(terminal, placeDoubts(file, doubts))
}

export function tellWarnings(terminal: Terminal, warnings: readonly string[]): void {
  for (const warning of warnings) note(terminal, `${styled(terminal.errors, 'yellow', 'warning')}: ${visible(warning)}`)
}
