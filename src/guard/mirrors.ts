/** Arguments repeated as `Mcp-Param-*` headers (2026-07-28, `x-mcp-header`): who reads only headers must not be told something else than the server. */
import type { Call } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import type { Principal } from '../core/principal.ts'
import { mirrored } from '../mcp/mirror.ts'
import { decodeHeaderValue } from '../mcp/sentinel.ts'
import type { Catalog } from './catalog.ts'

/**
 * By what the tool's server last told the caller; of what was never listed, the headers are the server's own to check. Only the
 * revisions that know such headers owe them.
 * @throws Denial `header_mismatch`, upon which a client asks for the list again.
 */
export function checkMirrors(call: Call, catalog: Catalog, principal: Principal): void {
  if (call.method !== 'tools/call' || call.origin.transport !== 'http' || call.origin.era !== 'modern') return
  const mirrors = catalog.find(call.resource.server, call.resource.name, principal)?.definition.mirrors ?? []
  if (mirrors.length === 0) return
  const expected = mirrored(mirrors, call.arguments)
  for (const { header } of mirrors) {
    if (!isSame(call.mirrored?.[header], expected[header])) throw new Denial('header_mismatch', { detail: `${header} is not the argument` })
  }
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
