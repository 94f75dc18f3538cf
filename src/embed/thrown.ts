/** What the callbacks of a hosted server throw, seen before the SDK makes a text of it: a Denial is the refusal of its call. */
import type { McpServer, Server } from '@modelcontextprotocol/server'
import { noteThrown } from './context.ts'

type Work = (...given: unknown[]) => unknown

/**
 * Tools of an `McpServer` are run by a method of its own, which the SDK catches all errors of; every other callback is a handler of its
 * `Server`. The SDK offers nothing to stand in between, so its parts are asked by name: where one is called otherwise, what is thrown
 * is the error that the SDK makes of it.
 */
export function watchThrown(server: McpServer | Server): void {
  const run: unknown = Reflect.get(server, 'executeToolHandler')
  if (isWork(run)) Object.defineProperty(server, 'executeToolHandler', { value: watched(run), configurable: true })
  const handlers: unknown = Reflect.get('server' in server ? server.server : server, '_requestHandlers')
  if (!(handlers instanceof Map)) return
  for (const [method, handler] of handlers) if (isWork(handler)) handlers.set(method, watched(handler))
}

function watched(work: Work): Work {
  return async function (this: unknown, ...given) {
    try {
      return await work.apply(this, given)
    } catch (error) {
      noteThrown(error)
      throw error
    }
  }
}

function isWork(value: unknown): value is Work {
  return typeof value === 'function'
}
