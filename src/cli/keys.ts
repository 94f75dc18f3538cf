/** `portcullis keys`: made, listed, rotated, revoked. A key is shown once, when it is made. */
import { type Command, InvalidArgumentError } from 'commander'
import type { Config } from '../config/config.ts'
import { keyLife } from '../config/schema.ts'
import type { Pattern } from '../core/pattern.ts'
import { visible } from '../core/visible.ts'
import type { IssuedKey } from '../identity/api-key.ts'
import { type KeyView, keyEntry } from '../identity/key-record.ts'
import { isKeyId } from '../identity/key-text.ts'
import { addRotateDue } from './keys-due.ts'
import { notesOnAllow, notesOnRoles, tellNotes } from './notes.ts'
import { openConfig, operator, withNewRecords, withRecords } from './open.ts'
import { examples, misuse, readAllow, readRole, readSpan, repeated, type Shared, type Shell, shared } from './shell.ts'
import { type Cell, howLong, note, say, sayJson, type Terminal, table, when } from './terminal.ts'

const OVERLAP = '24h'

interface CreateOptions extends Shared {
  readonly name: string
  readonly owner?: string
  readonly role: readonly string[]
  readonly allow: readonly Pattern[]
  readonly expires?: number
}

export function addKeys(program: Command, shell: Shell): void {
  const keys = program.command('keys')
  examples(
    keys,
    'portcullis keys create --name ci --role reader',
    'portcullis keys list',
    'portcullis keys rotate 4fQ0aZ81bYtR --overlap 24h',
  )

  const create = keys
    .command('create')
    .description('make a key; its text is shown this once')
    .requiredOption('--name <name>', 'what it is for', readName)
    .option('--owner <owner>', 'who answers for it', readName)
    .addOption(repeated('--role <role>', 'what it may do: a role of the configuration (repeatable)', readRole))
    .addOption(repeated('--allow <pattern>', 'narrow it to these tools, prompts and URIs (repeatable)', readAllow))
    .option('--expires <span>', 'how long it lives (default: authentication.apiKeys.expires, 90d)', readLife)
  examples(
    shared(create),
    "portcullis keys create --name ci --role reader --allow 'files/read_*' --expires 30d",
    'portcullis keys create --name ci --role reader --json',
  )
  create.action((options: CreateOptions) => createKey(options, shell))

  const list = keys.command('list').description('every key: what it may do, until when, how it was used')
  examples(shared(list), 'portcullis keys list', 'portcullis keys list --json')
  list.action((options: Shared) => listKeys(options, shell))

  const rotate = keys
    .command('rotate')
    .description('give a key a new secret and a new life; the old secret works during the overlap')
    .argument('<id>', 'id of the key', readId)
    .option(
      '--overlap <span>',
      'how long both secrets work; 0s ends the old one at once; one that is older ends in any case',
      readSpan,
      readSpan(OVERLAP),
    )
  examples(shared(rotate), 'portcullis keys rotate 4fQ0aZ81bYtR', 'portcullis keys rotate 4fQ0aZ81bYtR --overlap 0s')
  rotate.action((id: string, options: Shared & { readonly overlap: number }) => rotateKey(id, options, shell))

  addRotateDue(keys, shell)

  const revoke = keys.command('revoke').description('end a key for good, from its next call on').argument('<id>', 'id of the key', readId)
  examples(shared(revoke), 'portcullis keys revoke 4fQ0aZ81bYtR')
  revoke.action((id: string, options: Shared) => revokeKey(id, options, shell))
}

async function createKey(options: CreateOptions, { terminal }: Shell): Promise<void> {
  const config = openConfig(options.config)
  await withNewRecords(config, terminal, async (records) => {
    const issued = await records.keys.create({
      name: options.name,
      ...(options.owner === undefined ? {} : { owner: options.owner }),
      roles: options.role,
      allow: options.allow,
      ...(options.expires === undefined ? {} : { expiresMs: options.expires }),
      createdBy: operator(),
    })
    // Written down before it is shown: a key whose making is not on record is never handed out.
    await records.journal.write(keyEntry('key.created', issued.key, operator()))
    const notes = notesOn(issued.key, options, config)
    show(issued, options, terminal, { notes })
    if (options.json !== true) tellNotes(terminal, notes)
  })
}

