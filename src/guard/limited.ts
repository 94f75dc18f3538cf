/** Limits as the line meets them: before anybody is identified, after the law has permitted, at the end. */
import type { Call, Message } from '../core/call.ts'
import type { Decision } from '../core/decision.ts'
import { Denial } from '../core/denial.ts'
import type { Entry } from '../core/event.ts'
import type { Credential, Principal } from '../core/principal.ts'
import type { Limits } from '../limit/limits.ts'
import type { Budget } from './flow-budget.ts'
import { type BegunTask, endedIn } from './tasks.ts'

export type Identify = (credentials: readonly Credential[], call: Call) => Principal | Promise<Principal>

type Asked<T> = (credentials: readonly Credential[], call: Call) => T | Promise<T>

/** Who counts bad credentials. */
export interface Guessing {
  readonly limits: Pick<Limits, 'failed' | 'isGuessed' | 'checkCredential'>
  readonly keyIdOf: KeyIdOf
}

/** The public id of the key that a credential means to be, undefined when it is no key. */
export type KeyIdOf = (credential: Credential) => string | undefined

/** Bad credentials are counted, and where there were too many the next one is not looked at. */
export function countFailures<T>(identify: Asked<T>, { limits, keyIdOf }: Guessing): Asked<T> {
  return (credentials, call) => {
    const { address } = call.origin
    const [credential] = credentials
    if (credential === undefined || address === undefined) return identify(credentials, call)
    const refused = (error: unknown): never => {
      if (error instanceof Denial) limits.failed(error, address, keyIdOf(credential))
      throw error
    }
    if (limits.isGuessed) limits.checkCredential(address, keyIdOf(credential))
    try {
      const answer = identify(credentials, call)
      return answer instanceof Promise ? answer.catch(refused) : answer
    } catch (error) {
      return refused(error)
    }
  }
}

export interface Meter {
  /** Before anybody is identified. @throws Denial `rate_limited`, `forbidden` */
  admit(call: Call): Denial | undefined
  /** Whether there is any use in looking at a call. @throws Denial `rate_limited` */
  check(call: Call, principal: Principal): void
  /** What a call costs that comes to nothing for what it carries: as much as if it had been permitted, but nothing of it leaves. @throws Denial `rate_limited` */
  tried(call: Call, principal: Principal, decision: Decision): undefined | Promise<void>
  /** What a permitted call costs. @throws Denial `rate_limited` */
  charge(call: Call, principal: Principal, decision: Decision): undefined | Promise<void>
  answered(message: Message, principal: Principal, call: Call): void
  /** What a call has begun is under way in its place. */
  began(call: Call, principal: Principal, task: BegunTask): void
  /** How an ended call is written down. */
  record(call: Call, entry: Entry): Entry
}

/** @param budget of what may leave; none where nothing is counted. */
export function createMeter(limits: Limits, isObserving: boolean, budget?: Budget): Meter {
  const answered = new Map<string, number>()
  const meter: Meter = {
    admit: (call) => limits.admit(call),
    check: (call, principal) => limits.check(call, principal),
    tried: (call, principal, decision) => limits.charge(call, principal, decision),
    charge: (call, principal, decision) => {
      const charged = limits.charge(call, principal, decision)
      if (budget === undefined) return charged
      // What a limit refuses costs nothing of the budget.
      return charged === undefined ? budget(call, principal) : charged.then(() => budget(call, principal))
    },
    answered: (message, principal, call) => {
      const bytes = sizeOf(message)
      limits.answered(principal, call.origin.address, bytes)
      for (const id of endedIn(message, call)) limits.taskEnded(call, id)
      answered.set(call.id, (answered.get(call.id) ?? 0) + bytes)
    },
    began: (call, principal, task) => {
      if (!task.isOver) limits.taskBegan(call, principal, task)
    },
    record: ({ id }, entry) => {
      const bytes = answered.get(id)
      if (bytes === undefined) return entry
      answered.delete(id)
      return { ...entry, bytes }
    },
  }
  return isObserving ? observe(meter) : meter
}

/** In `profile: observe` a limit refuses nothing; what it would have refused is recorded. */
function observe(meter: Meter): Meter {
  const denials = new Map<string, Denial>()
  const note = (call: Call, error: unknown): void => void denials.set(call.id, Denial.from(error))
  return {
    ...meter,
    admit: (call) => {
      const denial = meter.admit(call)
      if (denial !== undefined) note(call, denial)
      return undefined
    },
    check: () => undefined,
    charge: (call, principal, decision) => {
      try {
        return meter.charge(call, principal, decision)?.catch((error: unknown) => note(call, error))
      } catch (error) {
        note(call, error)
        return undefined
      }
    },
    record: (call, ended) => {
      const entry = meter.record(call, ended)
      const denial = denials.get(call.id)
      denials.delete(call.id)
      if (denial === undefined || (entry.outcome !== 'permitted' && entry.outcome !== 'would_deny')) return entry
      return { ...entry, outcome: 'would_deny', denial: denial.code, detail: denial.detail }
    },
  }
}

/** In bytes, as the server sent it; of what a bridge wrote anew, in characters. */
function sizeOf({ body, bytes }: Message): number {
  return bytes === undefined ? JSON.stringify(body).length : bytes.byteLength
}
