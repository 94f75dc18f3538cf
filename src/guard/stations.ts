/** The steps of the line, made from the rooms that stand behind them. */
import type { Approvals } from '../approval/approvals.ts'
import type { Approval } from '../approval/record.ts'
import type { History } from '../audit/history.ts'
import type { Call, Message } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import type { Entry } from '../core/event.ts'
import type { Finding } from '../core/finding.ts'
import { inOrder } from '../core/order.ts'
import { type Credential, nameOf, type Principal } from '../core/principal.ts'
import type { Clock } from '../core/time.ts'
import type { Presume } from '../identity/authenticate.ts'
import type { Limits } from '../limit/limits.ts'
import type { Law } from '../policy/law.ts'
import type { Store } from '../store/store.ts'
import type { Anomalies } from './anomalies.ts'
import { Approved } from './approved.ts'
import { createAsking } from './asking.ts'
import { CallTimes, type TimeoutOf } from './call-time.ts'
import type { Withheld } from './capabilities.ts'
import { Catalog } from './catalog.ts'
import { type Connecting, createConnecting } from './connecting.ts'
import { Declared } from './declared.ts'
import type { Definitions } from './definitions.ts'
import { createEnforce } from './enforce.ts'
import type { Budget } from './flow-budget.ts'
import type { FormTreatment } from './forms.ts'
import type { Stations } from './guard.ts'
import { checkHeld, withHeld } from './holds.ts'
import { Inquiry } from './inquiry.ts'
import { type Ask, createInspector, type InspectInput, type Inspector, type Screen } from './inspector.ts'
import { createMeter, type KeyIdOf } from './limited.ts'
import { checkMirrors } from './mirrors.ts'
import type { OutputSettings } from './outlet.ts'
import { createQuestions } from './questions.ts'
import { createRecall, type Recall } from './recalled.ts'
import { begunEntry, type Describe, endedEntry } from './record.ts'
import { createRelease } from './release.ts'
import { Resumed } from './resumed.ts'
import type { StateSeal } from './state.ts'
import { narrowListen } from './subscriptions.ts'
import { TaskOwners } from './tasks.ts'
import { Validators } from './validators.ts'
import { Worth } from './worth.ts'

/** `observe`: nothing but authentication refuses; what the law would have denied is recorded. */
export type Profile = 'observe' | 'standard' | 'strict'

export interface Parts {
  readonly authenticate: (credentials: readonly Credential[], call: Call) => Principal | Promise<Principal>
  readonly law: Law
  readonly history: History
  readonly limits: Limits
  readonly keyIdOf: KeyIdOf
  /** Where the store is elsewhere, so that a way to it is worth being spared. */
  readonly presume?: Presume | undefined
  readonly store: Store
  readonly seal: StateSeal
  readonly describe: Describe
  readonly profile: Profile
  readonly clock: Clock
  /** Calls under way at once. */
  readonly maxCalls: number
  readonly timeoutOf: TimeoutOf
  /** What of clients is not told to servers. */
  readonly withheld: Withheld
  /** Servers where each user has connected an account. */
  readonly connected: ReadonlySet<string>
  /** `inspect.input` */
  readonly input: InspectInput
  /** What is held against definitions; absent where nothing is pinned. */
  readonly definitions?: Definitions
  /** What is held against principals at addresses; absent where nothing is looked for. */
  readonly anomalies?: Anomalies
  /** What the arguments of a call carry. */
  readonly screen?: Screen
  /** Told once, in a sentence for the operator, that a tool cannot be called for what its server says of it. */
  readonly onUnusable?: (sentence: string) => void
  /** `inspect.output` */
  readonly output: OutputSettings & { readonly forms: FormTreatment }
  /** Of what may leave; absent where nothing is counted. */
  readonly budget?: Budget | undefined
  readonly approvals: Approvals
  /** The page where an approval can be settled, where there is one. */
  readonly pageOf: (id: string) => string | undefined
  /** Tells people that somebody must approve. */
  readonly notify: (approval: Approval) => void
}

/** How long to wait when every place is taken: a call takes milliseconds, a crowd of them a second. */
const FULL_WAIT_MS = 1_000

