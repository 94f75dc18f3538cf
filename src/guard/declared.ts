/** What clients can be asked: as each request says itself (2026-07-28), or as was said once, when the session was opened. */
import type { Call } from '../core/call.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import { nameOf, type Principal } from '../core/principal.ts'
import { META, metaOf } from '../mcp/revision.ts'
import { remember } from '../trust/remember.ts'

/** Sessions whose client is remembered; more are open in no process. */
const SESSIONS_MAX = 10_000

/** What a client declares of a request of its own. */
export function declaredBy(call: Call): JsonObject {
  const declared = metaOf(call.message.body.params)?.[META.clientCapabilities]
  return isObject(declared) ? declared : {}
}

export class Declared {
  /** By session: whose it is, and what its client can do. */
  readonly #sessions = new Map<string, { readonly principal: string; readonly capabilities: JsonObject }>()

  /** Of an `initialize` that was accepted. */
  learn(call: Call, principal: Principal): void {
    const capabilities = call.message.body.params?.['capabilities']
    if (call.session === undefined || !isObject(capabilities)) return
    remember(this.#sessions, call.session, { principal: nameOf(principal), capabilities }, SESSIONS_MAX)
  }

  /** Whether the client puts a form before its person, or opens a page for them (`elicitation: {}` means forms only). */
  elicits(mode: 'form' | 'url', call: Call, principal: Principal): boolean {
    const { elicitation } = call.origin.era === 'modern' ? declaredBy(call) : this.#ofSession(call, principal)
    if (!isObject(elicitation)) return false
    return elicitation[mode] !== undefined || (mode === 'form' && elicitation['url'] === undefined)
  }

  #ofSession({ session }: Call, principal: Principal): JsonObject {
    const known = session === undefined ? undefined : this.#sessions.get(session)
    return known?.principal === nameOf(principal) ? known.capabilities : {}
  }
}
