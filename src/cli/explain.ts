/** `portcullis policy explain`: what the law would say of a call that nobody makes, and why. */
import { type Command, InvalidArgumentError } from 'commander'
import type { Config } from '../config/config.ts'
import { absent, namedServers } from '../config/names.ts'
import type { Query } from '../core/decision.ts'
import { Fault } from '../core/denial.ts'
import { type Finding, OF_FLOW } from '../core/finding.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import { nameOf, type Principal } from '../core/principal.ts'
import { visible } from '../core/visible.ts'
import { type Imagined, imagine, type Thing } from '../guard/imagined.ts'
import { Pins } from '../guard/pins.ts'
import { anonymousPrincipal } from '../identity/authenticate.ts'
import { principalOf } from '../identity/key-record.ts'
import { isKeyId } from '../identity/key-text.ts'
import type { Engine, Explanation } from '../policy/engine.ts'
import { queryOf, remedyText, rolePrincipal } from '../policy/question.ts'
import { openLaw } from './law.ts'
import { hasRecords, openConfig, withExisting, withRecords } from './open.ts'
import { examples, misuse, readRole, type Shared, type Shell, shared } from './shell.ts'
import { EXIT, say, sayJson, styled, type Terminal } from './terminal.ts'

interface Options extends Shared {
  readonly as: Asker
  readonly tool?: Thing
  readonly prompt?: Thing
  readonly resource?: Thing
  readonly args?: JsonObject
  readonly after?: readonly string[]
}

/** Who `--as` names. */
type Asker =
  | { readonly kind: 'key'; readonly id: string }
  | { readonly kind: 'role'; readonly role: string }
  | { readonly kind: 'user'; readonly name: string }
  | { readonly kind: 'anonymous' }

const ASKERS = 'key:ID, role:ROLE, user:NAME or anonymous'

export function addExplain(policy: Command, shell: Shell): void {
  const explain = policy
    .command('explain')
    .description('ask the law one question: decision, policies, remedies; exit code 1 when it forbids')
    .requiredOption('--as <who>', ASKERS, readAsker)
    .option('--tool <server/tool>', 'may it call this tool?', readThing('tool'))
    .option('--prompt <server/prompt>', 'may it get this prompt?', readThing('prompt'))
    .option('--resource <server/uri>', 'may it read this resource?', readThing('resource'))
    .option('--args <json>', 'arguments of the call: put before the policies, and inspected as a gateway would', readArguments)
    .option('--after <labels...>', 'labels that have entered before (flow.labels), such as confidential')
  examples(
    shared(explain),
    'portcullis policy explain --as role:reader --tool files/write_file',
    `portcullis policy explain --as key:4fQ0aZ81bYtR --tool files/read_file --args '{"path":"/etc/passwd"}'`,
    'portcullis policy explain --as user:alice --tool mail/send --after confidential',
  )
  explain.action((options: Options) => explainOne(options, shell))
}

async function explainOne(options: Options, { terminal, finish }: Shell): Promise<void> {
  const things = [options.tool, options.prompt, options.resource].filter((thing) => thing !== undefined)
  const [thing, another] = things
  if (thing === undefined || another !== undefined) throw misuse('give one of --tool, --prompt and --resource')
  const config = openConfig(options.config)
  const law = openLaw(config, terminal)
  checkNames(options.as, thing, config, law)
  const principal = await principalFor(options.as, config, law, terminal)
  const { findings, unseen } = await imagined(config, thing, options.args, terminal)
  const entered = (options.after ?? []).map((label) => ({ label: OF_FLOW + label, detector: 'flow/carried', pointer: '' }))
  const query = queryOf(principal, thing, options.args ?? {}, [...entered, ...findings])
  const explanation = law.explain(query)
  if (options.json === true)
    sayJson(terminal, { principal: nameOf(principal), action: query.action, resource: thing, ...explanation, findings, unseen })
  else print(explanation, query, { findings, unseen }, config, terminal)
  finish(explanation.decision.effect === 'permit' ? EXIT.ok : EXIT.refused)
}

