/** Approvals and confirmations as the line meets them: what a person must say before a call is done, asked for, waited for, spent on it. */
import { randomUUID } from 'node:crypto'
import type { Approvals } from '../approval/approvals.ts'
import { type Bound, boundOf, digestOf } from '../approval/bound.ts'
import type { Approval, Found } from '../approval/record.ts'
import type { Call, Message, Resource } from '../core/call.ts'
import type { Decision, Remedy } from '../core/decision.ts'
import { Denial } from '../core/denial.ts'
import type { Entry } from '../core/event.ts'
import { canonical, digest as digested, isObject } from '../core/json.ts'
import { nameOf, type Principal } from '../core/principal.ts'
import type { Clock } from '../core/time.ts'
import { isResponse } from '../mcp/message.ts'
import { KEYS } from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import { remember } from '../trust/remember.ts'
import { answersOf, besidesOf } from './besides.ts'
import type { Catalog } from './catalog.ts'
import type { Declared } from './declared.ts'
import type { Forward, Trail } from './guard.ts'
import { FRESH_MS } from './inquiry.ts'
import type { Ask } from './inspector.ts'
import type { Questions } from './questions.ts'
import { Redefined } from './redefined.ts'
import { type Ours, STATE_TTL_MS } from './state.ts'
import { listenedBy } from './subscriptions.ts'
import { Waiting } from './waiting.ts'

export interface ApprovedParts {
  readonly approvals: Approvals
  readonly questions: Questions
  readonly declared: Declared
  readonly catalog: Catalog
  /** Asks a server for its tools. */
  readonly ask: Ask
  readonly store: Store
  readonly clock: Clock
  /** The page where an approval can be settled, where there is one. */
  readonly pageOf: (id: string) => string | undefined
  /** Tells people that there is one. */
  readonly notify: (approval: Approval) => void
}

/** What is said of a call, in the words of the law. */
export interface Said {
  readonly approved: boolean
  readonly confirmed: boolean
}

/** A call that the law forbids, but for the word of a person. */
export interface Wanting {
  readonly decision: Decision
  readonly principal: Principal
  readonly call: Call
  readonly forward: Forward
  /** The law, asked once more with the word brought. */
  readonly decide: (said: Said) => Decision
  /** All that stands between a yes and the call. A limit that is reached costs no approval. */
  readonly charge: (decision: Decision) => void | Promise<void>
}

/** What a call was let through on. */
interface Granted {
  /** The law's, with the word brought. */
  readonly decision: Decision
  readonly digest: string
  readonly said: Said
  readonly approval?: string
  /** What its server has said, whether or not that may leave. */
  answer?: 'done' | 'failed' | 'task'
}

/** All that is known of a call by the time it is weighed again. */
interface Weighed extends Wanting {
  readonly bound: Bound
  readonly digest: string
  /** Of the call without what it answers its server: the same in all of its legs. */
  readonly thread: string
  readonly needs: Said
  readonly isContinued: boolean
  readonly found: Found | undefined
}

export class Approved {
  readonly #parts: ApprovedParts
  /** By Call.id, until the call ends. */
  readonly #granted = new Map<string, Granted>()
  /** What was said of a resource that is subscribed to in a session, by `subscription`. */
  readonly #subscribed = new Map<string, Said>()
  readonly #waiting = new Waiting()
  readonly #redefined: Redefined

  constructor(parts: ApprovedParts) {
    this.#parts = parts
    this.#redefined = new Redefined(parts.approvals)
  }

  /** @throws Denial `approval_required`, `confirmation_required`, `forbidden` where somebody said no, and whatever `charge` throws. */
  async enforce(wanting: Wanting): Promise<AsyncIterable<Message> | undefined> {
    const weighed = await this.#settled(await this.#weigh(wanting))
    const { call, principal, needs, isContinued, found, digest } = weighed
    if (needs.approved && !isContinued && found?.approval.status !== 'approved') throw await this.#approvalRequired(weighed)
    const { returned } = call
    const isConfirmed = isContinued || (returned?.kind === 'confirm' && returned.digest === digest && returned.reply === 'accept')
    if (!needs.confirmed || isConfirmed) return this.#letGo(weighed)
    const canAsk = call.origin.era === 'legacy' && call.session !== undefined && this.#parts.declared.elicits('form', call, principal)
    if (canAsk) return this.#askAtClient(weighed)
    throw this.#confirmationRequired(weighed)
  }

  /** A server shows other definitions than these. */
  redefined(server: string, gone: readonly string[]): void {
    this.#redefined.tell(server, gone)
  }

