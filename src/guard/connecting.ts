/** Who has not connected an account at a server is shown the page by their client, where it can open one, instead of an error. */
import type { Call, Message } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import type { Principal } from '../core/principal.ts'
import type { Questions } from './questions.ts'

export interface Connecting {
  /** What a call is refused with, put as a question where the client can be asked. */
  put(error: unknown, call: Call, principal: Principal): unknown
  /** What a server of such accounts says to a call. */
  watch(messages: AsyncIterable<Message>, call: Call, principal: Principal): AsyncIterable<Message>
}

export function createConnecting(questions: Questions): Connecting {
  const put: Connecting['put'] = (error, call, principal) => {
    if (!(error instanceof Denial) || error.code !== 'connection_required') return error
    const { detail, remedies } = error
    const url = remedies.find((remedy) => remedy.kind === 'connect')?.url
    const question = url === undefined ? undefined : questions.connect(call, principal, url)
    return question === undefined ? error : new Denial('connection_required', { detail, remedies, question, cause: error })
  }
  return {
    put,
    async *watch(messages, call, principal) {
      try {
        yield* messages
      } catch (error) {
        throw put(error, call, principal)
      }
    },
  }
}
