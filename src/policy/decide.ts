/** The decision point: projects the query, remembers the answer, asks Cedar when it must. */
import { type AuthorizationAnswer, type StatefulAuthorizationCall, statefulIsAuthorized } from '@cedar-policy/cedar-wasm/nodejs'
import type { Decision, Query } from '../core/decision.ts'
import { Fault } from '../core/denial.ts'
import { isOfDefinition, isOfFlow } from '../core/finding.ts'
import type { Clock } from '../core/time.ts'
import type { Prepared } from './compile.ts'
import { type Ceilings, contextRecord, inputEntity, principalUid, resourceUid, textAt } from './entities.ts'
import { Recent } from './memory.ts'
import { type Brought, bring, NOTHING_BROUGHT, remediesOf, sizeOf, withBrought } from './remedy.ts'
import { ceilingsOf, createViews, type Known, type Thing, type Views } from './views.ts'

/** Decisions remembered at a time; with longest keys some 20 MB. */
const DECISIONS_MAX = 20_000
/** A question whose key is longer (a policy reads a long argument) is asked each time: large arguments must not fill the memory. */
const KEY_MAX_CHARS = 512
/** What is demanded may bring a further forbid into play, and so on. A law that needs more rounds offers no remedy. */
const ROUNDS_MAX = 4
const HOUR_MS = 3_600_000

/** A query with what this law knows of it. */
interface Asked {
  readonly query: Query
  readonly known: Known
  readonly thing: Thing
  readonly ceilings: Ceilings
  /** Milliseconds since the epoch; 0 when no policy reads the time. */
  readonly at: number
}

interface Answer {
  readonly effect: Decision['effect']
  /** Ids of the determining policies, sorted. */
  readonly policies: readonly string[]
}

export interface Decider {
  decide(query: Query): Decision
  /** What Cedar is asked: for `policy explain`. */
  question(query: Query): StatefulAuthorizationCall
}

export function createDecider(law: Prepared, clock: Clock): Decider {
  const views = createViews(law)
  const memory = new Recent<string, Decision>(DECISIONS_MAX)
  const readsTime = law.reads.attributes.has('context.hour') || law.reads.attributes.has('context.weekday')

  const look = (query: Query, at: number): Asked => {
    const known = views.principal(query.principal)
    const thing = views.resource(query.resource)
    return { query, known, thing, ceilings: ceilingsOf(query.principal, known, thing), at }
  }
  return {
    decide(query) {
      const asked = look(query, readsTime ? clock() : 0)
      const key = keyOf(asked, law, views)
      const remembered = memory.get(key)
      if (remembered !== undefined) return remembered
      const decision = settle(asked, law, (each) => answerTo(questionOf(look(each, asked.at), law, views)))
      if (key.length <= KEY_MAX_CHARS) memory.set(key, decision)
      return decision
    },
    question: (query) => questionOf(withNames(look(query, clock())), law, views),
  }
}

/** Who and what as they are called: no policy names those that Cedar is not told, so it is the same question, and people can read it. */
function withNames({ query, known, thing, ...rest }: Asked): Asked {
  const [who, what] = [principalUid(query.principal), resourceUid(query.resource)]
  return {
    ...rest,
    query,
    known: { ...known, view: { ...known.view, entity: { ...known.view.entity, uid: who } } },
    thing: { ...thing, view: { ...thing.view, entity: { ...thing.view.entity, uid: what } } },
  }
}

/** Everything that Cedar will be shown, as one text: equal keys are equal questions. */
function keyOf({ query, known, thing, ceilings, at }: Asked, { reads }: Prepared, views: Views): string {
  const { action, context } = query
  const inputs = views.inputs(thing.view, action)
  let key = `${known.view.id} ${thing.view.id} ${action}${ceilings.granted ? ' g' : ''}${ceilings.listed ? ' l' : ''}`
  // The scopes that a challenge would name belong to the answer.
  if (!ceilings.scoped) key += ` s${JSON.stringify(thing.listed)}`
  if (context.approved && reads.attributes.has('context.approved')) key += ' a'
  if (context.confirmed && reads.attributes.has('context.confirmed')) key += ' c'
  if (at !== 0) key += ` t${Math.floor(at / HOUR_MS)}`
  if (context.findings.length > 0) {
    const read = reads.attributes.has('context.findings')
    const labels = context.findings.map((finding) => finding.label).filter((label) => read || isOfDefinition(label) || isOfFlow(label))
    if (labels.length > 0) key += ` f${JSON.stringify([...new Set(labels)].sort())}`
  }
  if (inputs.length > 0) key += ` i${JSON.stringify(inputs.map(({ path }) => textAt(context.input, path) ?? null))}`
  return key
}

