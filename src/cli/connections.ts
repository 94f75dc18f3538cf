/** `portcullis connections`: accounts that users have connected at servers. */
import type { Command } from 'commander'
import { Fault } from '../core/denial.ts'
import { connectedServers, endConnection, listConnections } from '../gateway/connected.ts'
import { openConfig, operator, withRecords } from './open.ts'
import { examples, type Shared, type Shell, shared } from './shell.ts'
import { note, say, sayJson, table, when } from './terminal.ts'

export function addConnections(program: Command, shell: Shell): void {
  const connections = program.command('connections')
  examples(connections, 'portcullis connections list', 'portcullis connections remove crm "https://mcp.example.com#alice"')

  const list = connections.command('list').description('who has connected an account where, and what it may be used for')
  examples(shared(list), 'portcullis connections list --json')
  list.action((options: Shared) => listAll(options, shell))

  const remove = connections
    .command('remove')
    .description('end a connection: where it was issued, and here within seconds; its user may connect again')
    .argument('<server>', 'of the configuration')
    .argument('<principal>', 'issuer#subject, as in the list')
  examples(shared(remove), 'portcullis connections remove crm "https://mcp.example.com#alice"')
  remove.action((server: string, principal: string, options: Shared) => removeOne(server, principal, options, shell))
}

async function listAll({ config, json }: Shared, { terminal }: Shell): Promise<void> {
  const found = await withRecords(openConfig(config), terminal, ({ store, seal }) => listConnections({ store, seal }))
  if (json === true) return sayJson(terminal, found)
  if (found.length === 0) return note(terminal, 'nobody has connected an account yet')
  const rows = found.map(({ server, principal, scopes, renewedAt, expiresAt }) => [
    server,
    principal,
    scopes.join(' ') || '-',
    when(renewedAt),
    when(expiresAt),
  ])
  table(terminal, ['SERVER', 'USER', 'SCOPES', 'TOKEN OF', 'TOKEN UNTIL'], rows)
}

async function removeOne(name: string, principal: string, { config: file, json }: Shared, { terminal }: Shell): Promise<void> {
  const config = openConfig(file)
  const server = connectedServers(config).get(name)
  if (server === undefined) throw new Fault('FAULT_CONNECTION', `servers.${name} has no credential.connection`)
  await withRecords(config, terminal, async ({ store, seal, journal }) => {
    // First the deed: a journal that is away must not keep a connection alive.
    const isThere = await endConnection(server, principal, { store, seal, clock: terminal.clock })
    if (!isThere) throw new Fault('FAULT_CONNECTION', `${principal} has connected no account at ${name}`)
    await journal.write({ type: 'connection.closed', principal, resource: { kind: 'server', server: name, name }, by: operator() })
  })
  if (json === true) sayJson(terminal, { server: name, principal })
  else say(terminal, `the account of ${principal} at ${name} is not connected any more`)
}
