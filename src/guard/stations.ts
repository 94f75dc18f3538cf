/** The steps of the line, made from the rooms that stand behind them. */
import type { History } from '../audit/history.ts'
import type { Call, Message, Resource } from '../core/call.ts'
import type { Decision } from '../core/decision.ts'
import { Denial, type DenialCode } from '../core/denial.ts'
import type { Finding } from '../core/finding.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import { type Credential, nameOf, type Principal } from '../core/principal.ts'
import type { Clock } from '../core/time.ts'
import type { Limits } from '../limit/limits.ts'
import { META, metaOf } from '../mcp/revision.ts'
import type { Law } from '../policy/law.ts'
import type { Store } from '../store/store.ts'
import type { Anomalies } from './anomalies.ts'
import { type Asking, createAsking } from './asking.ts'
import { Catalog } from './catalog.ts'
import type { Definitions } from './definitions.ts'
import type { Stations } from './guard.ts'
import { createInspector, type InspectInput, type Inspector, type InspectorParts, mismatchOf, type Screen } from './inspector.ts'
import { countFailures, createMeter, type KeyIdOf } from './limited.ts'
import { filterList, limitCaching, limitRevisions } from './lists.ts'
import { checkMirrors } from './mirrors.ts'
import { begunEntry, type Describe, endedEntry } from './record.ts'
import { withoutRoots } from './roots.ts'
import type { StateSeal } from './state.ts'
import { mayTell, narrowListen } from './subscriptions.ts'
import { TaskOwners } from './tasks.ts'
import { Validators } from './validators.ts'

/** `observe`: nothing but authentication refuses; what the law would have denied is recorded. */
export type Profile = 'observe' | 'standard' | 'strict'

export interface Parts {
  readonly authenticate: (credentials: readonly Credential[], call: Call) => Principal | Promise<Principal>
  readonly law: Law
  readonly history: History
  readonly limits: Limits
  readonly keyIdOf: KeyIdOf
  readonly store: Store
  readonly seal: StateSeal
  readonly describe: Describe
  readonly profile: Profile
  readonly clock: Clock
  /** Calls under way at once. */
  readonly maxCalls: number
  /** Servers that are told no roots. */
  readonly rootless: ReadonlySet<string>
  /** `inspect.input` */
  readonly input: InspectInput
  /** What is held against definitions; absent where nothing is pinned. */
  readonly definitions?: Definitions
  /** What is held against principals at addresses; absent where nothing is looked for. */
  readonly anomalies?: Anomalies
  /** What the arguments of a call carry. */
  readonly screen?: Screen
}

/** How long to wait when every place is taken: a call takes milliseconds, a crowd of them a second. */
const FULL_WAIT_MS = 1_000

export function createStations(parts: Parts): Stations {
  const { law, history, seal, clock, rootless, limits } = parts
  const observing = parts.profile === 'observe'
  const tasks = new TaskOwners(parts.store, clock)
  const catalog = new Catalog()
  const meter = createMeter(limits, observing)
  const asking = createAsking(parts)
  let underway = 0
  const weigh = (principal: Principal, call: Call, findings: readonly Finding[]): Decision =>
    law.decide({ principal, action: call.action, resource: call.resource, context: { approved: false, findings, input: call.arguments } })
  return {
    admit: (call) => {
      limits.admit(call)
      if (underway >= parts.maxCalls) throw full(parts.maxCalls)
      underway++
    },
    identify: checkHeld(countFailures(parts.authenticate, limits, parts.keyIdOf), parts.anomalies),
    reopen: seal.reopen,
    inspect: withHeld(
      inspectorOf(parts, catalog, (principal, call) => observing || weigh(principal, call, NO_FINDINGS).effect === 'permit'),
      parts.anomalies,
    ),
    decide: weigh,
    enforce: (decision, principal, call, findings) => {
      if (decision.effect === 'forbid' && !observing) {
        const told = mismatchOf(findings, (rest) => weigh(principal, call, rest), decision)
        throw told instanceof Denial ? told : refusal(told, call, asking.isVisible(principal, call.action, call.resource, findings))
      }
      const charged = meter.charge(call, principal, decision)
      if (call.resource.kind !== 'task') return charged
      return charged === undefined ? tasks.check(call, principal) : charged.then(() => tasks.check(call, principal))
    },
    narrow: (call, principal) => {
      checkMirrors(call, catalog, principal)
      const listening = narrowListen(call, asking.permits(principal))
      return rootless.has(call.resource.server) ? withoutRoots(listening) : listening
    },
    begin: (call, trail) => history.write(begunEntry(call, trail)),
    release: (message, principal, call) => {
      const { body } = message
      meter.answered(message, principal, call)
      if (body.method === 'roots/list' && rootless.has(call.resource.server)) return undefined
      if (body.method === TOOLS_CHANGED) catalog.drop(call.resource.server, clock())
      if (body.method !== undefined) return mayTell(message, call.resource.server, asking.permits(principal)) ? message : undefined
      if (body.result === undefined) return message
      checkReceipt(asking.decide(principal, 'receive', call.resource), observing)
      const seen = parts.definitions?.see(message, call, principal) ?? message
      const settle = (shown: Message): Message | Promise<Message> =>
        releaseResult(shown, principal, call, { parts, catalog, tasks, asking })
      return seen instanceof Promise ? seen.then(settle) : settle(seen)
    },
    end: (call, trail) => {
      if (trail.admitted === true) underway--
      limits.end(call)
      return history.write(meter.record(call, endedEntry(call, trail, clock(), parts.describe)))
    },
  }
}

