/** The example server on SDK v2: five tools, each with its own rules, whoever stands in front of it. */
import { McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod'
import { TOOLS, type World } from './tools.ts'

/** A new instance: SDK hosts want one for each connection or request. */
export function createSecureServer(world: World): McpServer {
  const server = new McpServer({ name: 'secure-server', version: '1.0.0' }, { capabilities: { tools: {} } })
  for (const [name, { description, input, annotations, call }] of Object.entries(TOOLS))
    server.registerTool(name, { description, inputSchema: z.object(input), annotations }, (args) => call(args, world))
  return server
}
