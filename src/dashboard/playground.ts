/** The page on which the law is asked: may X use Y, with these arguments? It answers as it would, and nothing is called. */
import type { Resource } from '../core/call.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import { nameOf, type Principal } from '../core/principal.ts'
import { anonymousPrincipal } from '../identity/authenticate.ts'
import { principalOf } from '../identity/key-record.ts'
import { isKeyId } from '../identity/key-text.ts'
import { type Html, html } from '../oauth/html.ts'
import { csrfField, type Form } from '../oauth/pages.ts'
import { queryOf, remedyText, rolePrincipal } from '../policy/question.ts'
import type { DashboardParts, Route } from './parts.ts'
import { show } from './shell.ts'
import { factsOf, linesOf, outside } from './tables.ts'

const KINDS = ['tool', 'prompt', 'resource'] as const
/** Keys that are offered to choose from; any other is asked for by its events. */
const KEYS_MAX = 200
const NAME_MAX_CHARS = 256

interface Question {
  readonly as: string
  readonly kind: (typeof KINDS)[number]
  readonly server: string
  readonly name: string
  readonly args: string
}

export function playgroundRoutes(parts: DashboardParts): readonly Route[] {
  const answer = async (visit: Parameters<NonNullable<Route['get']>>[0], said: URLSearchParams, isAsked: boolean): Promise<void> => {
    const question = questionIn(said)
    const found = isAsked ? await ask(question, parts) : undefined
    const body = html`<h1>Playground</h1>
<p class="soft">Ask the law in force. Nothing is called, charged or written down. Arguments are put before the policies and not inspected (<code>portcullis policy explain</code> does that).</p>
${found}
${await formOf(question, parts, visit.formFor(visit.id ?? ''))}`
    show(visit, { title: 'Playground', body })
  }
  return [
    {
      path: /^\/playground$/,
      who: 'admin',
      get: (visit) => answer(visit, visit.query, false),
      post: (visit, form) => answer(visit, form, true),
    },
  ]
}

function questionIn(said: URLSearchParams): Question {
  const text = (name: string): string => said.get(name) ?? ''
  return {
    as: text('as'),
    kind: KINDS.find((kind) => kind === text('kind')) ?? 'tool',
    server: text('server'),
    name: text('name').slice(0, NAME_MAX_CHARS),
    args: said.get('args') ?? '{}',
  }
}

async function ask(question: Question, parts: DashboardParts): Promise<Html> {
  const principal = await principalFor(question.as, parts)
  const input = argumentsIn(question.args)
  const { kind, server, name } = question
  if (principal === undefined)
    return problem('There is nobody of that name, or whatever they ask is refused before it comes before the law.')
  if (input === undefined) return problem('The arguments must be a JSON object.')
  if (name === '' || !parts.servers.includes(server)) return problem('Name a server of the configuration, and what is to be used there.')
  const resource: Resource = { kind, server, name }
  const { decision, policies, isUnpermitted } = parts.law.explain(queryOf(principal, resource, input))
  const remedies = decision.remedies.map(remedyText).join(', ')
  return html`<section role="status"><h2 class="${decision.effect === 'permit' ? 'good' : 'bad'}">${decision.effect === 'permit' ? 'Permitted' : 'Forbidden'}</h2>
${factsOf([
  ['Who', outside(nameOf(principal))],
  ['What', outside(`${server}/${name}`)],
  ['It would help', remedies === '' ? undefined : outside(remedies)],
  [
    'It owes',
    decision.obligations.length === 0 ? undefined : outside(decision.obligations.map((owed) => `${owed.kind} ${owed.value}`).join(', ')),
  ],
  ['Law', html`<code>${decision.revision}</code>`],
])}
${isUnpermitted ? html`<p>Nothing permits it${policies.length === 0 ? '.' : ', and beside that it is forbidden:'}</p>` : undefined}
${policies.map(({ id, place, text }) => html`<h3>${outside(id)} <span class="soft">${outside(place)}</span></h3><p class="text">${linesOf(text)}</p>`)}
</section>`
}

function problem(text: string): Html {
  return html`<p class="notice" role="alert">${text}</p>`
}

/** Undefined for nobody. */
async function principalFor(as: string, { law, anonymousRoles, keys }: DashboardParts): Promise<Principal | undefined> {
  if (as === 'anonymous') return anonymousRoles === undefined ? undefined : anonymousPrincipal(anonymousRoles)
  if (as.startsWith('role:')) return law.roles.has(as.slice(5)) ? rolePrincipal(as.slice(5)) : undefined
  const id = as.startsWith('key:') ? as.slice(4) : ''
  const key = isKeyId(id) ? await keys.find(id) : undefined
  return key?.status === 'active' ? principalOf(key) : undefined
}

function argumentsIn(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text === '' ? '{}' : text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

async function formOf({ as, kind, server, name, args }: Question, parts: DashboardParts, form: Form): Promise<Html> {
  const keys = (await parts.keys.list()).filter(({ status }) => status === 'active').slice(-KEYS_MAX)
  const askers = [
    ...[...parts.law.roles.keys()].map((role) => [`role:${role}`, `anybody with the role ${role}`] as const),
    ...(parts.anonymousRoles === undefined ? [] : [['anonymous', 'a caller without a credential'] as const]),
    ...keys.map((key) => [`key:${key.id}`, `key ${outside(key.name)} (${key.id})`] as const),
  ]
  const options = (all: readonly (readonly [string, string])[], chosen: string): readonly Html[] =>
    all.map(([value, text]) => html`<option value="${value}"${value === chosen ? html` selected` : undefined}>${text}</option>`)
  const same = (names: readonly string[]): readonly (readonly [string, string])[] => names.map((one) => [one, one])
  return html`<form method="post" action="${form.action}">${csrfField(form)}
<div class="filters">
<div><label for="as">May</label><select id="as" name="as">${options(askers, as)}</select></div>
<div><label for="kind">use the</label><select id="kind" name="kind">${options(same(KINDS), kind)}</select></div>
<div><label for="server">of server</label><select id="server" name="server">${options(same(parts.servers), server)}</select></div>
<div><label for="name">called</label><input id="name" name="name" value="${name}" required maxlength="${NAME_MAX_CHARS}" autocomplete="off" spellcheck="false"></div>
</div>
<label for="args">with these arguments?</label>
<textarea id="args" name="args" spellcheck="false">${args.split(/\r?\n/).map((line) => html`${line}\n`)}</textarea>
<button class="first">Ask</button></form>`
}
