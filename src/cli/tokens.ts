/** `portcullis tokens`: made, looked at, revoked. A token comes by standard input, never on the command line, where others could read it. */
import type { Command } from 'commander'
import type { Config } from '../config/config.ts'
import { publicUrlOf } from '../config/public-url.ts'
import { Denial, Fault } from '../core/denial.ts'
import type { Entry } from '../core/event.ts'
import { createIds } from '../core/id.ts'
import { nameOf } from '../core/principal.ts'
import type { Records } from '../guard/records.ts'
import { isJwtLike, parseJwt, TOKEN_MAX_CHARS } from '../identity/jwt.ts'
import { Revocations, tokenDigest } from '../identity/revocation.ts'
import { type Tokens, tokensOf } from '../identity/tokens.ts'
import { SigningKeys } from '../oauth/keys.ts'
import { notesOnRoles, tellNotes } from './notes.ts'
import { openConfig, operator, withNewRecords, withRecords } from './open.ts'
import { examples, misuse, readRole, readSpan, repeated, type Shared, type Shell, shared } from './shell.ts'
import { note, say, sayJson, type Terminal, when } from './terminal.ts'

/** How long a token is remembered as revoked that does not say how long it lives: no issuer makes longer ones. */
const UNKNOWN_LIFE = '30d'

interface CreateOptions extends Shared {
  readonly subject: string
  readonly role: readonly string[]
  readonly scope: readonly string[]
  readonly server: readonly string[]
  readonly client?: string
}

export function addTokens(program: Command, shell: Shell): void {
  const tokens = program.command('tokens')
  examples(tokens, 'portcullis tokens create --subject ann --role user', 'portcullis tokens revoke < token.txt')

  const create = tokens
    .command('create')
    .description('make an access token and its refresh token (authentication.jwtSecret)')
    .requiredOption('--subject <name>', 'who it speaks for')
    .addOption(repeated('--role <role>', 'what it may do: a role of the configuration (repeatable)', readRole))
    .addOption(repeated('--scope <scope>', 'narrow it to this scope (repeatable)', String))
    .addOption(repeated('--server <name>', 'for this server alone (repeatable; default: every server)', String))
    .option('--client <client>', 'the program that will use it')
  examples(
    shared(create),
    'portcullis tokens create --subject ann --role user --server files',
    'portcullis tokens create --subject ci --json',
  )
  create.action((options: CreateOptions) => createTokens(options, shell))

  const verify = tokens
    .command('verify')
    .description('say whom a token of ours speaks for; it is read from standard input')
    .option('--server <name>', 'as this server would see it')
  examples(shared(verify), 'portcullis tokens verify --server files < token.txt')
  verify.action((options: Shared & { readonly server?: string }) => verifyToken(options, shell))

  const revoke = tokens
    .command('revoke')
    .description('end a token, whoever issued it, from its next call on; it is read from standard input')
    .option('--remember <span>', 'how long to remember one that does not say until when it lives', readSpan, readSpan(UNKNOWN_LIFE))
  examples(shared(revoke), 'portcullis tokens revoke < token.txt')
  revoke.action((options: Shared & { readonly remember: number }) => revokeToken(options, shell))

  const rotate = tokens
    .command('rotate-keys')
    .description('give the embedded authorization server a new signing key; the one before is published for the overlap')
    .option('--overlap <span>', 'how long both are published (default: as long as an access token lives, which is the least)', readSpan)
  examples(shared(rotate), 'portcullis tokens rotate-keys', 'portcullis tokens rotate-keys --overlap 1h')
  rotate.action((options: Shared & { readonly overlap?: number }) => rotateKeys(options, shell))
}

function openTokens(config: Config, { store }: Records, { clock }: Terminal): Tokens | undefined {
  const secret = config.authentication.jwtSecret
  return secret === undefined ? undefined : tokensOf(publicUrlOf(config), { secret, store, clock, newId: createIds(clock) })
}

function mustHave(tokens: Tokens | undefined, config: Config): Tokens {
  if (tokens !== undefined) return tokens
  throw new Fault(
    'FAULT_CONFIG',
    `${config.file ?? 'the configuration'}: authentication.jwtSecret is not set, so there are no tokens of ours`,
  )
}

function identifierOf(config: Config, server: string): string {
  if (Object.hasOwn(config.servers, server)) return `${publicUrlOf(config)}/mcp/${server}`
  throw misuse(`there is no server ${server} in the configuration`)
}

