/** What happens behind the law: the call goes to its server, and sessions are kept on the way. */
import type { IncomingMessage } from 'node:http'
import type { Call, Message, RequestId } from '../core/call.ts'
import { countedAs } from '../core/cidr.ts'
import { nameOf, type Principal } from '../core/principal.ts'
import type { Stop } from '../core/signal.ts'
import { personOf } from '../limit/person.ts'
import type { Session, Sessions } from './session.ts'
import { isWaiting, type Streams } from './streams.ts'

/** Forwards a permitted call. `stop` aborts it: from the edge when the caller has gone, from here when the session cancels it. */
export type Relay = (call: Call, principal: Principal, stop: Pick<Stop, 'abort'>, req?: IncomingMessage) => AsyncIterable<Message>

/** Where calls go. @param req what brought the call, over HTTP: a handler that is guarded is handed it on; an upstream has no use for it. */
export interface Destination {
  forward(call: Call, principal: Principal, req?: IncomingMessage): AsyncIterable<Message>
}

export function createRelay(destination: Destination, sessions: Sessions, streams: Streams): Relay {
  return (call, principal, stop, req) => {
    if (isWaiting(call)) return streams.count(personAt(principal, call), forward(call, principal, stop, req))
    return forward(call, principal, stop, req)
  }

  function forward(call: Call, principal: Principal, stop: Pick<Stop, 'abort'>, req?: IncomingMessage): AsyncIterable<Message> {
    if (call.origin.era === 'modern') {
      // Its one notification is the cancellation, which has become the signal; told on, it could name what another caller asked there.
      return call.message.body.id === undefined ? NOTHING : destination.forward(call, principal, req)
    }
    if (call.method === 'initialize') return initialize(destination, sessions, call, principal, req)
    const session = sessions.claim(call.session, nameOf(principal), call.resource.server)
    if (call.method === 'notifications/cancelled') return cancel(session, call)
    if (call.method === '$end') {
      sessions.end(session.id)
      return NOTHING
    }
    const id = call.message.body.id
    if (call.method === '$stream') return running(destination.forward(call, principal, req), session, STREAM_KEY, stop)
    return id === undefined || call.method === '$response'
      ? destination.forward(call, principal, req)
      : running(destination.forward(call, principal, req), session, id, stop)
  }
}

/** Whose places they take: whose session it is, is another question, and what proved who he is answers it. */
function personAt(principal: Principal, { origin: { address } }: Call): string {
  return personOf(principal, address && countedAs(address))
}

/** Where the GET stream stands among the running requests: no JSON-RPC id of ours or theirs has a NUL. */
const STREAM_KEY = '\u0000stream'

const NOTHING: AsyncIterable<Message> = {
  [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: true, value: undefined }) }),
}

/** The edge proposed the session's id; it comes alive only when the server has accepted the handshake. */
async function* initialize(
  destination: Destination,
  sessions: Sessions,
  call: Call,
  principal: Principal,
  req?: IncomingMessage,
): AsyncIterable<Message> {
  const session = sessions.open(call.session ?? '', nameOf(principal), call.resource.server, personAt(principal, call))
  let accepted = false
  try {
    for await (const message of destination.forward(call, principal, req)) {
      accepted ||= message.body.result !== undefined
      yield message
    }
  } finally {
    if (!accepted) sessions.end(session.id)
  }
}

/** Cancels what this session runs, and nothing else (2025-11-25, basic/utilities/cancellation). */
function cancel(session: Session, call: Call): AsyncIterable<Message> {
  const requestId = call.message.body.params?.['requestId']
  if (typeof requestId === 'string' || typeof requestId === 'number') session.running.get(requestId)?.abort()
  return NOTHING
}

async function* running(
  messages: AsyncIterable<Message>,
  session: Session,
  id: RequestId,
  stop: Pick<Stop, 'abort'>,
): AsyncIterable<Message> {
  session.running.set(id, stop)
  try {
    yield* messages
  } finally {
    if (session.running.get(id) === stop) session.running.delete(id)
  }
}