export function createStations(parts: Parts): Stations {
  const { history, seal, clock, withheld, limits, connected } = parts
  const observing = parts.profile === 'observe'
  const tasks = new TaskOwners(parts.store, clock, (entry) => history.write(entry))
  const catalog = new Catalog((server, gone) => approved.redefined(server, gone))
  const meter = createMeter(limits, observing, parts.budget)
  const asking = createAsking(parts)
  const worth = new Worth(asking, meter, observing)
  let underway = 0
  const declared = new Declared()
  const resumed = new Resumed()
  const recall = createRecall({ ...parts, identify: parts.authenticate })
  const times = new CallTimes(parts.timeoutOf, clock)
  const askTools = times.counted(toolsAsker(parts, catalog, recall))
  const questions = createQuestions(seal, declared)
  const connecting = createConnecting(questions)
  const approved = new Approved({ ...parts, questions, declared, catalog, ask: askTools })
  return {
    admit: (call) => {
      meter.admit(call)
      if (underway >= parts.maxCalls) throw full(parts.maxCalls)
      underway++
    },
    identify: checkHeld(recall.identify, parts.anomalies),
    reopen: seal.reopen,
    inspect: withHeld(inspectorOf(parts, catalog, connecting, askTools, worth), parts.anomalies),
    decide: asking.weigh,
    enforce: createEnforce(observing, asking, { meter, tasks, approved, recall, worth }),
    settle: recall.settle,
    narrow: (call, principal) => {
      checkMirrors(call, catalog, principal)
      return tasks.listened(withheld.narrow(narrowListen(call, asking.permitsOf(call, principal))), principal)
    },
    begin: (call, trail) => settled(recall.settle(call), history.write(withApproval(begunEntry(call, trail), approved.approvalOf(call)))),
    direct: (call, principal, forward) => {
      if (approved.takes(call, principal)) return NO_MESSAGES
      resumed.note(call, principal)
      const messages = times.forward(call, principal, forward)
      return connected.has(call.resource.server) ? connecting.watch(messages, call, principal) : messages
    },
    release: createRelease({ ...parts, observing, meter, catalog, tasks, asking, approved, declared, resumed }),
    end: (call, trail) => {
      if (trail.admitted === true) underway--
      limits.end(call)
      times.end(call)
      const known = recall.known(call, trail)
      recall.end(call)
      const ended = meter.record(call, endedEntry(call, approved.decided(call, known), clock(), parts.describe))
      const written = history.write(withApproval(ended, approved.approvalOf(call, trail.denial)), trail.begun === true)
      const spent = approved.end(call, trail)
      return spent === undefined ? written : Promise.all([written, history.write(spent)]).then(() => undefined)
    },
  }
}

function full(maxCalls: number): Denial {
  return new Denial('unavailable', {
    detail: `limits.calls.total (${maxCalls}) is reached`,
    remedies: [{ kind: 'wait', ms: FULL_WAIT_MS }],
  })
}

const NO_MESSAGES: AsyncIterable<Message> = {
  [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: true, value: undefined }) }),
}

function withApproval(entry: Entry, approval: string | undefined): Entry {
  return approval === undefined ? entry : { ...entry, approval }
}

/** At once: it is one way to the store. Who it is comes first, then what it owes. */
function settled(known: Promise<void> | undefined, written: Promise<void>): Promise<void> {
  return known === undefined ? written : inOrder(known, written)
}

/** Once for all who wait, and written down before. */
function toolsAsker({ history, withheld, clock, definitions, timeoutOf }: Parts, catalog: Catalog, recall: Recall): Ask {
  const begin = (call: Call, principal: Principal): Promise<void> => {
    const { server } = call.resource
    const resource = { kind: 'server', server, name: server } as const
    return history.write({ type: 'tools.asked', call: call.id, resource, principal: nameOf(principal), by: 'gateway' })
  }
  const inquiry = new Inquiry({ catalog, clock, begin, timeoutOf, ...(definitions === undefined ? {} : { definitions }) })
  const ask: Ask = (call, principal, forward, isAnew) =>
    inquiry.ask(call, principal, (asked, who) => forward(withheld.narrow(asked), who), isAnew)
  // Others of that name wait for the same answer, with credentials of their own.
  return (...asked) => recall.settle(asked[0])?.then(() => ask(...asked)) ?? ask(...asked)
}

function inspectorOf({ history, ...parts }: Parts, catalog: Catalog, connecting: Connecting, askTools: Ask, worth: Worth): Inspector {
  const ask: Ask = (call, principal, forward) =>
    askTools(call, principal, forward)?.catch((error: unknown) => {
      throw connecting.put(error, call, principal)
    })
  // That a definition cannot be judged by, or not in all it says, is written down once; it refuses nothing by itself.
  const schema = new Validators({
    strict: parts.input === 'strict',
    clock: parts.clock,
    onFlaw: (server, name, findings, usable) => {
      if (!usable) parts.onUnusable?.(unusableText(server, name, findings))
      const resource = { kind: 'tool', server, name } as const
      history.write({ type: 'tool.flawed', resource, findings, by: 'gateway' }).catch(() => undefined)
    },
  })
  return createInspector({ ...parts, ask, catalog, schema, observing: parts.profile === 'observe', worth })
}

function unusableText(server: string, name: string, flaws: readonly Finding[]): string {
  const why = flaws.map(({ pointer, rule = '' }) => `${rule} (inputSchema${pointer})`).join('; ')
  return `${server}/${name} cannot be called: ${why}. Have it mended by whoever makes the server; inspect.input: off would hold no arguments against any schema`
}
