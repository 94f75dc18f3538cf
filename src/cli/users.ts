/** `portcullis users`: the people who sign in here. A password that is made is shown once. */
import { createInterface } from 'node:readline'
import { type Command, InvalidArgumentError } from 'commander'
import { ADMIN_ROLE } from '../config/admin.ts'
import type { Config } from '../config/config.ts'
import { Secret } from '../core/secret.ts'
import type { Records } from '../guard/records.ts'
import { Accounts, randomPassword, type UserView, userEntry } from '../oauth/accounts.ts'
import { notesOnRoles, tellNotes } from './notes.ts'
import { openConfig, operator, withNewRecords, withRecords } from './open.ts'
import { examples, misuse, readRole, repeated, type Shared, type Shell, shared } from './shell.ts'
import { note, say, sayJson, type Terminal, table, when } from './terminal.ts'

interface PasswordOptions extends Shared {
  readonly passwordStdin?: true
}

interface RoleOptions extends Shared {
  readonly role: readonly string[]
}

interface RolesOptions extends RoleOptions {
  readonly none?: true
}

const STDIN = 'read the password from standard input (default: make one, and show it once)'

export function addUsers(program: Command, shell: Shell): void {
  const users = program.command('users')
  examples(users, 'portcullis users add alice --role user', 'portcullis users list', 'portcullis users disable alice')

  const add = users
    .command('add')
    .description('make a user')
    .argument('<name>', 'lower case; it is the subject of their tokens', readUserName)
    .addOption(repeated('--role <role>', 'what they may do: a role of the configuration (repeatable)', readRole))
    .option('--password-stdin', STDIN)
  examples(shared(add), 'portcullis users add alice --role user', 'portcullis users add alice --role user --password-stdin < password.txt')
  add.action((name: string, options: RoleOptions & PasswordOptions) => addUser(name, options, shell))

  const list = users.command('list').description('every user: what they may do, and whether they may sign in')
  examples(shared(list), 'portcullis users list --json')
  list.action((options: Shared) => listUsers(options, shell))

  const passwd = users
    .command('passwd')
    .description('give a user a new password')
    .argument('<name>', 'the user', readUserName)
    .option('--password-stdin', STDIN)
  examples(shared(passwd), 'portcullis users passwd alice')
  passwd.action((name: string, options: PasswordOptions) => changePassword(name, options, shell))

  const roles = users
    .command('roles')
    .description('say anew what a user may do; it counts from their next token on')
    .argument('<name>', 'the user', readUserName)
    .addOption(repeated('--role <role>', 'a role of the configuration (repeatable)', readRole))
    .option('--none', 'take all roles away')
  examples(shared(roles), 'portcullis users roles alice --role user --role admin', 'portcullis users roles alice --none')
  roles.action((name: string, options: RolesOptions) => setRoles(name, options, shell))

  const disable = users
    .command('disable')
    .description('let a user in no more; tokens they hold end within accessToken')
    .argument('<name>', 'the user', readUserName)
  examples(shared(disable), 'portcullis users disable alice')
  disable.action((name: string, options: Shared) =>
    change(name, options, shell, 'disabled', (accounts) => accounts.setStatus(name, 'disabled')),
  )

  const enable = users.command('enable').description('let a user in again').argument('<name>', 'the user', readUserName)
  examples(shared(enable), 'portcullis users enable alice')
  enable.action((name: string, options: Shared) =>
    change(name, options, shell, 'enabled', (accounts) => accounts.setStatus(name, 'active')),
  )
}

async function addUser(name: string, options: RoleOptions & PasswordOptions, { terminal }: Shell): Promise<void> {
  const { password, isMade } = await passwordFrom(options, terminal)
  const config = openConfig(options.config)
  await withNewRecords(config, terminal, async (records) => {
    const user = await accountsOf(records, terminal).add(name, password, options.role)
    // Written down before it is shown: a user whose making is not on record never gets their password.
    await tell(records, 'user.created', user, `roles ${user.roles.join(' ') || '-'}`)
    const notes = notesOn(user, config)
    show(user, isMade ? password : undefined, options, terminal, { notes })
    if (options.json !== true) tellNotes(terminal, notes)
  })
}

