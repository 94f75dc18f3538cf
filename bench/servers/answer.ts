/** The fast upstream's answers: as little work as an MCP server can do, so that what stands in front of it is what is measured. */

/** A `tools/call` and its answer are this long on the wire. */
export const BODY_BYTES = 400
export const TOOL = 'echo'
export const REVISION = '2026-07-28'

const TOOLS = [
  {
    name: TOOL,
    description: 'Answers 400 bytes',
    inputSchema: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] },
  },
]
const CAPABILITIES = { tools: {} }
const SERVER_INFO = { name: 'bench', version: '1.0.0' }

/** Pads the text of a message so that the whole is `BODY_BYTES` long. */
export function padded(build: (text: string) => object): string {
  const bare = JSON.stringify(build('')).length
  return JSON.stringify(build('x'.repeat(Math.max(0, BODY_BYTES - bare))))
}

const CALL_RESULT = padded((text) => ({
  jsonrpc: '2.0',
  id: 0,
  result: { content: [{ type: 'text', text }], resultType: 'complete' },
})).slice('{"jsonrpc":"2.0","id":0,"result":'.length, -1)

function resultOf(method: string, params: { readonly protocolVersion?: string } | undefined): string {
  switch (method) {
    case 'tools/call':
      return CALL_RESULT
    case 'tools/list':
      return JSON.stringify({ tools: TOOLS, resultType: 'complete', ttlMs: 60_000, cacheScope: 'private' })
    case 'server/discover':
      return JSON.stringify({
        supportedVersions: [REVISION],
        capabilities: CAPABILITIES,
        resultType: 'complete',
        ttlMs: 60_000,
        cacheScope: 'private',
        _meta: { 'io.modelcontextprotocol/serverInfo': SERVER_INFO },
      })
    case 'initialize':
      return JSON.stringify({ protocolVersion: params?.protocolVersion, capabilities: CAPABILITIES, serverInfo: SERVER_INFO })
    default:
      return '{}'
  }
}

/** The answer to one message; the empty string when none is due. */
export function answer(line: string): string {
  const { id, method, params } = JSON.parse(line)
  return id === undefined ? '' : `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${resultOf(method, params)}}`
}