/** Who is known is turned away where something is held against him there. */
function checkHeld(identify: Stations['identify'], anomalies: Anomalies | undefined): Stations['identify'] {
  if (anomalies === undefined) return identify
  return (credentials, call) => {
    const answer = identify(credentials, call)
    if (!anomalies.isHolding) return answer
    const checked = (principal: Principal): Principal => {
      anomalies.check(principal, call)
      return principal
    }
    return answer instanceof Promise ? answer.then(checked) : checked(answer)
  }
}

async function joined(carried: ReturnType<Inspector>, held: readonly Finding[]): Promise<readonly Finding[]> {
  return [...(await carried), ...held]
}

/** What is held against the caller there is a fact like what the call carries. */
function withHeld(inspect: Inspector, anomalies: Anomalies | undefined): Inspector {
  if (anomalies === undefined) return inspect
  return (call, principal, forward) => {
    const carried = inspect(call, principal, forward)
    if (!anomalies.isHolding) return carried
    const held = anomalies.findingsOf(principal, call)
    if (held.length === 0) return carried
    return joined(carried, held)
  }
}

interface Releasing {
  readonly parts: Parts
  readonly catalog: Catalog
  readonly tasks: TaskOwners
  readonly asking: Asking
}

/** What of a result may leave, in the words of its era. */
function releaseResult(
  message: Message,
  principal: Principal,
  call: Call,
  { parts, catalog, tasks, asking }: Releasing,
): Message | Promise<Message> {
  const { result = {} } = message.body
  const listed = call.method === 'tools/list' ? catalog.learn(message, call, principal) : message
  const visible = asking.visibleIn(call.method, principal)
  const filtered = call.action === 'list' ? filterList(listed, call.method, call.resource.server, visible) : listed
  switch (kindOfResult(result, call)) {
    case 'complete':
      if (call.method === 'tasks/list') return tasks.narrow(filtered, call, principal)
      return call.origin.era === 'modern' ? limitCaching(limitRevisions(filtered, call.method), call.method) : filtered
    case 'input_required':
      checkInputRequests(result, call)
      return parts.seal.seal(message, principal, call)
    case 'task':
      return tasks.remember(message, call, principal).then(() => message)
  }
}

function full(maxCalls: number): Denial {
  return new Denial('unavailable', {
    detail: `limits.calls.total (${maxCalls}) is reached`,
    remedies: [{ kind: 'wait', ms: FULL_WAIT_MS }],
  })
}

const TOOLS_CHANGED = 'notifications/tools/list_changed'

