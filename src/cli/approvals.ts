/** `portcullis approvals`: what waits for a person, and an operator's yes or no to it. */
import { userInfo } from 'node:os'
import { type Command, InvalidArgumentError } from 'commander'
import type { Approvals } from '../approval/approvals.ts'
import type { Approval, Word } from '../approval/record.ts'
import { visibleJson } from '../approval/shown.ts'
import { Fault } from '../core/denial.ts'
import { visible } from '../core/visible.ts'
import { openConfig, operator, withRecords } from './open.ts'
import { examples, type Shared, type Shell, shared } from './shell.ts'
import { type Cell, howLong, note, say, sayJson, type Terminal, table, when } from './terminal.ts'

/** Fewer could be those of another one that is made next. */
const BEGINNING_MIN = 4

export function addApprovals(program: Command, shell: Shell): void {
  const approvals = program.command('approvals')
  examples(
    approvals,
    'portcullis approvals list',
    'portcullis approvals show 0199a3c2',
    'portcullis approvals approve 0199a3c2-5f1e-7c44-9b1d-2f6a5e8c7d10',
    'portcullis approvals deny 0199a3c2-5f1e-7c44-9b1d-2f6a5e8c7d10',
  )
  const list = approvals.command('list').description('what waits, and what was said of it')
  examples(shared(list), 'portcullis approvals list --json')
  list.action((options: Shared) => listAll(options, shell))

  const id = ['<id>', 'the approval, or how its id begins where no other does'] as const
  const show = approvals
    .command('show')
    .description('one of them, with all its arguments')
    .argument(...id, readId)
  examples(shared(show), 'portcullis approvals show 0199a3c2')
  show.action((which: string, options: Shared) => showOne(which, options, shell))

  const approve = approvals
    .command('approve')
    .description('let the call be made, once; you say so as the operator whose account this is')
    .argument(...id, readId)
  examples(shared(approve), 'portcullis approvals approve 0199a3c2')
  approve.action((which: string, options: Shared) => settle(which, 'approve', options, shell))

  const deny = approvals
    .command('deny')
    .description('let the call not be made')
    .argument(...id, readId)
  examples(shared(deny), 'portcullis approvals deny 0199a3c2')
  deny.action((which: string, options: Shared) => settle(which, 'deny', options, shell))
}

async function listAll(options: Shared, { terminal }: Shell): Promise<void> {
  const found = await withRecords(openConfig(options.config), terminal, ({ approvals }) => approvals.list())
  if (options.json === true) return sayJson(terminal, found.map(viewOf))
  if (found.length === 0) return note(terminal, 'nothing waits for anybody')
  const now = terminal.clock()
  table(
    terminal,
    ['ID', 'WHO ASKS', 'WHAT', 'STATE', 'LEFT'],
    found.map((approval) => rowOf(approval, now)),
  )
}

function rowOf({ id, principal, resource, status, needs, words, expiresAt }: Approval, now: number): readonly Cell[] {
  const style = status === 'approved' ? 'green' : status === 'denied' ? 'red' : 'yellow'
  const state = needs > 1 && status === 'pending' ? `${status} ${words.length}/${needs}` : status
  return [id, principal, `${resource.server}/${resource.name}`, { text: state, style }, howLong(expiresAt - now)]
}

async function showOne(which: string, options: Shared, { terminal }: Shell): Promise<void> {
  const approval = await withRecords(openConfig(options.config), terminal, ({ approvals }) => findOne(approvals, which))
  if (options.json === true) return sayJson(terminal, viewOf(approval))
  showWhole(approval, terminal)
}

function showWhole(approval: Approval, terminal: Terminal): void {
  const { id, principal, people, client, address, method, resource, policies, definition, status, words, needs, createdAt, expiresAt } =
    approval
  const rows: readonly (readonly [string, string])[] = [
    ['approval', id],
    ['who asks', [principal, ...people.slice(1)].join(', of ')],
    ...(address === undefined ? [] : [['from', address] as const]),
    ...(client === undefined ? [] : [['application', client] as const]),
    ['what', `${method} ${resource.server}/${resource.name}`],
    ...(definition === '' ? [] : [['defined as', definition] as const]),
    ['because of', policies.join(', ')],
    ['state', needs > 1 ? `${status}, ${words.length} of ${needs}` : status],
    ...words.map(({ by, says, at }) => [says === 'approve' ? 'yes' : 'no', `${by}, ${when(at)}`] as const),
    ['asked', when(createdAt)],
    ['until', when(expiresAt)],
  ]
  for (const [name, value] of rows) say(terminal, `${name.padEnd(12)}${visible(value)}`)
  say(terminal, 'arguments')
  for (const line of visibleJson(approval.arguments).split('\n')) say(terminal, `  ${line}`)
  if (approval.besides === undefined) return
  say(terminal, 'beside the arguments')
  for (const line of visibleJson(approval.besides).split('\n')) say(terminal, `  ${line}`)
}

async function settle(which: string, says: Word['says'], options: Shared, { terminal }: Shell): Promise<void> {
  const approval = await withRecords(openConfig(options.config), terminal, async ({ approvals }) => {
    const { id } = await findOne(approvals, which)
    return approvals.settle(id, says, { name: operator(), subject: userInfo().username })
  })
  if (options.json === true) return sayJson(terminal, viewOf(approval))
  const { id, status, words, needs } = approval
  say(terminal, status === 'pending' ? `${id}: ${words.length} of ${needs}; somebody else must approve it too` : `${id}: ${status}`)
}

/** @throws Fault `FAULT_APPROVAL` where it is none, or more than one. */
async function findOne(approvals: Approvals, which: string): Promise<Approval> {
  const found = (await approvals.list()).filter(({ id }) => id.startsWith(which))
  const [only] = found
  if (only !== undefined && found.length === 1) return only
  const why = only === undefined ? 'there is no such approval, or its time is over' : 'several begin so'
  throw new Fault('FAULT_APPROVAL', `${which}: ${why}`)
}

/** Instants as the journal has them: milliseconds since the epoch. */
function viewOf({ people: _people, ...view }: Approval): Omit<Approval, 'people'> {
  return view
}

function readId(text: string): string {
  if (text.length < BEGINNING_MIN || !/^[0-9a-f-]{1,36}$/.test(text))
    throw new InvalidArgumentError(
      `Write an id as "portcullis approvals list" shows it, or at least ${BEGINNING_MIN} of its first letters.`,
    )
  return text
}
