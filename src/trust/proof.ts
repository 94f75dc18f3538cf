/** Tokens bound to a key: whoever presents one proves to hold the key, by DPoP (RFC 9449) or by the TLS connection (RFC 8705). */
import { Denial, type ProofChallenge } from '../core/denial.ts'
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { isEqual, sha256 } from '../core/secret.ts'
import type { Clock } from '../core/time.ts'
import { KEYS } from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import { type Alg, isSigned } from './jwk.ts'
import type { Nonces } from './nonces.ts'
import { BadProof, createProofReader, type ProofText } from './proof-text.ts'

/** How far the clock of a client may be off, and how long a proof is good (MCP's DPoP extension: at most 5 minutes). */
const WINDOW_MS = 5 * 60_000
/** RFC 9449 §4.2 asks for 96 random bits; a UUID has 36 characters. */
const JTI_MAX_CHARS = 256
/** What clients sign with; RS256 because devices without anything better are still there. */
export const PROOF_ALGORITHMS: readonly Alg[] = ['ES256', 'EdDSA', 'Ed25519', 'ES384', 'ES512', 'PS256', 'RS256']
/** The ways of RFC 7800 to bind a token that can be checked here. */
const CONFIRMATIONS = ['jkt', 'x5t#S256'] as const

export interface ProofOptions {
  readonly store: Pick<Store, 'put'>
  readonly clock: Clock
  /** Present: every proof must carry a nonce of ours. */
  readonly nonces?: Nonces
  readonly algorithms?: readonly Alg[]
  readonly windowMs?: number
}

/** How a token came. */
export interface Presentation {
  /** Of `Authorization`, lower case. */
  readonly scheme: 'bearer' | 'dpop'
  readonly token: string
  /** Every `DPoP` header as it was received: more than one is refused. */
  readonly proofs: readonly string[]
  /** Of the HTTP request, `POST`. */
  readonly method: string
  /** What was called, as its public URL is configured: never made from `Host`. */
  readonly url: string
  /** SHA-256 of the client's certificate (DER), base64url, when the connection had one. */
  readonly certificate?: string
}

export interface Proofs {
  /** For the challenge of a request without any token, and for `DPoP-Nonce` on answers. */
  challenge(error: ProofChallenge['error']): ProofChallenge
  /**
   * Answers at once when the token is bound to nothing. Ask it only of a token that was verified: `cnf` is the token's claim.
   * @throws Denial `invalid_token` with a `challenge`, when the proof is missing, wrong or was used, or when the scheme is not the token's.
   *   Rejects with a Fault `FAULT_STORE` when nobody can tell whether it was used.
   */
  check(cnf: JsonValue | undefined, presented: Presentation): undefined | Promise<void>
}

