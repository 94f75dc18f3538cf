/** What the answers of a resumed stream answer: each leaves as that, or not at all, for a stream by itself is of no tool and of no list. */
import type { Call, Message, RequestId } from '../core/call.ts'
import type { JsonValue } from '../core/json.ts'
import { nameOf, type Principal } from '../core/principal.ts'
import { foreignLists } from '../mcp/methods.ts'
import { remember } from '../trust/remember.ts'

/** Sessions whose requests are remembered; of others nothing is fetched later. */
const SESSIONS_MAX = 1_024
/** Requests of one session: who resumes comes back for one of the last. */
const REQUESTS_MAX = 256
/** What has a longer name is not fetched later. */
const NAME_MAX_CHARS = 512

/** What was asked, as far as its answer is judged by it. Undefined: under this id it was more than one thing, or what opened the session. */
interface Asked {
  readonly call: Pick<Call, 'method' | 'action' | 'resource' | 'receivedAt'>
  /** Where a list went on. */
  readonly cursor: JsonValue | undefined
  isAnswered: boolean
}

export interface Fetched {
  /** The call that is answered. */
  readonly call: Call
  /** Nothing has answered it before: a server may leave an answer to whoever comes back for it. Else it is as old as its call. */
  readonly isFirst: boolean
}

interface Session {
  readonly owner: string
  readonly asked: Map<RequestId, Asked | undefined>
  /** The highest number under which something was asked that is forgotten. */
  forgotten: number
  /** Something is forgotten that was asked under a text. */
  hasForgotten: boolean
}

/** Streams that are resumed: 2025-11-25, basic/transports "Resumability and Redelivery". */
export class Resumed {
  /** Begun by `initialize`, so that one that gave way does not come back empty. */
  readonly #sessions = new Map<string, Session>()

  /** A request goes to its server. */
  note(call: Call, principal: Principal): void {
    const { id } = call.message.body
    if (call.origin.era !== 'legacy' || call.session === undefined || id === undefined || call.method.startsWith('$')) return
    if (call.method === 'initialize') {
      const begun: Session = {
        owner: nameOf(principal),
        asked: new Map([[id, undefined]]),
        forgotten: Number.NEGATIVE_INFINITY,
        hasForgotten: false,
      }
      remember(this.#sessions, call.session, begun, SESSIONS_MAX)
      return
    }
    const session = this.#sessions.get(call.session)
    if (session?.owner !== nameOf(principal)) return
    const isFresh = !session.asked.has(id) && (typeof id === 'number' ? id > session.forgotten : !session.hasForgotten)
    session.asked.set(id, isFresh ? askedBy(call) : undefined)
    if (session.asked.size > REQUESTS_MAX) forgetOldest(session)
  }

  /** An answer came by its own call. */
  answered({ session, message }: Call, principal: Principal): void {
    const { id } = message.body
    const known = session === undefined ? undefined : this.#sessions.get(session)
    const asked = known?.owner === nameOf(principal) && id !== undefined ? known.asked.get(id) : undefined
    if (asked !== undefined) asked.isAnswered = true
  }

  /** @param stream `$stream`, on which the answer came. @returns undefined when its session is not known to have asked for it. */
  of({ body }: Message, stream: Call, principal: Principal): Fetched | undefined {
    const session = stream.session === undefined ? undefined : this.#sessions.get(stream.session)
    const asked = session?.owner === nameOf(principal) && body.id !== undefined ? session.asked.get(body.id) : undefined
    if (asked === undefined || asked.call.resource.server !== stream.resource.server) return undefined
    // Whatever it says that it is, a list leaves as the list that it is.
    if (foreignLists(asked.call.method).some((member) => body.result?.[member] !== undefined)) return undefined
    const isFirst = !asked.isAnswered
    asked.isAnswered = true
    const { method } = asked.call
    const params = asked.cursor === undefined ? {} : { cursor: asked.cursor }
    return { call: { ...stream, ...asked.call, message: { body: { jsonrpc: '2.0', id: body.id ?? 0, method, params } } }, isFirst }
  }
}

function askedBy({ method, action, resource, receivedAt, message }: Call): Asked | undefined {
  const cursor = message.body.params?.['cursor']
  const isShort = resource.name.length <= NAME_MAX_CHARS && (cursor === undefined || String(cursor).length <= NAME_MAX_CHARS)
  return isShort ? { call: { method, action, resource, receivedAt }, cursor, isAnswered: false } : undefined
}

function forgetOldest(session: Session): void {
  const [oldest] = session.asked.keys()
  if (oldest === undefined) return
  session.asked.delete(oldest)
  if (typeof oldest === 'number') session.forgotten = Math.max(session.forgotten, oldest)
  else session.hasForgotten = true
}
