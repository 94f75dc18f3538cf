/** The stock handler of the official SDK v2 with the same tool, over HTTP, guarded by nobody. Prints its port. */
import { createServer } from 'node:http'
import { type NodeIncomingMessageLike, toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler } from '@modelcontextprotocol/server'
import { createEchoServer } from './echo-server.ts'

const handle = toNodeHandler(createMcpHandler(createEchoServer))

const server = createServer((request, response) => {
  // The adapter's own type forgets exactOptionalPropertyTypes; its documentation names IncomingMessage.
  handle(request as NodeIncomingMessageLike, response).catch((error: unknown) => {
    console.error(error)
    response.destroy()
  })
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  console.log(typeof address === 'object' ? address?.port : address)
})