function show(
  { key, text }: IssuedKey,
  { json }: Shared,
  terminal: Terminal,
  beside: { readonly notes?: readonly string[]; readonly endedOverlap?: number } = {},
): void {
  if (json === true) {
    sayJson(terminal, { key: text.reveal(), ...key, ...beside })
    return
  }
  note(terminal, `key ${key.id} (${visible(key.name)}), until ${when(key.expiresAt)}. This is shown once:\n`)
  say(terminal, text.reveal())
  note(
    terminal,
    '\nPresent it as "X-API-Key: <key>" or "Authorization: Bearer <key>"; for portcullis run, put it into the environment as MCP_API_KEY.',
  )
}

function notesOn({ id, roles }: KeyView, { allow }: CreateOptions, config: Config): readonly string[] {
  const none = `it has no role and no allow-list, so it may do only what a policy permits to Principal::"key#${id}"`
  return [...notesOnRoles(roles, config), ...notesOnAllow(allow, config), ...(roles.length === 0 ? [none] : [])]
}

async function listKeys(options: Shared, { terminal }: Shell): Promise<void> {
  const keys = await withRecords(openConfig(options.config), terminal, ({ keys }) => keys.list())
  if (options.json === true) {
    sayJson(terminal, keys)
    return
  }
  if (keys.length === 0) {
    note(terminal, 'no keys yet; make one with "portcullis keys create --name NAME --role ROLE"')
    return
  }
  const now = terminal.clock()
  const header = ['ID', 'NAME', 'OWNER', 'ROLES', 'ALLOW', 'STATUS', 'EXPIRES', 'LAST USED', 'USES']
  table(
    terminal,
    header,
    keys.map((key) => rowOf(key, now)),
  )
}

function rowOf(key: KeyView, now: number): readonly Cell[] {
  const left = key.status === 'active' ? `in ${howLong(key.expiresAt - now)}` : when(key.expiresAt)
  const used = key.lastUsedAt === undefined ? 'never' : `${howLong(now - key.lastUsedAt)} ago`
  const status: Cell = {
    text: key.overlapUntil === undefined ? key.status : `${key.status}, overlap`,
    style: key.status === 'active' ? 'green' : 'red',
  }
  return [key.id, key.name, key.owner ?? '-', key.roles.join(' ') || '-', key.allow?.join(' ') ?? '-', status, left, used, String(key.uses)]
}

async function rotateKey(id: string, options: Shared & { readonly overlap: number }, { terminal }: Shell): Promise<void> {
  await withRecords(openConfig(options.config), terminal, async (records) => {
    const issued = await records.keys.rotate(id, options.overlap)
    await records.journal.write(keyEntry('key.rotated', issued.key, operator()))
    const { endedOverlap } = issued
    show(issued, options, terminal, endedOverlap === undefined ? {} : { endedOverlap })
    if (options.json === true) return
    const { overlapUntil } = issued.key
    note(
      terminal,
      overlapUntil === undefined
        ? 'The secret before it is refused from now on.'
        : `The secret before it works until ${when(overlapUntil)}.`,
    )
    if (endedOverlap !== undefined)
      note(terminal, `The one before that, which was to work until ${when(endedOverlap)}, is refused from now on: only two work at a time.`)
  })
}

async function revokeKey(id: string, options: Shared, { terminal }: Shell): Promise<void> {
  await withRecords(openConfig(options.config), terminal, async (records) => {
    // First the deed: a journal that is away must not keep a stolen key alive.
    const key = await records.keys.revoke(id)
    await records.journal.write(keyEntry('key.revoked', key, operator()))
    if (options.json === true) sayJson(terminal, key)
    else say(terminal, `key ${key.id} (${visible(key.name)}) is revoked: its next call is refused, on every process`)
  })
}

function readName(text: string): string {
  if (text.trim() === '' || text.length > 128) throw new InvalidArgumentError('Write 1 to 128 characters.')
  return text
}

/** Within what the configuration may say of every key. */
function readLife(text: string): number {
  const read = keyLife.safeParse(text)
  if (!read.success) throw new InvalidArgumentError(`It is ${read.error.issues[0]?.message ?? 'no span'}.`)
  return read.data
}

function readId(text: string): string {
  if (isKeyId(text)) return text
  // Perhaps a whole key was pasted: commander would repeat what it was given, so this mistake is told by ourselves.
  if (/_[0-9A-Za-z]{12}_/.test(text)) throw misuse('this is a whole key; give its id alone, the 12 characters behind the first "_"')
  throw new InvalidArgumentError('An id has 12 letters and digits.')
}
