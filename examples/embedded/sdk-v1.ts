/** A server on SDK v1, as its documentation has it, behind the guard: over HTTP, or with `--stdio` over stdin and stdout. */
import { createServer } from 'node:http'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { z } from 'zod'
import { createGuard, guardNode, guardTransport, requirePermission } from '../../src/index.ts' // in your project: from 'portcullis'
import { keep, nameOfCaller, notes } from './notes.ts'

function createServerV1(): McpServer {
  const server = new McpServer({ name: 'notes', version: '1.0.0' })
  server.registerTool('read_note', { description: 'What you have written.' }, () => ({
    content: [{ type: 'text', text: notes.get(nameOfCaller()) ?? '' }],
  }))
  server.registerTool('write_note', { description: 'Writes your note anew.', inputSchema: { text: z.string().max(4096) } }, ({ text }) => {
    requirePermission('notes:write') // the configuration asks for it too; a tool that is dear to you can ask for itself
    keep(nameOfCaller(), text)
    return { content: [{ type: 'text', text: 'written' }] }
  })
  return server
}

const guard = createGuard(`${import.meta.dirname}/portcullis.yaml`)
if (process.argv.includes('--stdio')) {
  await createServerV1().connect(guardTransport(guard, new StdioServerTransport(), { server: 'notes' }))
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
    { server: 'notes' },
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
