/** The stock handler of the official SDK v2 with the same tool, over HTTP, guarded by nobody. Prints its port. */
import { createServer } from 'node:http'
import { type NodeIncomingMessageLike, toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod'
import { TOOL } from './answer.ts'

const handler = createMcpHandler(() => {
  const server = new McpServer({ name: 'bench', version: '1.0.0' }, { capabilities: { tools: {} } })
  server.registerTool(TOOL, { description: 'Says the same again', inputSchema: z.object({ text: z.string() }) }, ({ text }) => ({
    content: [{ type: 'text', text }],
  }))
  return server
})
const handle = toNodeHandler(handler)

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
