/** What clients can do for servers, and what of it a server is not told: then a server that honours it never asks, and one that does not is not heard. */
import type { Config } from '../config/config.ts'
import type { ServerConfig } from '../config/servers.ts'
import type { Body, Call } from '../core/call.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import { META, metaOf } from '../mcp/revision.ts'

/**
 * `roots`: folders that a client tells. Many a server takes them for what it may show, and so a caller would widen what the operator allowed.
 * `sampling`: the client's model, at the client's expense. A server would speak to it past everything that its answers go through.
 */
export type Capability = 'roots' | 'sampling'

const ASKED_BY: Readonly<Record<string, Capability>> = { 'roots/list': 'roots', 'sampling/createMessage': 'sampling' }

/** What each server is not told. */
export class Withheld {
  readonly #from: ReadonlyMap<string, readonly Capability[]>

  constructor(servers: Config['servers']) {
    this.#from = new Map(Object.entries(servers).map(([name, server]) => [name, withheldFrom(server)]))
  }

  /** Whether a server asks for what it was not told. */
  asks(server: string, method: string | undefined): boolean {
    const capability = method === undefined ? undefined : ASKED_BY[method]
    return capability !== undefined && this.#from.get(server)?.includes(capability) === true
  }

  /** The call without them: in `initialize`, or in the `_meta` of a modern request. */
  narrow(call: Call): Call {
    const names = this.#from.get(call.resource.server)
    return names === undefined || names.length === 0 ? call : without(call, names)
  }
}

function withheldFrom(server: ServerConfig): readonly Capability[] {
  const roots: readonly Capability[] = server.kind === 'command' && !server.roots ? ['roots'] : []
  return server.kind === 'admin' || server.sampling === true ? roots : [...roots, 'sampling']
}

function without(call: Call, names: readonly Capability[]): Call {
  const { body } = call.message
  const { params } = body
  if (params === undefined) return call
  const meta = metaOf(params)
  const isOpening = call.method === 'initialize'
  const capabilities = isOpening ? params['capabilities'] : meta?.[META.clientCapabilities]
  if (!isObject(capabilities) || !names.some((name) => capabilities[name] !== undefined)) return call
  const rest = Object.fromEntries(Object.entries(capabilities).filter(([name]) => !names.some((one) => one === name)))
  const less: JsonObject = isOpening
    ? { ...params, capabilities: rest }
    : { ...params, _meta: { ...meta, [META.clientCapabilities]: rest } }
  const rewritten: Body = { ...body, params: less }
  return { ...call, message: { body: rewritten } }
}
