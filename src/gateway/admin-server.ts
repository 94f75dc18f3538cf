/** The MCP server for operators, `/mcp/portcullis`: what an operator may ask an agent to look up, and one thing to do. It walks the line like every other. */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Peer } from '../bridge/peer.ts'
import { INVALID_PARAMS, METHOD_NOT_FOUND } from '../bridge/wire.ts'
import { ADMIN_SERVER } from '../config/admin.ts'
import type { Call, Message } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import type { Principal } from '../core/principal.ts'
import type { House } from '../guard/create.ts'
import { errorResponse, resultResponse } from '../mcp/message.ts'
import { LATEST_MODERN, META } from '../mcp/revision.ts'
import { rightsOf } from '../policy/roles.ts'
import { InProcess } from '../upstream/in-process.ts'
import type { Upstream } from '../upstream/upstream.ts'
import { Mistake, TOOLS, type Tool } from './admin-tools.ts'

/**
 * @param roles who may use it at all, beside what the law says: a permit for every tool of every server is not meant for this one
 */
export function createAdminServer(house: House, roles: readonly string[], version: string): Upstream {
  const asking = new AsyncLocalStorage<Principal>()
  const inner = new InProcess(new AdminPeer(house, asking, version), { name: ADMIN_SERVER, version })
  return {
    forward(call: Call, principal: Principal) {
      const { roles: held } = rightsOf(principal.roles, house.law.roles)
      if (!roles.some((role) => held.has(role))) throw new Denial('forbidden', { detail: 'adminServer is not for its roles' })
      return carried(asking, principal, () => inner.forward(call, principal))
    },
    release: (session) => inner.release(session),
    close: () => inner.close(),
  }
}

/** The messages of a call, each made while it is known who asks. */
async function* carried(
  asking: AsyncLocalStorage<Principal>,
  principal: Principal,
  begin: () => AsyncIterable<Message>,
): AsyncGenerator<Message> {
  const iterator = asking.run(principal, begin)[Symbol.asyncIterator]()
  try {
    for (;;) {
      const next = await asking.run(principal, () => iterator.next())
      if (next.done === true) return
      yield next.value
    }
  } finally {
    await iterator.return?.()
  }
}

class AdminPeer implements Peer {
  readonly #house: House
  readonly #asking: AsyncLocalStorage<Principal>
  readonly #version: string

  constructor(house: House, asking: AsyncLocalStorage<Principal>, version: string) {
    this.#house = house
    this.#asking = asking
    this.#version = version
  }

  async *request({ body: { id = 0, method, params } }: Message): AsyncGenerator<Message> {
    switch (method) {
      case 'server/discover':
        yield { body: resultResponse(id, { ...DISCOVERED, _meta: { [META.serverInfo]: { name: ADMIN_SERVER, version: this.#version } } }) }
        return
      case 'tools/list':
        yield { body: resultResponse(id, LISTED) }
        return
      case 'tools/call': {
        const name = String(params?.['name'])
        const tool = Object.hasOwn(TOOLS, name) ? TOOLS[name] : undefined
        const args = isObject(params?.['arguments']) ? params['arguments'] : {}
        if (tool === undefined) yield { body: errorResponse(id, INVALID_PARAMS, 'Unknown tool.') }
        else yield { body: resultResponse(id, await this.#run(tool, args)) }
        return
      }
      default:
        yield { body: errorResponse(id, METHOD_NOT_FOUND, 'Method not found.') }
    }
  }

  async #run(tool: Tool, args: JsonObject): Promise<JsonObject> {
    const principal = this.#asking.getStore()
    if (principal === undefined) throw new Denial('unavailable', { detail: 'nobody asks' })
    try {
      const found = await tool.run(this.#house, args, principal)
      return { resultType: 'complete', content: [{ type: 'text', text: JSON.stringify(found) }], structuredContent: { result: found } }
    } catch (error) {
      if (!(error instanceof Mistake)) throw error
      return { resultType: 'complete', content: [{ type: 'text', text: error.message }], isError: true }
    }
  }

  /** Nothing is notified and nothing asked. */
  send(): Promise<void> {
    return Promise.resolve()
  }

  onStray(): () => void {
    return () => undefined
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

const CACHING = { ttlMs: 0, cacheScope: 'private' } as const
const DISCOVERED = { resultType: 'complete', supportedVersions: [LATEST_MODERN], capabilities: { tools: {} }, ...CACHING } as const
const LISTED: JsonObject = {
  resultType: 'complete',
  tools: Object.entries(TOOLS).map(([name, { description, properties, required, isReadOnly }]) => ({
    name,
    description,
    inputSchema: { type: 'object', properties, additionalProperties: false, ...(required !== undefined && { required }) },
    annotations: { readOnlyHint: isReadOnly, destructiveHint: !isReadOnly, openWorldHint: false },
  })),
  ...CACHING,
}
