/** `portcullis clients`: OAuth clients that an operator knows. A secret is shown once, when it is made. */
import { readFileSync } from 'node:fs'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { isObject, type JsonObject } from '../core/json.ts'
import { visible } from '../core/visible.ts'
import type { Records } from '../guard/records.ts'
import {
  type ClientRecord,
  Clients,
  clientEntry,
  GRANTS,
  type GrantType,
  type IssuedClient,
  isRedirectUri,
  shortGrant,
} from '../oauth/clients.ts'
import { notesOnRoles, tellNotes } from './notes.ts'
import { openConfig, operator, withNewRecords, withRecords } from './open.ts'
import { examples, readRole, repeated, type Shared, type Shell, shared } from './shell.ts'
import { note, say, sayJson, type Terminal, table, when } from './terminal.ts'

/** As people write them. */
const GRANT_NAMES: ReadonlyMap<string, GrantType> = new Map(GRANTS.map((grant) => [shortGrant(grant), grant]))

interface AddOptions extends Shared {
  readonly id?: string
  readonly name: string
  readonly grant: readonly GrantType[]
  readonly redirectUri: readonly string[]
  readonly scope: readonly string[]
  readonly role: readonly string[]
  readonly introspects: readonly string[]
  readonly jwks?: JsonObject
  readonly certificateBound?: true
  readonly public?: true
}

export function addClients(program: Command, shell: Shell): void {
  const clients = program.command('clients')
  examples(
    clients,
    'portcullis clients add --name ci --grant client-credentials --scope files:read --role reader',
    'portcullis clients add --name desktop --grant authorization-code --grant refresh-token --redirect-uri http://127.0.0.1/callback --public',
    'portcullis clients list',
  )

  const grant = repeated(
    '--grant <grant>',
    `how it gets tokens: ${[...GRANT_NAMES.keys()].join(', ')} (repeatable)`,
    readGrant,
  ).makeOptionMandatory()
  const add = clients
    .command('add')
    .description('make a client; its secret is shown this once')
    .requiredOption('--name <name>', 'what people are shown', readName)
    .option('--id <id>', 'its client_id (default: a random one)')
    .addOption(grant)
    .addOption(repeated('--redirect-uri <uri>', 'where the answer of a sign-in goes (repeatable)', readRedirect))
    .addOption(
      repeated(
        '--scope <scope>',
        'a ceiling, patterns such as files:* too; also what makes a privileged scope reachable (repeatable)',
        readScope,
      ),
    )
    .addOption(repeated('--role <role>', 'what its own tokens may do (repeatable)', readRole))
    .addOption(
      repeated(
        '--introspects <resource>',
        'a server that it stands for: it may look at its tokens and exchange them (repeatable)',
        readResource,
      ),
    )
    .addOption(new Option('--jwks <file>', 'public keys with which it signs for itself, instead of a secret').argParser(readJwks))
    .option('--certificate-bound', 'its tokens work only over connections with the certificate that it shows (tls.clientCa)')
    .option('--public', 'it cannot keep a secret: PKCE alone protects it')
  examples(
    shared(add),
    'portcullis clients add --name ci --grant client-credentials --scope files:read --role reader',
    'portcullis clients add --name app --grant authorization-code --redirect-uri https://app.example.com/callback',
  )
  add.action((options: AddOptions) => addClient(options, shell))

  const list = clients.command('list').description('every configured client')
  examples(shared(list), 'portcullis clients list', 'portcullis clients list --json')
  list.action((options: Shared) => listClients(options, shell))

  const remove = clients.command('remove').description('end a client: it gets no token any more').argument('<id>', 'its client_id')
  examples(shared(remove), 'portcullis clients remove client-6f1c2a')
  remove.action((id: string, options: Shared) => removeClient(id, options, shell))
}

async function addClient(options: AddOptions, { terminal }: Shell): Promise<void> {
  const config = openConfig(options.config)
  await withNewRecords(config, terminal, async (records) => {
    const issued = await clientsOf(records, terminal).add({
      name: options.name,
      grants: [...new Set(options.grant)],
      redirectUris: options.redirectUri,
      roles: options.role,
      createdBy: operator(),
      ...(options.id === undefined ? {} : { id: options.id }),
      ...(options.scope.length === 0 ? {} : { scopes: options.scope }),
      ...(options.introspects.length === 0 ? {} : { introspects: options.introspects }),
      ...(options.jwks === undefined ? {} : { jwks: options.jwks }),
      ...(options.certificateBound === true ? { certificateBound: true } : {}),
      ...(options.public === true ? { isPublic: true } : {}),
    })
    // Written down before it is shown: a client whose making is not on record never gets its secret.
    await tell(records, 'client.created', issued.client)
    const notes = [
      ...notesOnRoles(options.role, config),
      ...(config.authentication.oauth === undefined ? ['authentication.oauth is not written, so no client gets a token here'] : []),
    ]
    show(issued, options, terminal, notes)
  })
}

