/** The base64 sentinel: how `Mcp-Name` and `Mcp-Param-*` carry what a header value cannot (2026-07-28, Streamable HTTP). */
import { isUtf8 } from 'node:buffer'

const PREFIX = '=?base64?'
const SUFFIX = '?='

const isSentinel = (value: string): boolean =>
  value.length >= PREFIX.length + SUFFIX.length && value.startsWith(PREFIX) && value.endsWith(SUFFIX)

/** Whether every character is visible ASCII, a space or, where `tab` allows it, a tab. */
function isPlain(value: string, tab: boolean): boolean {
  for (let at = 0; at < value.length; at++) {
    const unit = value.charCodeAt(at)
    if ((unit < 0x20 || unit > 0x7e) && !(tab && unit === 0x09)) return false
  }
  return true
}

/** A value as it is put into a header. Tabs are always encoded: the suite demands it, the text allows it. */
export function encodeHeaderValue(value: string): string {
  const padded = value.startsWith(' ') || value.endsWith(' ')
  if (!padded && isPlain(value, false) && !isSentinel(value)) return value
  return `${PREFIX}${Buffer.from(value).toString('base64')}${SUFFIX}`
}

/**
 * What a header value says. Strict: standard alphabet, padding, no spare bits, valid UTF-8.
 * With one marker missing or in another case the value is a literal. @returns undefined when it cannot be read.
 */
export function decodeHeaderValue(value: string): string | undefined {
  if (!isPlain(value, true)) return undefined
  if (!isSentinel(value)) return value
  const text = value.slice(PREFIX.length, -SUFFIX.length)
  const bytes = Buffer.from(text, 'base64')
  // Node's decoder forgives: only what it would write itself is base64 (RFC 4648 §3.5).
  return bytes.toString('base64') === text && isUtf8(bytes) ? bytes.toString() : undefined
}