async function changePassword(name: string, options: PasswordOptions, { terminal }: Shell): Promise<void> {
  const { password, isMade } = await passwordFrom(options, terminal)
  await withRecords(openConfig(options.config), terminal, async (records) => {
    const user = await accountsOf(records, terminal).setPassword(name, password)
    await tell(records, 'user.changed', user, 'password')
    show(user, isMade ? password : undefined, options, terminal)
  })
}

async function listUsers(options: Shared, { terminal }: Shell): Promise<void> {
  const users = await withRecords(openConfig(options.config), terminal, (records) => accountsOf(records, terminal).list())
  if (options.json === true) return sayJson(terminal, users)
  if (users.length === 0) return note(terminal, 'no users yet; make one with "portcullis users add NAME --role ROLE"')
  const rows = users.map((user) => [
    user.name,
    user.roles.join(' ') || '-',
    { text: user.status, style: user.status === 'active' ? ('green' as const) : ('red' as const) },
    when(user.createdAt),
    when(user.passwordChangedAt),
  ])
  table(terminal, ['NAME', 'ROLES', 'STATUS', 'CREATED', 'PASSWORD SET'], rows)
}

async function setRoles(name: string, options: RolesOptions, shell: Shell): Promise<void> {
  if (options.role.length > 0 === (options.none === true))
    throw misuse('Name the roles that they have from now on with --role, or take all away with --none.')
  await change(name, options, shell, 'roles', (accounts) => accounts.setRoles(name, options.role))
}

async function change(
  name: string,
  options: Shared,
  { terminal }: Shell,
  what: string,
  act: (accounts: Accounts) => Promise<UserView>,
): Promise<void> {
  const config = openConfig(options.config)
  await withRecords(config, terminal, async (records) => {
    // First the deed: a journal that is away must not keep somebody in.
    const user = await act(accountsOf(records, terminal))
    await tell(records, 'user.changed', user, what === 'roles' ? `roles ${user.roles.join(' ') || '-'}` : what)
    const notes = what === 'disabled' ? [] : notesOn(user, config)
    if (options.json === true) return sayJson(terminal, { ...user, notes })
    say(terminal, `user ${name}: ${user.status}, roles ${user.roles.join(' ') || '-'}`)
    tellNotes(terminal, notes)
  })
}

function notesOn({ roles }: UserView, config: Config): readonly string[] {
  const { authentication, admin, approval } = config
  const isLetIn = admin !== undefined || authentication.oauth?.users === 'local'
  return [
    ...notesOnRoles(roles, config, [ADMIN_ROLE, ...approval.approvers]),
    ...(isLetIn ? [] : ['there is nowhere to sign in: neither authentication.oauth (with users: local) nor admin is written']),
  ]
}

function show(
  user: UserView,
  password: Secret | undefined,
  { json }: Shared,
  terminal: Terminal,
  beside: { readonly notes?: readonly string[] } = {},
): void {
  if (json === true) {
    sayJson(terminal, { ...user, ...(password === undefined ? {} : { password: password.reveal() }), ...beside })
    return
  }
  if (password === undefined) {
    say(terminal, `user ${user.name} has the password that was given`)
    return
  }
  note(terminal, `password of ${user.name}. This is shown once:\n`)
  say(terminal, password.reveal())
}

async function passwordFrom(
  { passwordStdin }: PasswordOptions,
  terminal: Terminal,
): Promise<{ readonly password: Secret; readonly isMade: boolean }> {
  if (passwordStdin !== true) return { password: new Secret(randomPassword()), isMade: true }
  const lines = createInterface({ input: terminal.input })
  for await (const line of lines) {
    lines.close()
    return { password: new Secret(line), isMade: false }
  }
  throw new InvalidArgumentError('Standard input has no line.')
}

function accountsOf({ store }: Records, { clock }: Terminal): Accounts {
  return new Accounts(store, clock)
}

function tell({ journal }: Records, type: 'user.created' | 'user.changed', user: UserView, detail: string): Promise<void> {
  return journal.write(userEntry(type, user, detail, operator()))
}

function readUserName(text: string): string {
  if (!/^[a-z0-9][a-z0-9._@-]{0,63}$/.test(text))
    throw new InvalidArgumentError('Write a name in lower case: letters, digits, ".", "_", "@" and "-".')
  return text
}
