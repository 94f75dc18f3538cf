/** `portcullis policy`: the law as it stands, and what it would say. */
import { type Command, InvalidArgumentError } from 'commander'
import type { Config } from '../config/config.ts'
import { DEFAULT_FILE, placeDoubts } from '../config/load.ts'
import type { Resource } from '../core/call.ts'
import type { Query } from '../core/decision.ts'
import { Fault } from '../core/denial.ts'
import { OF_FLOW } from '../core/finding.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import { nameOf, type Principal } from '../core/principal.ts'
import { visible } from '../core/visible.ts'
import { doubtfulPolicies } from '../guard/law.ts'
import { anonymousPrincipal } from '../identity/authenticate.ts'
import { principalOf } from '../identity/key-record.ts'
import { isKeyId } from '../identity/key-text.ts'
import type { Explanation } from '../policy/engine.ts'
import { queryOf, remedyText, rolePrincipal } from '../policy/question.ts'
import { openLaw } from './law.ts'
import { addMatrix } from './matrix.ts'
import { openConfig, withRecords } from './open.ts'
import { addReplay } from './replay.ts'
import { examples, misuse, readRole, type Shared, type Shell, shared } from './shell.ts'
import { EXIT, say, sayJson, styled, type Terminal } from './terminal.ts'
import { tellWarnings } from './warnings.ts'

interface ExplainOptions extends Shared {
  readonly as: Asker
  readonly tool?: Resource
  readonly prompt?: Resource
  readonly resource?: Resource
  readonly args: JsonObject
  readonly after?: readonly string[]
}

/** Who `--as` names. */
type Asker =
  | { readonly kind: 'key'; readonly id: string }
  | { readonly kind: 'role'; readonly role: string }
  | { readonly kind: 'anonymous' }

export function addPolicy(program: Command, shell: Shell): void {
  const policy = program.command('policy')
  examples(
    policy,
    'portcullis policy show',
    'portcullis policy explain --as role:reader --tool files/write_file',
    'portcullis policy matrix',
  )

  const show = policy.command('show').description('print the law as it is written, as Cedar: what "access" became, and every policy file')
  examples(shared(show), 'portcullis policy show')
  show.action((options: Shared) => showLaw(options, shell))

  const check = policy.command('check').description('validate "access" and the policy files')
  examples(shared(check), 'portcullis policy check')
  check.action((options: Shared) => checkLaw(options, shell))

  const explain = policy
    .command('explain')
    .description('ask the law one question: decision, policies, remedies; exit code 1 when it forbids')
    .requiredOption('--as <who>', 'key:ID, role:ROLE or anonymous', readAsker)
    .option('--tool <server/tool>', 'may it call this tool?', readThing('tool'))
    .option('--prompt <server/prompt>', 'may it get this prompt?', readThing('prompt'))
    .option('--resource <server/uri>', 'may it read this resource?', readThing('resource'))
    .option('--args <json>', 'arguments of the call', readArguments, {})
    .option('--after <labels...>', 'labels that have entered before (flow.labels), such as confidential')
  examples(
    shared(explain),
    'portcullis policy explain --as role:reader --tool files/write_file',
    `portcullis policy explain --as key:4fQ0aZ81bYtR --tool files/read_file --args '{"path":"/etc/passwd"}'`,
    'portcullis policy explain --as role:reader --tool mail/send --after confidential',
  )
  explain.action((options: ExplainOptions) => explainOne(options, shell))

  addMatrix(policy, shell)
  addReplay(policy, shell)
}

function showLaw(options: Shared, { terminal }: Shell): void {
  const law = openLaw(openConfig(options.config), terminal)
  if (options.json === true) sayJson(terminal, { revision: law.revision, text: law.describe() })
  else say(terminal, law.describe().trimEnd())
}

