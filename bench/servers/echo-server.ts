/** The one tool that is called, on a server of the official SDK v2. */
import { McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod'
import { TOOL } from './answer.ts'

export function createEchoServer(): McpServer {
  const server = new McpServer({ name: 'bench', version: '1.0.0' }, { capabilities: { tools: {} } })
  server.registerTool(TOOL, { description: 'Says the same again', inputSchema: z.object({ text: z.string() }) }, ({ text }) => ({
    content: [{ type: 'text', text }],
  }))
  return server
}
