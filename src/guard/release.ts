/** What of a server's messages may leave, and in which form. */
import type { Call, Message, Resource } from '../core/call.ts'
import type { Decision } from '../core/decision.ts'
import type { Finding } from '../core/finding.ts'
import type { Principal } from '../core/principal.ts'
import type { Clock } from '../core/time.ts'
import type { Approved } from './approved.ts'
import type { Asking } from './asking.ts'
import type { Withheld } from './capabilities.ts'
import type { Catalog } from './catalog.ts'
import type { Declared } from './declared.ts'
import type { Definitions } from './definitions.ts'
import { type FormTreatment, withForms } from './forms.ts'
import type { Stations } from './guard.ts'
import type { Meter } from './limited.ts'
import { filterList, limitCaching, limitRevisions } from './lists.ts'
import { createOutlet, type Outlet, type OutletParts, type OutputSettings } from './outlet.ts'
import { checkReceipt } from './refusal.ts'
import { checkInputRequests, kindOfResult, mayAsk } from './results.ts'
import type { Resumed } from './resumed.ts'
import type { StateSeal } from './state.ts'
import { mayTell } from './subscriptions.ts'
import type { TaskOwners } from './tasks.ts'

interface ReleaseParts {
  readonly output: OutputSettings & { readonly forms: FormTreatment }
  readonly observing: boolean
  readonly seal: StateSeal
  readonly clock: Clock
  readonly withheld: Withheld
  readonly definitions?: Definitions
  readonly meter: Meter
  readonly catalog: Catalog
  readonly tasks: TaskOwners
  readonly asking: Asking
  readonly approved: Approved
  readonly declared: Declared
  readonly resumed: Resumed
}

const TOOLS_CHANGED = 'notifications/tools/list_changed'

export function createRelease(parts: ReleaseParts): Stations['release'] {
  const { observing, clock, withheld, definitions, meter, catalog, tasks, asking, approved, declared, resumed } = parts
  /** Of a message that is being looked at: whose answer it brings, where it comes by a task or a stream. */
  const begun = new WeakMap<Call, Resource>()
  const receive = receiving(asking, begun)
  const outlet = outletOf(parts, receive)
  /** @param asked what it answers: another call than the one that it came by, where that is a stream. @param isNews whether it says what is now */
  const release = (message: Message, principal: Principal, call: Call, asked: Call, isNews: boolean): ReturnType<Stations['release']> => {
    const { body } = message
    meter.answered(message, principal, call)
    approved.answered(call, message)
    if (withheld.asks(call.resource.server, body.method)) return undefined
    if (body.method === TOOLS_CHANGED) catalog.drop(call.resource.server, clock())
    const letGo = outlet(message, call, principal)
    if (body.method !== undefined) {
      const permitted = asking.permits(principal, (told) => approved.saidOf(told, call, principal))
      if (!mayTell(message, call.resource.server, permitted) || !mayAsk(message, call)) return undefined
      const isTold = tasks.isTold(message, call, principal)
      return isTold instanceof Promise ? isTold.then((told) => (told ? letGo(message) : undefined)) : letGo(message)
    }
    if (body.result === undefined) return letGo(message)
    checkReceipt(receive(principal, call), observing)
    if (call.method === 'initialize') declared.learn(call, principal)
    // What is fetched once more is as old as its call: it must not pass for what the server says now.
    const seen = (isNews ? definitions?.see(message, asked, principal) : undefined) ?? message
    const settle = (shown: Message): Message | Promise<Message> =>
      releaseResult(shown, principal, asked, letGo, isNews ? parts : { ...parts, catalog: undefined })
    return seen instanceof Promise ? seen.then(settle) : settle(seen)
  }
  return (message, principal, call) => {
    const isAnswer = message.body.method === undefined && message.body.id !== undefined
    const isFetched = isAnswer && call.method === '$stream'
    const fetched = isFetched ? resumed.of(message, call, principal) : undefined
    if (isFetched && fetched === undefined && !observing) return undefined
    if (isAnswer && !isFetched) resumed.answered(call, principal)
    const { call: asked, isFirst } = fetched ?? { call, isFirst: true }
    const ofTask = tasks.begunBy(message, asked)
    if (ofTask === undefined && asked === call) return release(message, principal, call, call, true)
    return Promise.resolve(ofTask).then(async (tool = asked.resource) => {
      begun.set(call, tool)
      try {
        return await release(message, principal, call, asked, isFirst)
      } finally {
        begun.delete(call)
      }
    })
  }
}

type Receive = (principal: Principal, call: Call, findings?: readonly Finding[]) => Decision

/** What may not be received from a tool may not be received by way of its task, or of a stream that is resumed. */
function receiving({ decide }: Asking, begun: WeakMap<Call, Resource>): Receive {
  return (principal, call, findings) => {
    const own = decide(principal, 'receive', call.resource, findings)
    const tool = begun.get(call)
    return tool === undefined ? own : both(own, decide(principal, 'receive', tool, findings))
  }
}

/** Where both forbid, a forbid that nothing helps against is the answer; else all that would help against either. */
function both(one: Decision, other: Decision): Decision {
  if (one.effect === 'permit') return other
  if (other.effect === 'permit' || one.remedies.length === 0) return one
  if (other.remedies.length === 0) return other
  return { ...one, policies: [...new Set([...one.policies, ...other.policies])], remedies: [...one.remedies, ...other.remedies] }
}

/** Nothing is learned where there is no catalog. */
type Learning = Omit<ReleaseParts, 'catalog'> & { readonly catalog?: Catalog | undefined }

/** What of a result may leave, in the words of its era. @param letGo takes out what must not leave */
function releaseResult(
  message: Message,
  principal: Principal,
  call: Call,
  letGo: (message: Message) => Message,
  { seal, meter, catalog, tasks, asking, approved }: Learning,
): Message | Promise<Message> {
  const { result = {} } = message.body
  const listed = call.method === 'tools/list' ? (catalog?.learn(message, call, principal) ?? message) : message
  const visible = asking.visibleIn(call.method, principal)
  const filtered = call.action === 'list' ? filterList(listed, call.method, call.resource.server, visible) : listed
  // A task that needs more says so in an answer that is complete (SEP-2663).
  if (call.origin.era === 'modern') checkInputRequests(result, call)
  switch (kindOfResult(result, call)) {
    case 'complete':
      if (call.method === 'tasks/list') return tasks.narrow(filtered, call, principal).then(letGo)
      return letGo(call.origin.era === 'modern' ? limitCaching(limitRevisions(filtered, call.method), call.method) : filtered)
    case 'input_required':
      return seal.seal(letGo(message), principal, call, approved.continuation(call))
    case 'task':
      return tasks.remember(message, call, principal, approved.approvalOf(call)).then((task) => {
        meter.began(call, principal, task)
        return letGo(message)
      })
  }
}

function outletOf({ output, observing, catalog }: ReleaseParts, judge: OutletParts['judge']): Outlet {
  const outlet = createOutlet({
    settings: output,
    judge,
    outputSchemaOf: ({ resource: { server, name } }, principal) => catalog.find(server, name, principal)?.definition,
    observing,
  })
  return withForms(outlet, { treatment: output.forms, judge, observing })
}
