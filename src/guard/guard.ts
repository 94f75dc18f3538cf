/** The line. Every call, embedded or proxied, walks `pass()` from top to bottom; there is no other way in. */
import type { Call, Message } from '../core/call.ts'
import type { Decision } from '../core/decision.ts'
import { Denial } from '../core/denial.ts'
import type { Finding } from '../core/finding.ts'
import type { Credential, Principal } from '../core/principal.ts'
import { isResponse } from '../mcp/message.ts'
import { checkRepeated } from './repeated.ts'

/** What has become known on the way. Only the line writes it; stations answer, they do not annotate. */
export interface Trail {
  principal?: Principal
  decision?: Decision
  findings: readonly Finding[]
  denial?: Denial
  /** There was room for it. */
  admitted?: boolean
  /** The call was let through to the server. */
  begun?: boolean
  /** The server answered the whole call; `failed` when with an error. */
  answered?: 'ok' | 'failed'
}

/** Of a stream that says much the last findings are kept: as many as history takes of one call. */
const FINDINGS_MAX = 32

/** Lets a call be done: an upstream, or the handler that is guarded. */
export type Forward = (call: Call, principal: Principal) => AsyncIterable<Message>

// biome-ignore lint/suspicious/noConfusingVoidType: a step that asks nothing answers nothing
type Asking = void | AsyncIterable<Message>

/** The steps of the line. Each either answers or throws a Denial. */
export interface Stations {
  /** Is there room? What is admitted is let go by `end`. */
  admit(call: Call): void
  identify(credentials: readonly Credential[], call: Call): Principal | Promise<Principal>
  /** Takes back what we sealed into an earlier answer to this principal. */
  reopen(call: Call, principal: Principal): Call
  /** States facts; never refuses. May have to ask the server what it takes. */
  inspect(call: Call, principal: Principal, forward: Forward): readonly Finding[] | Promise<readonly Finding[]>
  /** Returns; never throws but a Fault. */
  decide(principal: Principal, call: Call, findings: readonly Finding[]): Decision
  /** Answers what the person at the client is asked, where it is up to them; nothing is done before that has ended. */
  enforce(decision: Decision, principal: Principal, call: Call, findings: readonly Finding[], forward: Forward): Asking | Promise<Asking>
  /**
   * What was put off until the store has answered: whether the caller is who he was taken for, and whether the call is paid for. Nothing is
   * told or done before. Asked again it answers the same; undefined where there is nothing to wait for.
   * @throws Denial (rejects)
   */
  settle(call: Call): undefined | Promise<void>
  /** What of the call may be asked, where a part of it may not: the call itself, or a narrower one. */
  narrow(call: Call, principal: Principal): Call | Promise<Call>
  begin(call: Call, trail: Trail): Promise<void>
  /** To whom the call goes: the server, or ourselves where it answers what we have asked. */
  direct(call: Call, principal: Principal, forward: Forward): AsyncIterable<Message>
  /** What may leave, and in which form. */
  release(message: Message, principal: Principal, call: Call): Message | undefined | Promise<Message | undefined>
  end(call: Call, trail: Trail): Promise<void>
}

/**
 * Walks one call down the line and yields what may leave.
 * @throws Denial always, whatever went wrong: a fault denies.
 */
export async function* pass(house: Stations, call: Call, credentials: readonly Credential[], forward: Forward): AsyncGenerator<Message> {
  const trail: Trail = { findings: [] }
  try {
    house.admit(call) // is there room at the door?                                               503
    trail.admitted = true
    const principal = await house.identify(credentials, call) // who asks?                       401
    trail.principal = principal
    if (call.flaw !== undefined) throw call.flaw // is it well formed? (told only to the known)   400
    checkRepeated(call, credentials) // does it tell the server what was presented?              400
    const asked = house.reopen(call, principal) // does it bring back what we sealed?             400
    const carried = house.inspect(asked, principal, forward) // what does it carry?              facts
    trail.findings = carried instanceof Promise ? await carried.catch((error: unknown) => unseen(house, asked, trail, error)) : carried
    const decision = house.decide(principal, asked, trail.findings) // what is the law?           a value
    trail.decision = decision
    const asking = await house.enforce(decision, principal, asked, trail.findings, forward) // obey it 403
    if (asking !== undefined) yield* asking // first the person at the client is asked
    const narrowed = house.narrow(asked, principal) // only what may be asked is asked
    const permitted = narrowed instanceof Promise ? await narrowed : narrowed
    await house.begin(permitted, trail) // write it down first                                    503
    trail.begun = true
    for await (const message of house.direct(permitted, principal, forward)) {
      const released = await house.release(message, principal, permitted) // may this leave?
      if (released?.findings !== undefined) trail.findings = [...trail.findings, ...released.findings].slice(-FINDINGS_MAX)
      if (isResponse(message.body)) trail.answered = message.body.error === undefined ? 'ok' : 'failed'
      if (released !== undefined) yield released
    }
    if (call.message.body.id === undefined || call.method === '$stream') trail.answered ??= 'ok'
    else if (trail.answered === undefined && call.signal.reason instanceof Denial) throw call.signal.reason // we, not the caller, called it off
  } catch (error) {
    trail.denial = await refusalOf(house, call, error) // who is not who they seemed is told that
    throw trail.denial
  } finally {
    await house.end(call, trail) // always, however it ended
  }
}

/** The server could not be asked what it takes: history is told what the law says as far as it is known, for it was asked before the server was. */
function unseen(house: Stations, asked: Call, trail: Trail, error: unknown): never {
  if (trail.principal !== undefined) trail.decision = house.decide(trail.principal, asked, NO_FINDINGS)
  throw error
}

const NO_FINDINGS = [] as const

/** What a call is refused with: first what was put off of it. */
async function refusalOf(house: Stations, call: Call, error: unknown): Promise<Denial> {
  try {
    await house.settle(call)
    const denial = Denial.from(error)
    const { reason } = call.signal
    // What a server did not get to do because we stopped is none of its failures.
    return denial.code === 'upstream_failed' && reason instanceof Denial ? reason : denial
  } catch (earlier) {
    return Denial.from(earlier)
  }
}
