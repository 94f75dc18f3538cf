/** Messages and envelopes as they arrive, for the tests of this room. */

import type { Call } from '../../src/core/call.ts'
import { DENIALS, type DenialCode } from '../../src/core/denial.ts'
import type { JsonObject, JsonValue } from '../../src/core/json.ts'
import { type Envelope, parseCall } from '../../src/mcp/parse.ts'

export const META: JsonObject = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 't', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
}

const SIGNAL = new AbortController().signal

export function envelope(rest: Partial<Envelope> = {}): Envelope {
  return { id: 'call-1', server: 'files', transport: 'http', receivedAt: 1_000, signal: SIGNAL, limits: { maxDepth: 64 }, ...rest }
}

/** Headers of a modern request. */
export function modern(method: string, name?: string): Record<string, string> {
  const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method }
  return name === undefined ? headers : { ...headers, 'mcp-name': name }
}

export function bytes(value: JsonValue | string): Uint8Array {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
}

/** A modern call of the tool `echo`, its parts replaceable. */
export function echo(params: JsonObject = {}, rest: JsonObject = {}): JsonObject {
  return {
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'echo', arguments: { message: 'hi' }, _meta: META, ...params },
    ...rest,
  }
}

/** Parses over HTTP with the headers that the message needs. */
export function parseModern(body: JsonObject): Call {
  const method = String(body['method'])
  const params = body['params'] as JsonObject | undefined // a test's own literal
  const name = params?.['name'] ?? params?.['uri'] ?? params?.['taskId']
  return parseCall(bytes(body), envelope({ headers: modern(method, typeof name === 'string' ? name : undefined) }))
}

/** Parses text over HTTP as a modern call of `echo`. */
export function parseText(text: string | Uint8Array): Call {
  return parseCall(typeof text === 'string' ? Buffer.from(text) : text, envelope({ headers: modern('tools/call', 'echo') }))
}

/** Parses over HTTP as a revision with `initialize`. */
export function parseLegacy(body: JsonObject, rest: Partial<Envelope> = {}, revision: string | undefined = '2025-11-25'): Call {
  const headers: Record<string, string> = revision === undefined ? {} : { 'mcp-protocol-version': revision }
  return parseCall(bytes(body), envelope({ headers, ...rest }))
}

export function codeOf(call: Call): DenialCode | undefined {
  return call.flaw?.code
}

export function statusOf(call: Call): number | undefined {
  return call.flaw === undefined ? undefined : DENIALS[call.flaw.code].status
}