  /** What is sealed into a question of the server's: its answer belongs to the call that a person has said yes to, and counts once. */
  continuation({ id }: Call): Ours | undefined {
    const granted = this.#granted.get(id)
    if (granted === undefined) return undefined
    const { digest, approval } = granted
    return { kind: 'continuation', nonce: randomUUID(), digest, ...(approval === undefined ? {} : { approval }) }
  }

  /** Whether it answers what we have asked its client. */
  takes(call: Call, principal: Principal): boolean {
    return this.#waiting.takes(call, principal)
  }

  /** What a person has said of a subscription, for what is told of it: with it the call was let through that asked for it. */
  saidOf(told: Resource, call: Call, principal: Principal): Said | undefined {
    const granted = this.#granted.get(call.id)
    if (granted !== undefined && listenedBy(call).some(({ kind, name }) => kind === told.kind && name === told.name)) return granted.said
    return this.#subscribed.size === 0 ? undefined : this.#subscribed.get(subscription(told, call, principal))
  }

  /** A tool may fail and say so in its result, or go on after its answer. */
  answered({ id }: Call, { body }: Message): void {
    if (this.#granted.size === 0 || !isResponse(body)) return
    const granted = this.#granted.get(id)
    if (granted === undefined) return
    const { result } = body
    if (result === undefined || result['isError'] === true) granted.answer = 'failed'
    else granted.answer = result['resultType'] === 'task' || isObject(result['task']) ? 'task' : 'done'
  }

  /** The approval that a call was let through on, or refused for. */
  approvalOf({ id }: Call, denial?: Denial): string | undefined {
    return this.#granted.get(id)?.approval ?? denial?.remedies.find((remedy) => remedy.kind === 'approval')?.id
  }

  /** The trail of a call, with the decision that it was let through on. */
  decided({ id }: Call, trail: Trail): Trail {
    const granted = this.#granted.get(id)
    return granted === undefined ? trail : { ...trail, decision: granted.decision }
  }

  /** What became of an approval that was spent. */
  end(call: Call, { begun, denial }: Trail): Entry | undefined {
    const granted = this.#granted.get(call.id)
    if (granted === undefined) return undefined
    this.#granted.delete(call.id)
    const { approval, answer } = granted
    if (approval === undefined) return undefined
    const outcome = { call: call.id, approval, resource: call.resource } as const
    if (begun !== true) return { ...outcome, type: 'approval.failed', detail: 'the call never reached its server' }
    if (answer === undefined) return { ...outcome, type: 'approval.unknown', detail: denial?.code ?? 'no answer was waited for' }
    if (answer === 'task') return { ...outcome, type: 'approval.unknown', detail: 'it goes on as a task' }
    const withheld = denial === undefined ? {} : { detail: `its answer was withheld: ${denial.code}` }
    return { ...outcome, type: answer === 'failed' ? 'approval.failed' : 'approval.executed', ...withheld }
  }

  async #weigh(wanting: Wanting): Promise<Weighed> {
    const { decision, call, principal } = wanting
    const besides = besidesOf(call)
    if (besides !== undefined && canonical(besides).length > BESIDES_MAX_CHARS)
      throw new Denial('invalid_arguments', {
        detail: `more than ${BESIDES_MAX_CHARS} characters beside the arguments: nobody can approve that`,
      })
    const plain = boundOf(call, principal, await this.#definition(wanting, false), decision.revision, besides)
    await this.#redefined.settled()
    const thread = digestOf(plain)
    const demands = (kind: Remedy['kind']): boolean => decision.remedies.some((remedy) => remedy.kind === kind)
    const needs = { approved: demands('approval'), confirmed: demands('confirm') }
    const { returned } = call
    const isContinued =
      returned?.kind === 'continuation' && returned.digest === thread && (!needs.approved || returned.approval !== undefined)
    // What is answered to a question that came after a yes belongs to that; every other answer must be seen.
    const answers = isContinued ? undefined : answersOf(call)
    const bound = answers === undefined ? plain : { ...plain, besides: { ...besides, inputResponses: answers } }
    const digest = digestOf(bound)
    const found = needs.approved && !isContinued ? await this.#parts.approvals.find(bound) : undefined
    return { ...wanting, bound, digest, thread, needs, isContinued, found }
  }

  /** Waits a while for who has just been sent to the page. */
  async #settled(weighed: Weighed): Promise<Weighed> {
    const { call, principal, bound, digest, found } = weighed
    const { returned } = call
    if (found?.approval.status !== 'pending' || returned?.kind !== 'approval') return weighed
    if (returned.digest !== digest || returned.reply !== 'accept') return weighed
    const isPending = async (): Promise<boolean> => (await this.#parts.approvals.find(bound))?.approval.status === 'pending'
    await this.#waiting.while(isPending, call, principal)
    return this.#weigh(weighed)
  }

  /** As the server defines the tool now: what was approved must be what is called. @param isAnew what it said a moment ago counts for nothing. */
  async #definition({ call, principal, forward }: Wanting, isAnew: boolean): Promise<string> {
    if (call.method !== 'tools/call') return ''
    const { catalog, clock, ask } = this.#parts
    const { server, name } = call.resource
    const known = catalog.find(server, name, principal)
    const isFresh = known !== undefined && clock() - known.at < FRESH_MS && catalog.isCurrent(server, known.at)
    if (isAnew || !isFresh) await ask(call, principal, forward, isAnew)
    return catalog.find(server, name, principal)?.definition.digest ?? ''
  }