function inspectorOf({ history, rootless, ...parts }: Parts, catalog: Catalog, permits: InspectorParts['permits']): Inspector {
  // That a definition cannot be judged by, or not in all it says, is written down once; it refuses nothing by itself.
  const schema = new Validators({
    strict: parts.input === 'strict',
    clock: parts.clock,
    onFlaw: (server, name, findings) => {
      const resource = { kind: 'tool', server, name } as const
      history.write({ type: 'tool.flawed', resource, findings, by: 'gateway' }).catch(() => undefined)
    },
  })
  const begin = ({ id, resource: { server } }: Call, principal: Principal): Promise<void> =>
    history.write({
      type: 'tools.asked',
      call: id,
      resource: { kind: 'server', server, name: server },
      principal: nameOf(principal),
      by: 'gateway',
    })
  return createInspector({
    ...parts,
    begin,
    catalog,
    schema,
    observing: parts.profile === 'observe',
    permits,
    narrow: (asked) => (rootless.has(asked.resource.server) ? withoutRoots(asked) : asked),
  })
}

const NO_FINDINGS = [] as const

/** How a forbid is told: by the remedy that would help; what the caller may not know of answers like what does not exist. */
function refusal(decision: Decision, call: Call, isVisible: boolean): Denial {
  const inside = {
    policies: decision.policies,
    remedies: decision.remedies,
    detail: decision.policies.length === 0 ? 'nothing permits it' : 'forbidden by policy',
  }
  const first = decision.remedies[0]
  if (first !== undefined) return new Denial(CODE_OF_REMEDY[first.kind], inside)
  if (HIDING.has(call.resource.kind) && !isVisible) return new Denial('not_found', inside)
  return new Denial('forbidden', inside)
}

const HIDING = new Set<Resource['kind']>(['tool', 'prompt', 'resource'])
const CODE_OF_REMEDY: Readonly<Record<Decision['remedies'][number]['kind'], DenialCode>> = {
  authenticate: 'unauthenticated',
  scope: 'insufficient_scope',
  step_up: 'step_up_required',
  approval: 'approval_required',
  wait: 'rate_limited',
  connect: 'connection_required',
  redact: 'content_blocked',
}

/** The law is asked once more on the way out: what was done may still not be received. */
function checkReceipt(decision: Decision, observing: boolean): void {
  if (decision.effect === 'permit' || observing) return
  throw new Denial('content_blocked', { policies: decision.policies, detail: 'forbidden by policy on the way out' })
}

/** What a result is, in the words of its era. @throws Denial for what no revision defines, or the caller did not declare. */
function kindOfResult(result: JsonObject, call: Call): 'complete' | 'input_required' | 'task' {
  if (call.origin.era === 'legacy') return call.method === 'tools/call' && isObject(result['task']) ? 'task' : 'complete'
  switch (result['resultType']) {
    case undefined:
    case 'complete':
      return 'complete'
    case 'input_required':
      return 'input_required'
    case 'task': {
      const extensions = declaredBy(call)['extensions']
      if (!isObject(extensions) || extensions[TASKS] === undefined)
        throw new Denial('upstream_failed', { detail: 'a task for a caller that did not declare the extension' })
      return 'task'
    }
    default:
      throw new Denial('upstream_failed', { detail: 'a resultType that no revision defines' })
  }
}

const TASKS = 'io.modelcontextprotocol/tasks'

function declaredBy(call: Call): JsonObject {
  const declared = metaOf(call.message.body.params)?.[META.clientCapabilities]
  return isObject(declared) ? declared : {}
}

/** The capability a caller must have declared for each request that a server may put to it (2026-07-28, basic/patterns/mrtr). */
const CAPABILITY_OF: Readonly<Record<string, string>> = {
  'elicitation/create': 'elicitation',
  'sampling/createMessage': 'sampling',
  'roots/list': 'roots',
}

function checkInputRequests(result: JsonObject, call: Call): void {
  const requests = result['inputRequests']
  if (!isObject(requests)) return
  const declared = declaredBy(call)
  for (const request of Object.values(requests)) {
    const method = isObject(request) ? request['method'] : undefined
    const capability = typeof method === 'string' ? CAPABILITY_OF[method] : undefined
    if (capability === undefined) throw new Denial('upstream_failed', { detail: 'an input request that no revision defines' })
    if (declared[capability] === undefined)
      throw new Denial('missing_capability', { detail: `the server asks for ${capability}, which the caller did not declare` })
  }
}
