/** Mistakes of the embedder, told where they are made: by the name of the argument, and with what was expected of it. */
import type { McpServer, Server } from '@modelcontextprotocol/server'
import type { Config } from '../config/config.ts'
import { Fault } from '../core/denial.ts'
import { isServerCovered, parsePattern } from '../core/pattern.ts'
import type { Guarded } from './guard.ts'

/** As in the configuration: it stands in URLs, patterns and the journal. */
const SERVER_NAME = /^[a-z0-9][a-z0-9-]{0,63}$/
const OPTIONS: ReadonlySet<string> = new Set(['server', 'tools'])

/** @throws TypeError */
export function checkConfig(config: unknown): void {
  if (typeof config === 'string') return
  if (isRecord(config) && isRecord(config['access']) && isRecord(config['limits']) && typeof config['directory'] === 'string') return
  throw new TypeError('config: expected the path of a configuration file, or what loadConfig() or parseConfig() answers')
}

/** A check that is misspelt would be no check. @throws TypeError; RangeError for a name that no server can have. */
export function checkGuarded(options: unknown): asserts options is Guarded {
  if (!isRecord(options))
    throw new TypeError('options: expected { server, tools? }, with the name that the server has in the configuration')
  const { server, tools = {} } = options
  if (typeof server !== 'string') throw new TypeError('options.server: expected the name that the server has in the configuration')
  if (!SERVER_NAME.test(server)) throw new RangeError(`${JSON.stringify(server)} is no server's name: lower-case letters, digits and "-"`)
  for (const name of Object.keys(options))
    if (!OPTIONS.has(name)) throw new TypeError(`options.${name}: there is no such option; there are server and tools`)
  if (!isRecord(tools)) throw new TypeError('options.tools: expected a function for each tool or pattern')
  for (const [pattern, check] of Object.entries(tools))
    if (typeof check !== 'function') throw new TypeError(`options.tools[${JSON.stringify(pattern)}]: expected a function`)
}

/** @throws TypeError for anything else, such as a server of v1. */
export function checkServer(server: unknown): asserts server is McpServer | Server {
  const low = isRecord(server) && 'server' in server ? server['server'] : server
  if (
    !isRecord(server) ||
    !isRecord(low) ||
    typeof server['connect'] !== 'function' ||
    typeof low['getNegotiatedProtocolVersion'] !== 'function'
  )
    throw new TypeError('server: expected an McpServer or Server of the SDK v2; one of v1 is guarded by guardNode() or guardTransport()')
}

/** Those in use. One kept for two hosts would answer the callers of the one to the other. */
const hosted = new WeakSet<Server>()

/** From now on it is hosted here. Answers how to let it go. @throws TypeError */
export function takeServer(server: McpServer | Server): () => void {
  const low = 'server' in server ? server.server : server
  if (hosted.has(low)) throw new TypeError('server: it is guarded already; make one for each guardServer()')
  if (low.transport !== undefined) throw new TypeError('server: it is connected already; guardServer() connects it')
  hosted.add(low)
  return () => void hosted.delete(low)
}

/** Guards that were told so already: transports are made for each request or session. */
const warned = new WeakSet<object>()

/** Behind a transport over HTTP a refusal has no status any more: clients neither sign in nor renew their tokens by it. */
export function overHttp(guard: object, transport: object): Fault | undefined {
  if (warned.has(guard) || !('handleRequest' in transport || 'handlePostMessage' in transport)) return undefined
  warned.add(guard)
  return new Fault(
    'FAULT_CONFIG',
    'guardTransport(): this transport is one over HTTP. What is refused here is a JSON-RPC error within a 200, without a challenge, and no ' +
      'client signs in or renews its token by that. Put guardNode() or guardFetch() around the handler instead',
  )
}

/** Where all rules name servers and none names this one, it is misspelt, here or there: everything of it is denied. */
export function unknownServer(server: string, { servers }: Config, access: Config['access']): Fault | undefined {
  // Of which server a policy is, only the engine knows.
  if (Object.hasOwn(servers, server) || access.policies.length > 0) return undefined
  const patterns = [...Object.keys(access.tools), ...Object.keys(access.prompts)]
    .map(parsePattern)
    .filter((pattern) => pattern !== undefined)
  const rules = [...patterns, ...access.resources.map((rule) => ({ text: rule.uri, server: rule.server, name: rule.uri }))]
  if (rules.length === 0 || rules.some((rule) => isServerCovered(rule, server))) return undefined
  const named = [...new Set(rules.map((rule) => rule.server))].sort().join(', ')
  return new Fault(
    'FAULT_CONFIG',
    `options.server: no rule of access is for "${server}", so all its calls are denied; those that are written are for: ${named}`,
  )
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
