/** The form of a JWT (RFC 7519, RFC 7515 §7.1), held to before anything in it is believed: one token has one text and one reading. */
import { Denial } from '../core/denial.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import { type ScanRules, scan } from '../mcp/scan.ts'

/** All headers of a request together are bounded to about this; tokens with many groups come close. */
export const TOKEN_MAX_CHARS = 16 * 1024
const HEADER_MAX_CHARS = 2 * 1024
/** A key id is a thumbprint, a date, a URL at most. */
const KID_MAX_CHARS = 256
/** The deepest in the field is three (`resource_access.client.roles`); a chain of actors needs one each. */
const SCAN: ScanRules = { maxDepth: 12, maxMembers: 512, exactNumbers: true }

/** Registered header parameters (RFC 7515 §4.1, RFC 7516, RFC 7518, RFC 7797) that would let a token choose its key or its reading. */
const REFUSED_PARAMETERS: ReadonlySet<string> = new Set(
  'jwk jku x5u x5c crit b64 enc zip epk apu apv iv tag p2s p2c cty iss sub aud url nonce svt ppt trust_chain'.split(' '),
)

export interface JoseHeader {
  readonly alg: string
  readonly kid?: string
  /** Lower case, without `application/` (RFC 7515 §4.1.9); absent when the token has none. */
  readonly typ?: string
}

/** A token whose form is right. Nothing in it is believed yet. */
export interface Jwt {
  readonly header: JoseHeader
  readonly payload: JsonObject
  /** Header and payload as they were signed. */
  readonly signed: string
  readonly signature: Buffer
}

export function refused(detail: string, cause?: unknown): Denial {
  return new Denial('invalid_token', { detail, remedies: [{ kind: 'authenticate' }], ...(cause === undefined ? {} : { cause }) })
}

/** The same for a token that was good once, or is good elsewhere: whoever presents it is not guessing. */
export function outlived(detail: string): Denial {
  return new Denial('invalid_token', { detail, remedies: [{ kind: 'authenticate' }], isStale: true })
}

/** Whether the text means to be a JWT: parts, of which the first is base64url of something that opens an object. */
export function isJwtLike(text: string): boolean {
  return text[0] === 'e' && (text[1] === 'y' || text[1] === 'w') && text.indexOf('.') !== text.lastIndexOf('.')
}

/** @throws Denial `invalid_token` */
export function parseJwt(text: string): Jwt {
  if (text.length > TOKEN_MAX_CHARS) throw refused('the token is too long')
  const first = text.indexOf('.')
  const last = text.lastIndexOf('.')
  // Five parts are a JWE; braces are a JWS in JSON. Neither is an access token here.
  if (first === -1 || text.indexOf('.', first + 1) !== last || first === last) throw refused('the token has not three parts')
  if (first > HEADER_MAX_CHARS) throw refused('the header of the token is too long')
  const header = readHeader(readObject(text.slice(0, first), 'header'))
  const payload = readObject(text.slice(first + 1, last), 'payload')
  return { header, payload, signed: text.slice(0, last), signature: decode(text.slice(last + 1), 'signature') }
}

/** Base64url without padding, white space or spare bits (RFC 7515 §2): written again it must be the same text, so no token has two. */
function decode(part: string, name: string): Buffer {
  const bytes = Buffer.from(part, 'base64url')
  if (bytes.toString('base64url') !== part) throw refused(`the ${name} of the token is not canonical base64url`)
  return bytes
}

function readObject(part: string, name: string): JsonObject {
  const bytes = decode(part, name)
  let value: unknown
  try {
    value = JSON.parse(scan(bytes, SCAN))
  } catch (error) {
    throw refused(`the ${name} of the token is not JSON that everybody reads alike: ${detailOf(error)}`, error)
  }
  if (!isObject(value)) throw refused(`the ${name} of the token is not an object`)
  return value
}

/** What `JSON.parse` says quotes its input, which may be personal. */
function detailOf(error: unknown): string {
  return error instanceof Denial ? error.detail : 'it does not parse'
}

function readHeader(header: JsonObject): JoseHeader {
  for (const name of Object.keys(header)) {
    if (REFUSED_PARAMETERS.has(name)) throw refused(`the token's header has ${name}`)
  }
  const { alg, kid, typ } = header
  if (typeof alg !== 'string') throw refused("the token's alg is not a text")
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > KID_MAX_CHARS || !/^[\x20-\x7e]+$/.test(kid)))
    throw refused("the token's kid is not a short plain text")
  if (typ !== undefined && typeof typ !== 'string') throw refused("the token's typ is not a text")
  return { alg, ...(kid === undefined ? {} : { kid }), ...(typ === undefined ? {} : { typ: mediaType(typ) }) }
}

/** RFC 7515 §4.1.9: compared without case, `application/` may be left out. */
function mediaType(typ: string): string {
  const lower = typ.toLowerCase()
  return lower.startsWith('application/') && !lower.includes('/', 12) ? lower.slice(12) : lower
}