async function createTokens(options: CreateOptions, { terminal }: Shell): Promise<void> {
  const config = openConfig(options.config)
  const { subject, role, scope, server, client } = options
  const audience = server.map((name) => identifierOf(config, name))
  await withNewRecords(config, terminal, async (records) => {
    const tokens = mustHave(openTokens(config, records, terminal), config)
    const issued = await tokens.createTokens({
      subject,
      roles: role,
      ...(scope.length === 0 ? {} : { scopes: scope }),
      ...(audience.length === 0 ? {} : { audience }),
      ...(client === undefined ? {} : { client }),
    })
    const principal = nameOf({ issuer: tokens.rules.issuer, subject })
    await tell(records, { type: 'token.created', principal, roles: role, detail: `expires ${when(issued.expiresAt)}` })
    const notes = notesOnRoles(role, config)
    if (options.json === true) {
      sayJson(terminal, { ...issued, notes })
      return
    }
    note(terminal, `access token until ${when(issued.expiresAt)}:\n`)
    say(terminal, issued.accessToken)
    note(terminal, `\nrefresh token until ${when(issued.refreshExpiresAt)}, good for one use:\n`)
    say(terminal, issued.refreshToken)
    tellNotes(terminal, notes)
  })
}

async function verifyToken(options: Shared & { readonly server?: string }, { terminal }: Shell): Promise<void> {
  const config = openConfig(options.config)
  const audience = options.server === undefined ? undefined : identifierOf(config, options.server)
  const text = await readToken(terminal)
  await withRecords(config, terminal, async (records) => {
    const principal = await mustHave(openTokens(config, records, terminal), config).verifyToken(text, audience)
    const { issuer, subject, roles, scopes } = principal
    if (options.json === true) sayJson(terminal, { issuer, subject, roles, ...(scopes === undefined ? {} : { scopes }) })
    else
      say(
        terminal,
        `${nameOf(principal)}, roles: ${roles.join(' ') || '-'}${scopes === undefined ? '' : `, scopes: ${scopes.join(' ') || '-'}`}`,
      )
  })
}

async function revokeToken(options: Shared & { readonly remember: number }, { terminal }: Shell): Promise<void> {
  const config = openConfig(options.config)
  const text = await readToken(terminal)
  await withNewRecords(config, terminal, async (records) => {
    const tokens = openTokens(config, records, terminal)
    const issuer = isJwtLike(text) ? parseJwt(text).payload['iss'] : undefined
    // First the deed: a journal that is away must not keep a stolen token alive.
    if (tokens !== undefined && issuer === tokens.rules.issuer) await tokens.revokeToken(text)
    else await new Revocations(records.store, terminal.clock).revoke(tokenDigest(text), endOf(text, terminal.clock() + options.remember))
    const digest = tokenDigest(text)
    await tell(records, { type: 'token.revoked', detail: `digest ${digest}` })
    if (options.json === true) sayJson(terminal, { digest })
    else say(terminal, 'the token is revoked: its next call is refused, on every process')
  })
}

async function rotateKeys(options: Shared & { readonly overlap?: number }, { terminal }: Shell): Promise<void> {
  const config = openConfig(options.config)
  const { oauth } = config.authentication
  if (oauth === undefined) throw new Fault('FAULT_CONFIG', 'authentication.oauth is not set, so there are no signing keys')
  await withNewRecords(config, terminal, async (records) => {
    const { store, seal } = records
    const keys = new SigningKeys({ store, clock: terminal.clock, seal, algorithm: 'ES256' })
    // A token that was signed a moment ago must be verified to its end.
    const { kid, signsFrom } = await keys.rotate(Math.max(options.overlap ?? 0, oauth.accessTokenMs))
    await tell(records, { type: 'oauth.keys_rotated', detail: `key ${kid}` })
    if (options.json === true) sayJson(terminal, { kid, signsFrom })
    else say(terminal, `key ${kid} is published and signs from ${when(signsFrom)} on`)
  })
}

/** What a token says of its life is not verified here: it is believed only where it makes us remember for less than the most. */
function endOf(text: string, most: number): number {
  const exp = isJwtLike(text) ? parseJwt(text).payload['exp'] : undefined
  return typeof exp === 'number' && Number.isSafeInteger(exp) ? Math.min(exp * 1_000, most) : most
}

/** The first word of standard input; a file ends in a line feed. */
async function readToken({ input }: Terminal): Promise<string> {
  let text = ''
  for await (const chunk of input) {
    text += String(chunk)
    if (text.length > TOKEN_MAX_CHARS + 16) throw new Denial('too_large', { detail: 'this is too long for a token' })
  }
  const token = text.trim()
  if (token === '' || /\s/.test(token)) throw misuse('write one token to standard input')
  return token
}

function tell({ journal }: Records, entry: Entry): Promise<void> {
  return journal.write({ ...entry, by: operator() })
}
