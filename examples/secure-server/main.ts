/** Starts the example server: `node main.ts --root ./notes` over stdio, `node main.ts --root ./notes --http 3001` over HTTP. Both eras. */
import { mkdir, realpath } from 'node:fs/promises'
import { createServer } from 'node:http'
import { parseArgs } from 'node:util'
import { localhostHostValidation, localhostOriginValidation, type NodeIncomingMessageLike, toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, type McpServer } from '@modelcontextprotocol/server'
import { serveStdio } from '@modelcontextprotocol/server/stdio'
import { createSecureServer } from './server.ts'

const { values } = parseArgs({ options: { root: { type: 'string', default: './notes' }, http: { type: 'string' } } })
await mkdir(values.root, { recursive: true })
const root = await realpath(values.root)
const create = (): McpServer => createSecureServer({ root, clock: Date.now })

function serveHttp(port: number): void {
  const handle = toNodeHandler(createMcpHandler(create))
  const isHostFine = localhostHostValidation()
  const isOriginFine = localhostOriginValidation()
  const server = createServer((request, response) => {
    if (!isHostFine(request, response) || !isOriginFine(request, response)) return
    // The adapter's own type forgets exactOptionalPropertyTypes; its documentation names IncomingMessage.
    handle(request as NodeIncomingMessageLike, response).catch((error: unknown) => {
      console.error(error)
      response.destroy()
    })
  })
  server.listen(port, '127.0.0.1', () => {
    const address = server.address()
    console.error(`secure-server: http://127.0.0.1:${typeof address === 'object' ? address?.port : port}/mcp`)
  })
}

if (values.http === undefined) serveStdio(create)
else serveHttp(Number(values.http))