function questionOf({ query, known, thing, ceilings, at }: Asked, { slot, reads }: Prepared, views: Views): StatefulAuthorizationCall {
  const inputs = views.inputs(thing.view, query.action)
  return {
    principal: known.view.entity.uid,
    action: { type: 'Action', id: query.action },
    resource: thing.view.entity.uid,
    context: contextRecord(query, { ceilings, at }, reads),
    entities: [known.view.entity, thing.view.entity, ...(reads.attributes.has('context.input') ? [inputEntity(query, inputs)] : [])],
    preparsedPolicySetId: slot,
    preparsedSchemaName: slot,
    validateRequest: true,
  }
}

/** @throws Fault: Cedar skips a policy that errs, so a forbid that errs would permit. */
function answerTo(question: StatefulAuthorizationCall): Answer {
  const answer: AuthorizationAnswer = statefulIsAuthorized(question)
  if (answer.type === 'failure')
    throw new Fault('FAULT_POLICY', `The law could not be asked: ${answer.errors.map(({ message }) => message).join('; ')}`)
  const { decision, diagnostics } = answer.response
  const errors = diagnostics.errors.map(({ policyId, error }) => `${policyId}: ${error.message}`)
  if (errors.length > 0) throw new Fault('FAULT_POLICY', `A policy could not be evaluated: ${errors.join('; ')}`)
  return { effect: decision === 'allow' ? 'permit' : 'forbid', policies: diagnostics.reason.toSorted() }
}

/** The answer, with what it costs or what would change it. */
function settle({ query, thing, ceilings }: Asked, law: Prepared, ask: (query: Query) => Answer): Decision {
  const { effect, policies } = ask(query)
  const brought = effect === 'forbid' ? bringUntilPermitted(query, policies, ceilings.scoped ? [] : thing.listed, law, ask) : undefined
  const isUnpermitted = brought === UNPERMITTED
  return {
    effect,
    policies,
    ...(isUnpermitted ? { isUnpermitted } : {}),
    obligations: effect === 'forbid' ? [] : policies.flatMap((policy) => obligation(policy, law)),
    remedies: brought === undefined || isUnpermitted ? [] : remediesOf(brought),
    revision: law.revision,
  }
}

function obligation(policy: string, { limits }: Prepared): Decision['obligations'] {
  const value = limits.get(policy)
  return value === undefined ? [] : [{ policy, kind: 'limit', value }]
}

/** All that was demanded has been brought, and nothing permits it. */
const UNPERMITTED = 'unpermitted'

/** Asks again as though all that the determining forbids demand had been brought. Undefined where that would not help. */
function bringUntilPermitted(
  query: Query,
  determining: readonly string[],
  listed: readonly string[],
  { demands }: Prepared,
  ask: (query: Query) => Answer,
): Brought | typeof UNPERMITTED | undefined {
  let forbids = determining
  let brought = NOTHING_BROUGHT
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const asked = forbids.map((id) => demands.get(id))
    if (asked.length === 0) return UNPERMITTED
    // A forbid knows no remedy.
    if (asked.includes(undefined)) return undefined
    const more = bring(
      brought,
      asked.flatMap((words) => words ?? []),
      listed,
    )
    const then = sizeOf(more) > sizeOf(brought) ? withBrought(query, more) : undefined
    if (then === undefined) return undefined
    const answer = ask(then)
    if (answer.effect === 'permit') return more
    forbids = answer.policies
    brought = more
  }
  return undefined
}