  /** The law is asked again, as it is now: a role that was lost, or a policy that has changed, makes every earlier word void. */
  async #letGo(weighed: Weighed): Promise<undefined> {
    const { call, thread, bound, needs, decide, charge, found } = weighed
    if ((await this.#definition(weighed, true)) !== bound.definition) {
      const anew = await this.#weigh(weighed)
      throw needs.approved ? await this.#approvalRequired(anew) : this.#confirmationRequired(anew)
    }
    const final = decide(needs)
    if (final.effect === 'forbid' || final.revision !== bound.law)
      throw new Denial('forbidden', { policies: final.policies, detail: 'forbidden also with the word that was brought' })
    await charge(final)
    await this.#spend(weighed)
    const approval = found?.approval.id ?? call.returned?.approval
    if (call.method === 'resources/subscribe')
      remember(this.#subscribed, subscription(call.resource, call, weighed.principal), needs, SUBSCRIBED_MAX)
    this.#granted.set(call.id, { decision: final, digest: thread, said: needs, ...(approval === undefined ? {} : { approval }) })
  }

  /** Whatever was said is good once. */
  async #spend(weighed: Weighed): Promise<void> {
    const { call, needs, isContinued, found } = weighed
    const { store, clock, approvals } = this.#parts
    const { returned } = call
    if (returned !== undefined && (isContinued || returned.kind === 'confirm')) {
      const expiresAt = clock() + 2 * STATE_TTL_MS
      const isFirst = await store.put(KEYS.spent('state', returned.nonce), true, { expiresAt, onlyIfAbsent: true })
      if (!isFirst) throw needs.approved ? await this.#approvalRequired(weighed) : this.#confirmationRequired(weighed)
    }
    if (found !== undefined && !(await approvals.spend(found))) throw await this.#approvalRequired(weighed)
  }

  async #approvalRequired({ call, principal, bound, digest, decision }: Weighed): Promise<Denial> {
    const { approvals, questions, notify, pageOf } = this.#parts
    const { owner } = principal.claims
    const people = [principal.subject, ...(typeof owner === 'string' ? [owner] : [])]
    const { approval, isNew } = await approvals.request(bound, { people, policies: decision.policies })
    const { id, status, words } = approval
    const inside = { policies: decision.policies, detail: `approval ${id} is ${status}` }
    if (status === 'denied') return new Denial('forbidden', { ...inside, detail: `approval ${id} was denied by ${words.at(-1)?.by}` })
    if (isNew) notify(approval)
    const url = pageOf(id)
    const question = questions.approve(call, principal, { id, url }, { kind: 'approval', nonce: randomUUID(), digest, approval: id })
    const remedies = decision.remedies.map((remedy) =>
      remedy.kind === 'approval' ? { ...remedy, id, ...(url === undefined ? {} : { url }) } : remedy,
    )
    return new Denial('approval_required', { ...inside, remedies, ...(question === undefined ? {} : { question }) })
  }

  #confirmationRequired({ call, principal, digest, decision: { policies, remedies } }: Weighed): Denial {
    const question = this.#parts.questions.confirm(call, principal, { kind: 'confirm', nonce: randomUUID(), digest })
    const detail = question === undefined ? 'not confirmed' : 'the client is asked'
    return new Denial('confirmation_required', { policies, remedies, detail, ...(question === undefined ? {} : { question }) })
  }

  async *#askAtClient(weighed: Weighed): AsyncGenerator<Message> {
    const { call, principal, decision } = weighed
    if (!(yield* this.#waiting.confirm(call, principal))) {
      const { policies, remedies } = decision
      throw new Denial('confirmation_required', { policies, remedies, detail: 'the client did not confirm it' })
    }
    await this.#letGo(weighed)
  }
}

/** More than anybody reads of what no tool has asked for. */
const BESIDES_MAX_CHARS = 16_384
/** Subscriptions of sessions that a person has said yes to; of older ones nothing is told. */
const SUBSCRIBED_MAX = 10_000

function subscription({ server, name }: Resource, { session }: Call, principal: Principal): string {
  return digested([nameOf(principal), session ?? '', server, name])
}
