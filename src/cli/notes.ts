/** What is told of a credential that was made and is good for less than it seems. It may be meant: it is made all the same. */
import type { Config } from '../config/config.ts'
import { meant, namedServers, strayServer } from '../config/names.ts'
import type { Pattern } from '../core/pattern.ts'
import { SERVICE_ROLE } from '../core/principal.ts'
import { note, styled, type Terminal } from './terminal.ts'

/** @param beside roles that are good for something here without standing in `access.roles` */
export function notesOnRoles(roles: readonly string[], { access }: Config, beside: readonly string[] = []): readonly string[] {
  const known = [...Object.keys(access.roles), SERVICE_ROLE, ...beside]
  return roles
    .filter((role) => !known.includes(role))
    .map((role) => {
      const near = meant(role, known)
      return `access.roles does not know ${role}${near === '' ? '; only' : `${near} Only`} a policy can give it rights`
    })
}

export function notesOnAllow(allow: readonly Pattern[], config: Config): readonly string[] {
  const servers = namedServers(config)
  return allow.flatMap(({ text }) => {
    if (/\s/.test(text)) return [`"${text}" has a blank in it: it is one pattern, and no list; write --allow once for each`]
    const server = servers.length === 0 ? undefined : strayServer(text, servers)
    return server === undefined ? [] : [`no server is called ${server}${meant(server, servers) || `: ${text} allows nothing`}`]
  })
}

export function tellNotes(terminal: Terminal, notes: readonly string[]): void {
  for (const text of notes) note(terminal, `${styled(terminal.errors, 'yellow', 'note')}: ${text}`)
}