function checkLaw(options: Shared, { terminal }: Shell): void {
  const config = openConfig(options.config)
  const law = openLaw(config, terminal)
  const warnings = placeDoubts(options.config ?? DEFAULT_FILE, doubtfulPolicies(config))
  if (options.json === true) {
    sayJson(terminal, { ok: true, revision: law.revision, warnings })
    return
  }
  tellWarnings(terminal, warnings)
  say(terminal, `${styled(terminal.output, 'green', 'ok')} the law is valid, revision ${law.revision}`)
}

async function explainOne(options: ExplainOptions, { terminal, finish }: Shell): Promise<void> {
  const things = [options.tool, options.prompt, options.resource].filter((thing) => thing !== undefined)
  const [resource, another] = things
  if (resource === undefined || another !== undefined) throw misuse('give one of --tool, --prompt and --resource')
  const config = openConfig(options.config)
  const principal = await principalFor(options.as, config, terminal)
  const findings = (options.after ?? []).map((label) => ({ label: OF_FLOW + label, detector: 'flow/carried', pointer: '' }))
  const query = queryOf(principal, resource, options.args, findings)
  const explanation = openLaw(config, terminal).explain(query)
  if (options.json === true) sayJson(terminal, { principal: nameOf(principal), action: query.action, resource, ...explanation })
  else print(explanation, query, config, terminal)
  finish(explanation.decision.effect === 'permit' ? EXIT.ok : EXIT.refused)
}

function print({ decision, policies }: Explanation, query: Query, config: Config, terminal: Terminal): void {
  const { resource, principal, action } = query
  const style = decision.effect === 'permit' ? 'green' : 'red'
  say(
    terminal,
    `${styled(terminal.output, style, decision.effect)}  ${nameOf(principal)} ${action} ${visible(`${resource.server}/${resource.name}`)}`,
  )
  if (policies.length === 0) say(terminal, 'because nothing permits it')
  for (const { id, place, text } of policies) {
    say(terminal, `\nby ${visible(id)}  (${visible(place)})`)
    for (const line of text.split('\n')) say(terminal, `  ${visible(line)}`)
  }
  if (decision.remedies.length > 0) say(terminal, `\nit would be permitted with: ${decision.remedies.map(remedyText).join(', ')}`)
  for (const { kind, value } of decision.obligations) say(terminal, `\nand owes: ${kind} ${visible(value)}`)
  if (decision.effect === 'forbid' && config.profile === 'observe')
    say(terminal, '\nprofile observe: it is let through and recorded as would_deny')
}

function principalFor(asker: Asker, config: Config, terminal: Terminal): Promise<Principal> | Principal {
  switch (asker.kind) {
    case 'anonymous':
      return anonymousPrincipal(config.authentication.anonymous?.roles ?? [])
    case 'role':
      return rolePrincipal(asker.role)
    case 'key':
      return withRecords(config, terminal, async ({ keys }) => {
        const key = await keys.find(asker.id)
        if (key === undefined) throw new Fault('FAULT_KEY', `There is no key ${asker.id}`)
        if (key.status !== 'active') throw new Fault('FAULT_KEY', `Key ${asker.id} is ${key.status}: whatever it asks is refused`)
        return principalOf(key)
      })
  }
}

function readAsker(text: string): Asker {
  if (text === 'anonymous') return { kind: 'anonymous' }
  if (text.startsWith('role:')) return { kind: 'role', role: readRole(text.slice(5)) }
  const id = text.startsWith('key:') ? text.slice(4) : ''
  if (isKeyId(id)) return { kind: 'key', id }
  throw new InvalidArgumentError('Write key:ID, role:ROLE or anonymous.')
}

function readThing(kind: 'tool' | 'prompt' | 'resource'): (text: string) => Resource {
  return (text) => {
    const slash = text.indexOf('/')
    if (slash < 1 || slash === text.length - 1) throw new InvalidArgumentError('Write server/name, such as files/read_file.')
    return { kind, server: text.slice(0, slash), name: text.slice(slash + 1) }
  }
}

function readArguments(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text)
    if (isObject(value)) return value
  } catch {
    // Told below, like every other value that is no object.
  }
  throw new InvalidArgumentError('Write a JSON object.')
}