/** An answer about what does not exist would pass for one. A file that names no server is for a program that brings its own. */
function checkNames(asker: Asker, { server }: Thing, config: Config, law: Engine): void {
  const { access, authentication } = config
  const names = namedServers(config)
  if (names.length > 0 && !names.includes(server)) throw misuse(`there is no server ${server}${absent(server, names)}`)
  const roles = Object.keys(access.roles)
  if (asker.kind === 'role' && !roles.includes(asker.role) && !law.describe().includes(`Role::${JSON.stringify(asker.role)}`))
    throw misuse(`neither "access" nor a policy knows a role ${asker.role}${absent(asker.role, roles)}`)
  if (asker.kind === 'user' && authentication.oauth === undefined)
    throw new Fault('FAULT_ASKER', 'users call nothing here: that takes "authentication.oauth"')
  if (asker.kind === 'anonymous' && authentication.anonymous === undefined)
    throw new Fault('FAULT_ASKER', 'without a credential whatever is asked is refused here; to let it in takes "authentication.anonymous"')
}

/** With what its server has shown, where the store can say that; no answer of the law hangs on the store. */
async function imagined(config: Config, thing: Thing, args: JsonObject | undefined, terminal: Terminal): Promise<Imagined> {
  if (!hasRecords(config)) return imagine(config, undefined, thing, args)
  try {
    return await withExisting(config, terminal, ({ store }) => imagine(config, new Pins(store, terminal.clock), thing, args))
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    const { findings, unseen } = await imagine(config, undefined, thing, args)
    return { findings, unseen: [...unseen, `the store (${error.message})`] }
  }
}

function print(explanation: Explanation, query: Query, { findings, unseen }: Imagined, config: Config, terminal: Terminal): void {
  const { decision, policies, isUnpermitted } = explanation
  const { resource, principal, action } = query
  const style = decision.effect === 'permit' ? 'green' : 'red'
  say(
    terminal,
    `${styled(terminal.output, style, decision.effect)}  ${nameOf(principal)} ${action} ${visible(`${resource.server}/${resource.name}`)}`,
  )
  if (principal.scopes !== undefined) say(terminal, `with a token for ${visible(principal.scopes.join(' ') || 'no scope')}`)
  for (const finding of findings) say(terminal, `found ${visible(foundText(finding))}`)
  if (isUnpermitted) say(terminal, `because nothing permits it${policies.length === 0 ? '' : ', and beside that it is forbidden'}`)
  for (const { id, place, text } of policies) {
    say(terminal, `\nby ${visible(id)}  (${visible(place)})`)
    for (const line of text.split('\n')) say(terminal, `  ${visible(line)}`)
  }
  if (decision.remedies.length > 0) say(terminal, `\nit would be permitted with: ${decision.remedies.map(remedyText).join(', ')}`)
  for (const { kind, value } of decision.obligations) say(terminal, `\nand owes: ${kind} ${visible(value)}`)
  if (decision.effect === 'forbid' && config.profile === 'observe')
    say(terminal, '\nprofile observe: it is let through and recorded as would_deny')
  say(terminal, `\nnot looked at: ${visible(unseen.join('; '))}`)
}

function foundText({ label, pointer, rule }: Finding): string {
  return `${label} at ${pointer || 'the whole'}${rule === undefined ? '' : `: ${rule}`}`
}

function principalFor(asker: Asker, config: Config, law: Engine, terminal: Terminal): Promise<Principal> | Principal {
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
    case 'user':
      return userPrincipal(asker.name, config, law, terminal)
  }
}

/** With the token that a client gets for them when it names no scope. */
async function userPrincipal(name: string, config: Config, law: Engine, terminal: Terminal): Promise<Principal> {
  // Loaded only here: most questions are about roles and keys.
  const [{ Accounts }, { assumedScopes }, { publicUrlOf }] = await Promise.all([
    import('../oauth/accounts.ts'),
    import('../gateway/authorization.ts'),
    import('../config/public-url.ts'),
  ])
  return withRecords(config, terminal, async ({ store }) => {
    const account = await new Accounts(store, terminal.clock).find(name)
    if (account === undefined) throw new Fault('FAULT_USER', `There is no user ${name} who may sign in`)
    const { subject, roles } = account
    return {
      kind: 'user',
      issuer: publicUrlOf(config),
      subject,
      actors: [],
      roles,
      scopes: assumedScopes({ access: () => config.access, law }),
      claims: {},
    }
  })
}

function readAsker(text: string): Asker {
  if (text === 'anonymous') return { kind: 'anonymous' }
  if (text.startsWith('role:')) return { kind: 'role', role: readRole(text.slice(5)) }
  if (text.startsWith('user:') && text.length > 5) return { kind: 'user', name: text.slice(5) }
  const id = text.startsWith('key:') ? text.slice(4) : ''
  if (isKeyId(id)) return { kind: 'key', id }
  throw new InvalidArgumentError(`Write ${ASKERS}.`)
}

function readThing(kind: Thing['kind']): (text: string) => Thing {
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
