/** Arguments repeated as `Mcp-Param-*` headers (2026-07-28, `x-mcp-header`): who reads only headers must not be told something else than the server. */
import type { Call, Message } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import { isObject, type JsonValue } from '../core/json.ts'
import { type Mirror, mirrored, mirrorsOf } from '../mcp/mirror.ts'
import { decodeHeaderValue } from '../mcp/sentinel.ts'

/** Annotated tools that are remembered; they are rare. */
const TOOLS_MAX = 10_000

export class Mirrors {
  /** By server and tool, as its last list said. What was never listed is the server's own to check. */
  readonly #known = new Map<string, readonly Mirror[]>()

  /** A list of tools as it may leave: a tool whose annotation is not valid is none, and must not hide the others. */
  learn(message: Message, server: string): Message {
    const { result } = message.body
    const tools = result?.['tools']
    if (result === undefined || !Array.isArray(tools)) return message
    const kept = tools.filter((tool: JsonValue) => this.#learnTool(tool, server))
    if (kept.length === tools.length) return message
    const body = { ...message.body, result: { ...result, tools: kept } }
    return message.event === undefined ? { body } : { body, event: message.event }
  }

  /** Only the revisions that know such headers owe them. @throws Denial `header_mismatch`, upon which a client asks for the list again. */
  check(call: Call): void {
    if (this.#known.size === 0 || call.method !== 'tools/call') return
    if (call.origin.transport !== 'http' || call.origin.era !== 'modern') return
    const mirrors = this.#known.get(keyOf(call.resource.server, call.resource.name))
    if (mirrors === undefined) return
    const expected = mirrored(mirrors, call.arguments)
    for (const { header } of mirrors) {
      if (!isSame(call.mirrored?.[header], expected[header]))
        throw new Denial('header_mismatch', { detail: `${header} is not the argument` })
    }
  }

  #learnTool(tool: JsonValue, server: string): boolean {
    if (!isObject(tool) || typeof tool['name'] !== 'string') return true
    const key = keyOf(server, tool['name'])
    const mirrors = mirrorsOf(tool['inputSchema'])
    this.#known.delete(key)
    if (mirrors === undefined) return false
    if (mirrors.length > 0 && this.#known.size < TOOLS_MAX) this.#known.set(key, mirrors)
    return true
  }
}

/** The name of a server has no slash in it. */
function keyOf(server: string, tool: string): string {
  return `${server}/${tool}`
}

/** Decoded before they are compared; numbers by their value (SEP-2243). */
function isSame(given: string | undefined, expected: string | undefined): boolean {
  if (given === expected) return true
  if (given === undefined || expected === undefined) return false
  const [left, right] = [decodeHeaderValue(given), decodeHeaderValue(expected)]
  if (left === undefined || right === undefined) return false
  return left === right || (DECIMAL.test(left) && DECIMAL.test(right) && Number(left) === Number(right))
}

const DECIMAL = /^-?\d{1,16}(\.0+)?$/
