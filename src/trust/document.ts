/** A JSON document fetched from somebody whose word is taken: whole, of the right type, read as everybody reads it. */
import { Denial, Fault } from '../core/denial.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import { type ScanRules, scan } from '../mcp/scan.ts'
import type { Fetched } from '../net/fetch.ts'

/** Metadata is flat; a key is one object in a list. Certificates (`x5c`) make lists, claims may make trees. */
const RULES: ScanRules = { maxDepth: 12, maxMembers: 4_096, exactNumbers: false }

/** Media types that are JSON (RFC 8259 §11, RFC 6839 §3.1). */
const isJson = (mediaType: string): boolean => mediaType === 'application/json' || /^application\/[a-z0-9.-]+\+json$/.test(mediaType)

/**
 * @param what for the operator, `the key set of https://…`.
 * @throws Fault `FAULT_ISSUER`; nothing of the document is in it.
 */
export function readDocument(fetched: Fetched, what: string): JsonObject {
  if (fetched.status !== 200) throw new Fault('FAULT_ISSUER', `${what}: status ${fetched.status}`)
  if (!isJson(fetched.mediaType)) throw new Fault('FAULT_ISSUER', `${what}: not JSON by its media type`)
  const value = parse(fetched.bytes, what)
  if (!isObject(value)) throw new Fault('FAULT_ISSUER', `${what}: not an object`)
  return value
}

function parse(bytes: Buffer, what: string): unknown {
  try {
    return JSON.parse(scan(bytes, RULES))
  } catch (error) {
    // What JSON.parse says quotes its input.
    throw new Fault('FAULT_ISSUER', `${what}: ${error instanceof Denial ? error.detail : 'it does not parse'}`)
  }
}
