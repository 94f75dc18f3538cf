/** A server whose users connect accounts: who has not is shown the page by their client, where it can, instead of an error. */
import type { Call, Message } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import type { Entry } from '../core/event.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import { nameOf, type Principal } from '../core/principal.ts'
import { errorResponse, resultResponse } from '../mcp/message.ts'
import { META, metaOf } from '../mcp/revision.ts'
import type { Upstream } from '../upstream/upstream.ts'

/** The name of our question among those of the server. */
const QUESTION = 'portcullis.connect'
/** Methods that may be asked in several legs (2026-07-28, basic/patterns/mrtr). */
const ROUND_TRIP: ReadonlySet<string> = new Set(['tools/call', 'prompts/get', 'resources/read'])
/** 2025-11-25, client/elicitation "URL Elicitation Required Error". */
const URL_REQUIRED = -32042
const URL_REVISION = '2025-11-25'

/** That somebody was asked, as history keeps it. */
export function askedOn(onEvent: (entry: Entry) => void): (call: Call, principal: Principal) => void {
  return ({ id, method, resource }, principal) =>
    onEvent({ type: 'connection.asked', call: id, method, resource, principal: nameOf(principal), by: 'gateway' })
}

export class AskingUpstream implements Upstream {
  readonly #inner: Upstream
  readonly #onAsk: (call: Call, principal: Principal) => void
  /** Sessions whose clients can open a page. */
  readonly #openers = new Set<string>()

  /** @param onAsk told when somebody is asked, which is no refusal and would be in no history. */
  constructor(inner: Upstream, onAsk: (call: Call, principal: Principal) => void) {
    this.#inner = inner
    this.#onAsk = onAsk
  }

  async *forward(call: Call, principal: Principal): AsyncGenerator<Message, undefined> {
    const { session, message } = call
    if (call.method === 'initialize' && session !== undefined && canOpen(message.body.params?.['capabilities'])) this.#openers.add(session)
    const answer = answerTo(call)
    try {
      yield* this.#inner.forward(answer === undefined ? call : withoutAnswer(call), principal)
    } catch (error) {
      const denial = Denial.from(error)
      const url = denial.code === 'connection_required' ? denial.remedies.find((remedy) => remedy.kind === 'connect')?.url : undefined
      // Who said no is not asked again.
      const isUnwanted = answer !== undefined && answer !== 'accept'
      const asked = url === undefined || isUnwanted ? undefined : this.#ask(call, url)
      if (asked === undefined) throw denial
      this.#onAsk(call, principal)
      yield asked
    }
  }

  release(session: string): void {
    this.#openers.delete(session)
    this.#inner.release(session)
  }

  close(): Promise<void> {
    return this.#inner.close()
  }

  #ask({ message: { body }, method, origin, session, id, resource }: Call, url: string): Message | undefined {
    if (body.id === undefined) return undefined
    const question = { mode: 'url', message: `${resource.server} acts with an account of yours there. Connect it, then try again.`, url }
    if (origin.era === 'modern') {
      if (!ROUND_TRIP.has(method) || !canOpen(metaOf(body.params)?.[META.clientCapabilities])) return undefined
      const inputRequests = { [QUESTION]: { method: 'elicitation/create', params: question } }
      return { body: resultResponse(body.id, { resultType: 'input_required', inputRequests }) }
    }
    // Before the session stands nothing may be elicited in it.
    if (method === 'initialize' || origin.revision !== URL_REVISION || session === undefined || !this.#openers.has(session))
      return undefined
    return {
      body: errorResponse(body.id, URL_REQUIRED, 'An account has to be connected.', { elicitations: [{ ...question, elicitationId: id }] }),
    }
  }
}

function canOpen(capabilities: unknown): boolean {
  const elicitation = isObject(capabilities) ? capabilities['elicitation'] : undefined
  return isObject(elicitation) && elicitation['url'] !== undefined
}

/** What the caller's client made of our question: `accept`, `decline`, `cancel`. */
function answerTo({ message: { body } }: Call): string | undefined {
  const responses = body.params?.['inputResponses']
  const answer = isObject(responses) ? responses[QUESTION] : undefined
  return isObject(answer) ? String(answer['action']) : undefined
}

/** The server asked nothing, so it is told no answer. */
function withoutAnswer(call: Call): Call {
  const { inputResponses, ...params } = call.message.body.params ?? {}
  const { [QUESTION]: _ours, ...rest }: JsonObject = isObject(inputResponses) ? inputResponses : {}
  const kept = Object.keys(rest).length === 0 ? params : { ...params, inputResponses: rest }
  return { ...call, message: { body: { ...call.message.body, params: kept } } }
}
