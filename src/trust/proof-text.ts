/** The form of a DPoP proof (RFC 9449 §4.2): one text, one reading, a public key inside; nothing of it is believed yet. */
import type { KeyObject } from 'node:crypto'
import { Denial } from '../core/denial.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import { type ScanRules, scan } from '../mcp/scan.ts'
import { type Alg, bytesOf, isAlg, readKey } from './jwk.ts'
import { remember } from './remember.ts'

/** A proof is half a kilobyte, with an RSA key of 4096 bits two. */
const PROOF_MAX_CHARS = 4 * 1024
const RULES: ScanRules = { maxDepth: 4, maxMembers: 64, exactNumbers: true }
/** A client sends the same header with every proof: reading its key costs more than all the rest but the signature. */
const HEADERS_MAX = 1_000

export interface ProofHeader {
  readonly alg: Alg
  readonly key: KeyObject
  /** RFC 7638. */
  readonly thumbprint: string
}

export interface ProofText {
  readonly header: ProofHeader
  readonly claims: JsonObject
  /** Header and payload as they were signed. */
  readonly signed: string
  readonly signature: Buffer
}

/** What is wrong with a proof, for the operator. */
export class BadProof extends Error {}

/** @throws BadProof */
export type ReadProof = (text: string) => ProofText

export function createProofReader(algorithms: readonly Alg[]): ReadProof {
  const headers = new Map<string, ProofHeader>()
  return (text) => {
    if (text.length > PROOF_MAX_CHARS) throw new BadProof('it is too long')
    const [head = '', body = '', tail = '', ...more] = text.split('.')
    const signature = bytesOf(tail)
    if (signature === undefined || more.length > 0) throw new BadProof('it is no compact JWS')
    let header = headers.get(head)
    if (header === undefined) {
      header = readHeader(readObject(head), algorithms)
      remember(headers, head, header, HEADERS_MAX)
    }
    return { header, claims: readObject(body), signed: text.slice(0, head.length + 1 + body.length), signature }
  }
}

function readObject(part: string): JsonObject {
  const bytes = bytesOf(part)
  if (bytes === undefined) throw new BadProof('it is not canonical base64url')
  let value: unknown
  try {
    value = JSON.parse(scan(bytes, RULES))
  } catch (error) {
    throw new BadProof(`it is not JSON that everybody reads alike: ${error instanceof Denial ? error.detail : 'it does not parse'}`)
  }
  if (!isObject(value)) throw new BadProof('a part of it is no object')
  return value
}

/** RFC 9449 §4.3, points 4, 5 and 7. */
function readHeader({ typ, alg, jwk, crit, b64 }: JsonObject, algorithms: readonly Alg[]): ProofHeader {
  if (typ !== 'dpop+jwt') throw new BadProof('its typ is not dpop+jwt')
  if (!isAlg(alg) || !algorithms.includes(alg)) throw new BadProof('its algorithm is not allowed')
  // RFC 7515 §4.1.11: no extension is understood here. RFC 7797 §6: a JWT has no unencoded payload.
  if (crit !== undefined || b64 !== undefined) throw new BadProof('it demands an extension')
  if (!isObject(jwk)) throw new BadProof('it has no key')
  const read = readKey(jwk, [alg])
  if (typeof read === 'string') throw new BadProof(`it has ${read}`)
  return { alg, key: read.key, thumbprint: read.thumbprint }
}
