/** `portcullis policy matrix`: who may call what, as a text that can be reviewed and compared. */
import type { Command } from 'commander'
import type { Config } from '../config/config.ts'
import type { Resource } from '../core/call.ts'
import type { Decision } from '../core/decision.ts'
import { parsePattern } from '../core/pattern.ts'
import { nameOf, type Principal, SERVICE_ROLE } from '../core/principal.ts'
import { anonymousPrincipal } from '../identity/authenticate.ts'
import { principalOf } from '../identity/key-record.ts'
import type { Engine } from '../policy/engine.ts'
import { queryOf, remedyText, rolePrincipal } from '../policy/question.ts'
import { openLaw } from './law.ts'
import { openConfig, withRecords } from './open.ts'
import { examples, readTool, repeated, type Shared, type Shell, shared } from './shell.ts'
import { type Cell, note, sayJson, type Terminal, table } from './terminal.ts'

interface Options extends Shared {
  readonly tool: readonly string[]
  readonly keys?: true
}

interface Asker {
  readonly label: string
  readonly principal: Principal
}

export function addMatrix(policy: Command, shell: Shell): void {
  const command = policy
    .command('matrix')
    .description(
      'who may call which tool: the roles of "access", anonymous callers, keys with an allow-list alone (that names the tool), and keys',
    )
    .addOption(
      repeated('--tool <server/tool>', 'a tool to ask about, beside those that "access" and the policies name (repeatable)', readTool),
    )
    .option('--keys', 'also every active key')
  examples(
    shared(command),
    'portcullis policy matrix',
    'portcullis policy matrix --keys --tool files/delete_file',
    'portcullis policy matrix > matrix.txt',
  )
  command.action((options: Options) => matrix(options, shell))
}

async function matrix(options: Options, { terminal }: Shell): Promise<void> {
  const config = openConfig(options.config)
  const law = openLaw(config, terminal)
  const askers = [...rolesOf(config), ...(options.keys === true ? await keysOf(config, terminal) : [])]
  const tools = toolsOf(config, law, options.tool)
  const rows = tools.map((tool) => ({
    tool: `${tool.server}/${tool.name}`,
    decisions: askers.map(({ principal }) => decide(law, principal, tool)),
  }))
  if (options.json === true) {
    const answers = rows.flatMap(({ tool, decisions }) =>
      decisions.map((decision, index) => ({ as: askers[index]?.label, tool, ...decision })),
    )
    sayJson(terminal, answers)
    return
  }
  if (rows.length === 0) note(terminal, 'neither "access" nor a policy names a tool; name one with --tool server/tool')
  else
    table(
      terminal,
      ['TOOL', ...askers.map(({ label }) => label)],
      rows.map(({ tool, decisions }) => [tool, ...decisions.map(cellOf)]),
    )
}

/** A key that was made without a role, and with an allow-list of everything: as far as any of that kind reaches. */
const ALLOWED = principalOf({ id: 'allow-list', name: '', roles: [SERVICE_ROLE], allow: ['*'] })

function rolesOf(config: Config): readonly Asker[] {
  const roles = Object.keys(config.access.roles).map((role) => ({ label: role, principal: rolePrincipal(role) }))
  const { anonymous } = config.authentication
  const nobody = anonymous === undefined ? [] : [{ label: '(anonymous)', principal: anonymousPrincipal(anonymous.roles) }]
  return [...nobody, ...roles, { label: '(allow-list)', principal: ALLOWED }]
}

function keysOf(config: Config, terminal: Terminal): Promise<readonly Asker[]> {
  return withRecords(config, terminal, async ({ keys }) => {
    const active = (await keys.list()).filter((key) => key.status === 'active')
    return active.map((key) => ({ label: `${nameOf(principalOf(key))} (${key.name})`, principal: principalOf(key) }))
  })
}

/**
 * The tools that are spoken of. A pattern stands for the tools that only it matches:
 * `files/read_*` is asked about as a tool of that very name.
 */
function toolsOf(config: Config, law: Engine, asked: readonly string[]): readonly Resource[] {
  const servers = Object.keys(config.servers)
  const names = new Set<string>()
  for (const text of [...Object.keys(config.access.tools), ...asked]) {
    const pattern = parsePattern(text)
    if (pattern === undefined) continue
    const on = pattern.server === undefined ? servers : [pattern.server]
    for (const server of on) names.add(`${server}/${pattern.name}`)
  }
  for (const [, name] of law.describe().matchAll(/\bTool::"([^"\\/]+\/[^"\\]+)"/g)) if (name !== undefined) names.add(name)
  return [...names].sort().map((name) => {
    const slash = name.indexOf('/')
    return { kind: 'tool', server: name.slice(0, slash), name: name.slice(slash + 1) }
  })
}

function decide(law: Engine, principal: Principal, resource: Resource): Decision {
  return law.decide(queryOf(principal, resource, {}))
}

function cellOf({ effect, remedies }: Decision): Cell {
  if (effect === 'permit') return { text: '✔', style: 'green' }
  if (remedies.length > 0) return { text: remedies.map(remedyText).join(', '), style: 'yellow' }
  return { text: '✘', style: 'red' }
}