export function createProofs({ store, clock, nonces, algorithms = PROOF_ALGORITHMS, windowMs = WINDOW_MS }: ProofOptions): Proofs {
  const read = createProofReader(algorithms)
  const challenge = (error: ProofChallenge['error']): ProofChallenge => ({
    error,
    algorithms,
    ...(nonces === undefined ? {} : { nonce: nonces.current() }),
  })
  const refused = (detail: string, error: ProofChallenge['error']): Denial =>
    new Denial('invalid_token', { detail, remedies: [{ kind: 'authenticate' }], challenge: challenge(error) })

  const checkProof = async (thumbprint: string, presented: Presentation): Promise<void> => {
    const [text, another] = presented.proofs
    if (text === undefined) throw refused('the token is bound to a key, and came without a proof', 'invalid_dpop_proof')
    const now = clock()
    try {
      if (another !== undefined) throw new BadProof('there is more than one')
      const proof = read(text)
      if (!isEqual(proof.header.thumbprint, thumbprint)) throw new BadProof('it is by another key than the token is bound to')
      checkClaims(proof.claims, presented, now, windowMs)
      if (!isSigned(proof.header.alg, proof.header.key, proof.signed, proof.signature)) throw new BadProof('its signature is not good')
      const { nonce } = proof.claims
      if (nonces !== undefined && !(typeof nonce === 'string' && nonces.isKnown(nonce)))
        throw refused('the DPoP proof carries no nonce of ours that is still good', 'use_dpop_nonce')
      if (!(await spend(proof, thumbprint))) throw new BadProof('it was used before')
    } catch (error) {
      throw error instanceof BadProof ? refused(`the DPoP proof is not good: ${error.message}`, 'invalid_dpop_proof') : error
    }
  }
  /** RFC 9449 §11.1. Last of all, so that only holders of the key can fill the store. Remembered as long as the proof could be used again. */
  const spend = ({ claims }: ProofText, thumbprint: string): Promise<boolean> =>
    store.put(KEYS.proof(thumbprint, sha256(String(claims['jti']))), true, {
      expiresAt: Math.ceil(Number(claims['iat']) * 1_000) + windowMs + 1,
      onlyIfAbsent: true,
    })

  return {
    challenge,
    check: (cnf, presented) => {
      if (cnf === undefined) {
        // RFC 9449 §7.1: what is bound to nothing is no DPoP token.
        if (presented.scheme === 'dpop') throw refused('the token is bound to no key, and was presented as if it were', 'invalid_token')
        return undefined
      }
      const { jkt, certificate } = readConfirmation(cnf) ?? {}
      if (jkt === undefined && certificate === undefined)
        throw refused('the token is bound in a way that cannot be checked here', 'invalid_token')
      if (certificate !== undefined && !isEqual(certificate, presented.certificate ?? ''))
        throw refused('the token is bound to a certificate that this connection does not have', 'invalid_token')
      // RFC 9449 §7.2: else a thief would leave the proof out.
      if ((jkt === undefined) !== (presented.scheme === 'bearer'))
        throw refused(`the token was presented as ${presented.scheme}, which it is not`, 'invalid_token')
      return jkt === undefined ? undefined : checkProof(jkt, presented)
    },
  }
}

interface Confirmation {
  readonly jkt?: string
  readonly certificate?: string
}

/** RFC 7800 §3.1; a member of the right name and the wrong type is not taken for none. */
function readConfirmation(cnf: JsonValue): Confirmation | undefined {
  if (!isObject(cnf)) return undefined
  for (const name of CONFIRMATIONS) {
    const member = cnf[name]
    if (member !== undefined && (typeof member !== 'string' || member === '')) return undefined
  }
  const { jkt, 'x5t#S256': certificate } = cnf
  return { ...(typeof jkt === 'string' ? { jkt } : {}), ...(typeof certificate === 'string' ? { certificate } : {}) }
}

/** RFC 9449 §4.3, points 3, 8, 9, 11 and 12. */
function checkClaims({ jti, htm, htu, iat, ath }: JsonObject, presented: Presentation, now: number, windowMs: number): void {
  if (typeof jti !== 'string' || jti === '' || jti.length > JTI_MAX_CHARS) throw new BadProof('its jti is none')
  if (htm !== presented.method) throw new BadProof('it is for another method')
  if (typeof htu !== 'string' || !isSameTarget(htu, presented.url)) throw new BadProof('it is for another URL')
  if (typeof iat !== 'number' || Math.abs(now - iat * 1_000) > windowMs) throw new BadProof('it was not made now')
  if (ath !== sha256(presented.token)) throw new BadProof('it is for another token')
}

/** Without query and fragment, after the normalisation of RFC 3986 §6.2.2 and §6.2.3 (RFC 9449 §4.3). */
function isSameTarget(said: string, called: string): boolean {
  const target = targetOf(said)
  return target !== undefined && target === targetOf(called)
}

function targetOf(text: string): string | undefined {
  const url = URL.parse(text)
  if (url === null || url.username !== '' || url.password !== '' || !/^https?:$/.test(url.protocol)) return undefined
  return `${url.origin}${url.pathname.replace(/%[0-9a-f]{2}/gi, normalEscape)}`
}

/** Capital hex; what need not be escaped is not. */
function normalEscape(written: string): string {
  const character = String.fromCharCode(Number.parseInt(written.slice(1), 16))
  return /[A-Za-z0-9._~-]/.test(character) ? character : written.toUpperCase()
}