async function listClients(options: Shared, { terminal }: Shell): Promise<void> {
  const clients = await withRecords(openConfig(options.config), terminal, (records) => clientsOf(records, terminal).list())
  if (options.json === true) return sayJson(terminal, clients.map(viewOf))
  if (clients.length === 0) return note(terminal, 'no configured clients; make one with "portcullis clients add"')
  const rows = clients.map((client) => [
    client.id,
    client.name,
    client.grants.map(shortGrant).join(' '),
    client.scopes?.join(' ') ?? '-',
    client.roles.join(' ') || '-',
    client.redirectUris.join(' ') || '-',
    when(client.createdAt),
  ])
  table(terminal, ['ID', 'NAME', 'GRANTS', 'SCOPES', 'ROLES', 'REDIRECT URIS', 'CREATED'], rows)
}

async function removeClient(id: string, options: Shared, { terminal }: Shell): Promise<void> {
  await withRecords(openConfig(options.config), terminal, async (records) => {
    // First the deed: a journal that is away must not keep a stolen client alive.
    const client = await clientsOf(records, terminal).remove(id)
    await tell(records, 'client.removed', client)
    if (options.json === true) sayJson(terminal, viewOf(client))
    else say(terminal, `client ${visible(client.id)} (${visible(client.name)}) is removed: it gets no token any more`)
  })
}

function show({ client, secret }: IssuedClient, { json }: Shared, terminal: Terminal, notes: readonly string[]): void {
  if (json === true) {
    sayJson(terminal, { ...viewOf(client), ...(secret === undefined ? {} : { client_secret: secret.reveal() }), notes })
    return
  }
  say(terminal, `client_id ${client.id}`)
  if (secret === undefined) note(terminal, client.jwks === undefined ? 'It has no secret.' : 'It signs for itself.')
  else {
    note(terminal, '\nIts secret is shown once:\n')
    say(terminal, `client_secret ${secret.reveal()}`)
  }
  tellNotes(terminal, notes)
}

/** Everything but the hash of its secret. */
function viewOf({ secretHash: _hash, ...view }: ClientRecord): Omit<ClientRecord, 'secretHash'> {
  return view
}

function clientsOf({ store }: Records, { clock }: Terminal): Clients {
  return new Clients(store, clock)
}

function tell({ journal }: Records, type: 'client.created' | 'client.removed', client: ClientRecord): Promise<void> {
  return journal.write(clientEntry(type, client, operator()))
}

function readGrant(text: string): GrantType {
  const grant = GRANT_NAMES.get(text.replaceAll('_', '-'))
  if (grant === undefined) throw new InvalidArgumentError(`Write one of ${[...GRANT_NAMES.keys()].join(', ')}.`)
  return grant
}

function readName(text: string): string {
  if (text.trim() === '' || text.length > 120) throw new InvalidArgumentError('Write 1 to 120 characters.')
  return text
}

function readRedirect(text: string): string {
  if (!isRedirectUri(text)) throw new InvalidArgumentError('Write https, or http to the loopback, without a fragment.')
  return text
}

function readScope(text: string): string {
  // RFC 6749 §3.3, scope-token.
  if (!/^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/.test(text)) throw new InvalidArgumentError('Write one scope such as files:read.')
  return text
}

function readResource(text: string): string {
  if (!URL.canParse(text)) throw new InvalidArgumentError('Write the URL of a server.')
  return text
}

function readJwks(file: string): JsonObject {
  try {
    const parsed: unknown = JSON.parse(readFileSync(file, 'utf8'))
    if (
      isObject(parsed) &&
      Array.isArray(parsed['keys']) &&
      parsed['keys'].every((key) => isObject(key) && key['d'] === undefined && key['k'] === undefined)
    )
      return parsed
  } catch {
    throw new InvalidArgumentError(`${file} cannot be read as JSON.`)
  }
  throw new InvalidArgumentError(`${file} must be a JSON Web Key Set of public keys.`)
}
