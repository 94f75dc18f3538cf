/** What the gateway itself asks of the person at a client, in the best way that the client has. */
import { randomUUID } from 'node:crypto'
import type { Call, Resource } from '../core/call.ts'
import type { Question } from '../core/denial.ts'
import type { JsonObject } from '../core/json.ts'
import type { Principal } from '../core/principal.ts'
import { visible } from '../core/visible.ts'
import type { Declared } from './declared.ts'
import { type Ours, ROUND_TRIP, type StateSeal } from './state.ts'

/** Of a name that is shown to people. */
const NAME_MAX_CHARS = 120

export interface Questions {
  /** Undefined where the client cannot open pages, or its person would not. */
  approve(
    call: Call,
    principal: Principal,
    page: { readonly id: string; readonly url: string | undefined },
    ours: Ours,
  ): Question | undefined
  /** Undefined where the client has no forms, or is asked in the middle of a call instead, or its person said no. */
  confirm(call: Call, principal: Principal, ours: Ours): Question | undefined
  /** Undefined where the client cannot open pages, or its person would not. @param url where an account at the server is connected */
  connect(call: Call, principal: Principal, url: string): Question | undefined
}

export function createQuestions(seal: StateSeal, declared: Declared): Questions {
  /** The answer of this leg, as a result that asks. What the server had asked before waits behind our question. */
  const inputRequired = (call: Call, principal: Principal, params: JsonObject, ours: Ours): Question | undefined => {
    const { id, params: asked } = call.message.body
    if (id === undefined || !ROUND_TRIP.has(call.method)) return undefined
    // Of no name that a server could have chosen.
    const question = `portcullis-${ours.nonce}`
    const theirs = asked?.['requestState']
    const result: JsonObject = {
      resultType: 'input_required',
      inputRequests: { [question]: { method: 'elicitation/create', params } },
      ...(typeof theirs === 'string' ? { requestState: theirs } : {}),
    }
    const sealed = seal.seal({ body: { jsonrpc: '2.0', id, result } }, principal, call, { ...ours, question })
    return { kind: 'input_required', result: sealed.body.result ?? result }
  }
  const wasRefused = ({ returned }: Call, kind: Ours['kind']): boolean =>
    returned?.kind === kind && returned.reply !== undefined && returned.reply !== 'accept'

  const open = (call: Call, principal: Principal, id: string, url: string, message: string, ours: Ours): Question | undefined => {
    if (!declared.elicits('url', call, principal) || wasRefused(call, ours.kind)) return undefined
    const page = { mode: 'url', url, message }
    if (call.origin.era === 'modern') return inputRequired(call, principal, page, ours)
    return { kind: 'url_elicitation', elicitations: [{ ...page, elicitationId: id }] }
  }

  return {
    approve(call, principal, { id, url }, ours) {
      if (url === undefined) return undefined
      const message = `Somebody with the right to approve must allow this call: ${nameOf(call.resource)}. Open the page, sign in and decide; then the call can go on.`
      return open(call, principal, id, url, message, ours)
    },
    connect(call, principal, url) {
      const message = `${call.resource.server} acts with an account of yours there. Connect it, then try again.`
      return open(call, principal, call.id, url, message, { kind: 'connect', nonce: randomUUID() })
    },
    confirm(call, principal, ours) {
      if (call.origin.era !== 'modern' || !declared.elicits('form', call, principal) || wasRefused(call, 'confirm')) return undefined
      return inputRequired(call, principal, { mode: 'form', ...confirmationOf(call.resource) }, ours)
    },
  }
}

/** A form without a field: to send it is to say yes. */
export function confirmationOf(resource: Resource): JsonObject {
  return { message: `Really call ${nameOf(resource)}?`, requestedSchema: { type: 'object', properties: {} } }
}

function nameOf({ server, name }: Resource): string {
  const shown = visible(name)
  return `${server}/${shown.length > NAME_MAX_CHARS ? `${shown.slice(0, NAME_MAX_CHARS)}…` : shown}`
}
