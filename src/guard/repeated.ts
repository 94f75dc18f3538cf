/** A credential belongs in its header, or in the environment: one that its caller writes into the message as well would be told to the server. */
import type { Call } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import type { Credential } from '../core/principal.ts'
import { decodeHeaderValue } from '../mcp/sentinel.ts'

/** Shorter ones are none that could not be guessed, and could stand in any text. */
const SHORTEST = 8

/** What is the tool's own, or a person's: whoever writes a key there means to hand it over, and `flow` can forbid it. */
const PAYLOAD: ReadonlySet<string> = new Set(['arguments', 'argument', 'context', 'inputResponses'])

const BACKSLASH = 0x5c

/**
 * Cheap where nothing is repeated: one search of the bytes. Where they hold an escape, or the text itself, what is not payload is looked at.
 * @throws Denial `malformed`
 */
export function checkRepeated({ message, mirrored }: Call, credentials: readonly Credential[]): void {
  for (const { secret } of credentials) {
    const text = secret.reveal()
    if (text.length < SHORTEST) continue
    if (isInBody(message, text) || isInHeaders(mirrored, text))
      throw new Denial('malformed', { detail: 'the credential is repeated in the message or in a header for an argument', isOfForm: true })
  }
}

function isInBody({ body, bytes }: Call['message'], text: string): boolean {
  if (bytes !== undefined && !bytes.includes(BACKSLASH) && !bufferOf(bytes).includes(text)) return false
  const { params, result, ...rest } = body
  return isIn(rest, text) || isIn(withoutPayload(params), text) || isIn(result?.['_meta'], text)
}

function withoutPayload(params: JsonObject | undefined): JsonObject {
  return Object.fromEntries(Object.entries(params ?? {}).filter(([name]) => !PAYLOAD.has(name)))
}

function isIn(value: JsonValue | undefined, text: string): boolean {
  if (typeof value === 'string') return value.includes(text)
  if (Array.isArray(value)) return value.some((item: JsonValue) => isIn(item, text))
  return isObject(value) && Object.entries(value).some(([name, member]) => name.includes(text) || isIn(member, text))
}

/** Names of headers arrive in lower case. */
function isInHeaders(mirrored: Call['mirrored'], text: string): boolean {
  return (
    mirrored !== undefined &&
    Object.entries(mirrored).some(
      ([name, value]) => name.includes(text.toLowerCase()) || value.includes(text) || decodeHeaderValue(value)?.includes(text) === true,
    )
  )
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
