/** The same server with the guard in its process: `guarded-server.ts WRAPPER CONFIG PORT`. Prints its port. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type NodeIncomingMessageLike, toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler } from '@modelcontextprotocol/server'
import { createGuard, type Guard, guardFetch, guardNode, guardServer } from '../../src/index.ts'
import { createEchoServer } from './echo-server.ts'

type Listener = (request: IncomingMessage, response: ServerResponse) => unknown

/** A handler of the SDK's kind as a listener, with the SDK's own adapter. */
function listenerOf(handler: { fetch(request: Request): Promise<Response> }): Listener {
  const handle = toNodeHandler(handler)
  // The adapter's own type forgets exactOptionalPropertyTypes; its documentation names IncomingMessage.
  return (request, response) => handle(request as NodeIncomingMessageLike, response)
}

const WRAPPERS: Readonly<Record<string, (guard: Guard) => Listener>> = {
  guardServer: (guard) => guardServer(guard, createEchoServer(), { server: 'bench' }).listener,
  guardNode: (guard) => guardNode(guard, createMcpHandler(createEchoServer), { server: 'bench' }),
  guardFetch: (guard) => listenerOf({ fetch: guardFetch(guard, createMcpHandler(createEchoServer), { server: 'bench' }) }),
  // What is not known to be the SDK's, although it is.
  'guardNode around any listener': (guard) => guardNode(guard, listenerOf(createMcpHandler(createEchoServer)), { server: 'bench' }),
  'guardFetch around any function': (guard) => {
    const handler = createMcpHandler(createEchoServer)
    return listenerOf({ fetch: guardFetch(guard, (request) => handler.fetch(request), { server: 'bench' }) })
  },
}

const [wrapper = '', config = '', port = ''] = process.argv.slice(2)
const wrap = WRAPPERS[wrapper]
if (wrap === undefined) throw new RangeError(`no wrapper ${wrapper}`)
const guard = createGuard(config)
const server = createServer(wrap(guard))
server.keepAliveTimeout = 60_000
server.listen(Number(port), '127.0.0.1', () => console.log(port))
process.once('SIGTERM', () => {
  server.closeAllConnections()
  server.close()
  void guard.close()
})
