/** The engine: one law in force, replaced whole or not at all. With its room, all of the house that knows Cedar. */
import { randomUUID } from 'node:crypto'
import { formatPolicies, isAuthorized, type StatefulAuthorizationCall } from '@cedar-policy/cedar-wasm/nodejs'
import type { Decision, Query } from '../core/decision.ts'
import type { Clock } from '../core/time.ts'
import { placeOf, texts } from './check.ts'
import { type Compiled, compile, houseRules, type Rules } from './compile.ts'
import { createDecider, type Decider } from './decide.ts'
import type { Law } from './law.ts'
import { mistakes, type Policy } from './load.ts'
import { readsOf } from './reads.ts'
import type { Rights } from './roles.ts'

export interface Engine extends Law {
  /** What each role of `access:` comes to. */
  readonly roles: ReadonlyMap<string, Rights>
  /** Every scope that a policy in force demands by its name (`@requires("scope:…")`), sorted: what must be there to be asked for. */
  readonly scopes: readonly string[]
  /** Whether a policy file reads `context.flow`: then it must be known of every call. */
  readonly readsFlow: boolean
  /** Puts other rules in force. @throws Fault `FAULT_POLICY`; then the rules before stay in force. */
  replace(rules: Rules): void
  /** The law as Cedar text, with where each policy stands: `policy show`. */
  describe(): string
  /** Whom and what the policies of files name. */
  named(): readonly Named[]
  /** A policy in force, by its id. */
  policy(id: string): PolicyText | undefined
  /** The decision with its grounds: `policy explain`. */
  explain(query: Query): Explanation
}

/** `Role::"reader"`, and where the policy stands that names it. */
export interface Named {
  readonly place: string
  readonly type: string
  readonly id: string
}

export interface PolicyText {
  readonly id: string
  readonly place: string
  readonly text: string
}

export interface Explanation {
  readonly decision: Decision
  /** The determining policies. */
  readonly policies: readonly PolicyText[]
  /** Nothing permits it, whatever forbids it beside that. */
  readonly isUnpermitted: boolean
  /** What Cedar was shown: the query as far as the law can see it, and what who and what are called. */
  readonly question: Pick<StatefulAuthorizationCall, 'principal' | 'action' | 'resource' | 'context' | 'entities'>
}

interface InForce {
  readonly law: Compiled
  readonly strict: Decider
  readonly lenient: Decider
}

/** @throws Fault `FAULT_POLICY` with every mistake as `file:line:column: …`, a line each. */
export function createEngine(rules: Rules, clock: Clock): Engine {
  // Two names for the life of the engine, used in turn: Cedar never forgets a name, and the law in force is not touched until the next one stands.
  const name = randomUUID()
  const house = houseRules()
  const enact = (next: Rules, slot: string): InForce => {
    const law = compile(next, slot, house)
    const strict = createDecider(law.strict, clock)
    return { law, strict, lenient: law.lenient === law.strict ? strict : createDecider(law.lenient, clock) }
  }
  const [even, odd] = [`${name}/0`, `${name}/1`] as const
  let inForce = enact(rules, even)

  return {
    get revision() {
      return inForce.law.strict.revision
    },
    get roles() {
      return inForce.law.access.roles
    },
    get scopes() {
      return inForce.law.scopes
    },
    get readsFlow() {
      return inForce.law.readsFlow
    },
    decide: (query) => inForce.strict.decide(query),
    isVisible(query) {
      const { effect, remedies } = inForce.lenient.decide(query)
      return effect === 'permit' || remedies.length > 0
    },
    decideAtBest: (query) => inForce.lenient.decide(query),
    replace(next) {
      inForce = enact(next, inForce.law.strict.slot === even ? odd : even)
    },
    describe: () => describe(inForce.law),
    named: () => [...inForce.law.policies.values()].flatMap(namesIn),
    policy: (id) => textOf(id, inForce.law),
    explain: (query) => explain(query, inForce),
  }
}

function describe({ policies, access, strict }: Compiled): string {
  const roles = [...access.roles].map(([role, rights]) => {
    const inherited = [...rights.roles].filter((other) => other !== role).map((other) => `Role::${JSON.stringify(other)}`)
    const permissions = [...rights.permissions].map((permission) => `Permission::${JSON.stringify(permission)}`)
    return `// Role::${JSON.stringify(role)} in [${[...inherited, ...permissions].join(', ')}]`
  })
  const rules = [...policies.values()].map((policy) => `// ${placeOf(policy)}\n${formatted(policy)}`)
  return [`// The law, revision ${strict.revision}`, roles.join('\n'), ...rules]
    .filter((part) => part !== '')
    .join('\n\n')
    .concat('\n')
}

/** Of what was made from `access:` its section is asked. */
function namesIn(policy: Policy): readonly Named[] {
  if (policy.place === undefined) return []
  const place = placeOf(policy)
  return [...readsOf([policy.json]).entities].flatMap(([type, ids]) => [...ids].map((id) => ({ place, type, id })))
}

/** A policy from a file is shown as it was written. */
function formatted({ text, place }: Policy): string {
  if (place !== undefined) return text
  const answer = formatPolicies({ policyText: text, lineWidth: 120, indentWidth: 2 })
  return answer.type === 'success' ? answer.formatted_policy.trimEnd() : text
}

function explain(query: Query, { law, strict }: InForce): Explanation {
  const decision = strict.decide(query)
  const { principal, action, resource, context, entities } = strict.question(query)
  const question = { principal, action, resource, context, entities }
  return {
    decision,
    policies: decision.policies.map((id) => textOf(id, law)).filter((policy) => policy !== undefined),
    isUnpermitted: decision.effect === 'forbid' && !isPermitted(question, law),
    question,
  }
}

/** Whether it would be permitted if nothing forbade it. @throws Fault `FAULT_POLICY` */
function isPermitted(question: Explanation['question'], { policies }: Compiled): boolean {
  const permits = new Map([...policies].filter(([, { json }]) => json.effect === 'permit'))
  const answer = isAuthorized({ ...question, policies: { staticPolicies: texts(permits) } })
  if (answer.type === 'failure') throw mistakes(answer.errors, 'the law could not be asked')
  return answer.response.decision === 'allow'
}

function textOf(id: string, law: Compiled): PolicyText | undefined {
  const policy = law.policies.get(id)
  return policy === undefined ? undefined : { id, place: placeOf(policy), text: formatted(policy) }
}
