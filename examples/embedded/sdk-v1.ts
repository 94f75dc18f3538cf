/** The server on SDK v1, as its documentation has it, behind the guard: over HTTP, or with `--stdio` over stdin and stdout. */
import { createServer } from 'node:http'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { createGuard, guardNode, guardTransport } from '../../src/index.ts' // in your project: from 'portcullis'
import { TOOLS } from '../secure-server/tools.ts'
import { world } from './world.ts'

function createServerV1(): McpServer {
  const server = new McpServer({ name: 'secure-server', version: '1.0.0' })
  for (const [name, { description, input, annotations, call }] of Object.entries(TOOLS))
    server.registerTool(name, { description, inputSchema: input, annotations }, (args) => call(args, world))
  return server
}

const guard = createGuard(`${import.meta.dirname}/portcullis.yaml`)
if (process.argv.includes('--stdio')) {
  await createServerV1().connect(guardTransport(guard, new StdioServerTransport(), { server: 'secure' }))
} else {
  const listener = guardNode(
    guard,
    async (request, response) => {
      const transport = new StreamableHTTPServerTransport({})
      response.on('close', () => void transport.close())
      // The SDK's own type forgets exactOptionalPropertyTypes.
      await createServerV1().connect(transport as Transport)
      await transport.handleRequest(request, response)
    },
    { server: 'secure' },
  )
  const { port, host } = guard.listen
  const server = createServer(listener)
  server.listen(port, host, () => {
    const address = server.address()
    console.log(`http://${host}:${typeof address === 'object' ? address?.port : port}/mcp`)
  })
  process.once('SIGTERM', async () => {
    server.close() // nobody new comes
    await guard.close() // what is under way is answered
  })
}
