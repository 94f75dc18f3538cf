/** What others vouch for in a JWT (RFC 7523): enterprise-managed authorization and workload identity, never taken for one another. */
import * as jose from 'jose'
import { errors } from 'oidc-provider'
import { Fault } from '../core/denial.ts'
import type { Entry } from '../core/event.ts'
import type { JsonObject } from '../core/json.ts'
import { sha256 } from '../core/secret.ts'
import { KEYS } from '../store/keys.ts'
import { createIssuer, type Issuer } from '../trust/issuer.ts'
import { type AssertionOptions, type AuthorizationServerOptions, textClaim, type WorkloadOptions } from './options.ts'
import { rolesOf } from './sign-in.ts'

/** The header that an ID-JAG has and nothing else may have (draft-ietf-oauth-identity-assertion-authz-grant §3.1). */
const ID_JAG = 'oauth-id-jag+jwt'
/** Assertions are made to be used at once (RFC 7523 §3). */
const LIFE_MAX_MS = 600_000
const SKEW_S = 30
const ASSERTION_MAX_CHARS = 8 * 1024

export interface Assertion {
  readonly subject: string
  readonly roles: readonly string[]
  /** A ceiling; absent: none was said. */
  readonly scopes?: readonly string[]
  readonly resource?: string
}

/** An issuer, and its keys as they are held for all whose word is taken. */
interface Trusted {
  readonly terms: AssertionOptions
  readonly keys: Issuer
}

export class Assertions {
  readonly #options: AuthorizationServerOptions
  readonly #trusted: ReadonlyMap<string, Trusted>

  constructor(options: AuthorizationServerOptions) {
    const { clock, issuerFetch, onEvent } = options
    // What becomes of an issuer is told, but refuses nothing.
    const dependencies = { fetch: issuerFetch, clock, onEvent: (entry: Entry): void => void onEvent(entry).catch(() => undefined) }
    this.#options = options
    this.#trusted = new Map(options.assertions.map((terms) => [terms.issuer, { terms, keys: createIssuer(terms, dependencies) }]))
  }

  /** @throws errors.InvalidGrant, always the same outside; Fault `FAULT_ISSUER` when nobody can tell, which is not a no. */
  async verify(token: string, clientId: string): Promise<Assertion> {
    const { issuer, typ } = peek(token)
    const trusted = this.#trusted.get(issuer)
    if (trusted === undefined) throw new errors.InvalidGrant(`${issuer} is not trusted with assertions`)
    const { terms } = trusted
    // By kind of issuer and by type of token, both: neither passes as the other.
    if ((typ === ID_JAG) !== (terms.kind === 'idjag'))
      throw new errors.InvalidGrant(`typ ${typ} is not for an issuer of kind ${terms.kind}`)
    const claims = await this.#check(token, trusted)
    const assertion = terms.kind === 'idjag' ? this.#person(claims, terms, clientId) : workload(claims, terms)
    // Last of all, so that what is refused uses nothing up.
    await this.#useOnce(claims, terms)
    return assertion
  }

  async #check(token: string, { terms, keys }: Trusted): Promise<JsonObject> {
    const { issuer } = this.#options
    const lifeS = Math.floor((terms.lifeMaxMs ?? LIFE_MAX_MS) / 1_000)
    const getKey: jose.JWTVerifyGetKey = async ({ alg, kid }) => {
      const key = await keys.keyFor(kid === undefined ? { alg } : { alg, kid })
      if (key === undefined) throw new errors.InvalidGrant("the assertion's key is not its issuer's")
      return key
    }
    try {
      const { payload } = await jose.jwtVerify(token, getKey, {
        issuer: terms.issuer,
        audience: terms.kind === 'idjag' ? [issuer] : [issuer, `${issuer}/token`, ...(terms.audiences ?? [])],
        algorithms: [...terms.algorithms],
        requiredClaims: ['iss', 'sub', 'aud', 'exp', 'iat', 'jti'],
        maxTokenAge: lifeS,
        clockTolerance: SKEW_S,
        currentDate: new Date(this.#options.clock()),
      })
      // One audience: an assertion that is also for somebody else is also in their hands.
      if (typeof payload.aud !== 'string') throw new errors.InvalidGrant('the assertion has several audiences')
      if (Number(payload.exp) - Number(payload.iat) > lifeS) throw new errors.InvalidGrant('the assertion lives too long')
      return payload as JsonObject // a JWT is JSON
    } catch (cause) {
      if (cause instanceof errors.InvalidGrant || cause instanceof Fault) throw cause
      throw new errors.InvalidGrant(`the assertion is not valid: ${cause instanceof Error ? cause.message : 'unknown'}`)
    }
  }

  /** Of all processes the first wins (ID-JAG §5: replay must be refused). */
  async #useOnce(claims: JsonObject, { issuer }: AssertionOptions): Promise<void> {
    const id = textClaim(claims, 'jti')
    if (id === undefined) throw new errors.InvalidGrant('jti is not a plain text')
    const expiresAt = (Number(claims['exp']) + SKEW_S) * 1_000
    const place = KEYS.oauth('assertion', sha256(JSON.stringify([issuer, id])))
    if (!(await this.#options.store.put(place, true, { onlyIfAbsent: true, expiresAt })))
      throw new errors.InvalidGrant('the assertion was used before')
  }

  #person(claims: JsonObject, terms: AssertionOptions, clientId: string): Assertion {
    if (claims['client_id'] !== clientId) throw new errors.InvalidGrant('the assertion is for another client')
    if (terms.clients?.includes(clientId) === false) throw new errors.InvalidGrant("the client may not bring this issuer's assertions")
    const subject = textClaim(claims, 'sub')
    const resource = textClaim(claims, 'resource')
    if (subject === undefined) throw new errors.InvalidGrant('sub is not a plain text')
    if (resource === undefined || !this.#options.resources.has(resource)) throw new errors.InvalidTarget()
    // The same person as when they sign in there with a browser.
    const provider = this.#options.signIn.find(({ issuer }) => issuer === terms.issuer)
    return {
      subject: `${provider?.name ?? terms.issuer}|${subject}`,
      roles: rolesOf(claims, terms.roles ?? provider?.roles),
      resource,
      ...scopesIn(claims),
    }
  }
}

function workload(claims: JsonObject, { issuer, workloads = [] }: AssertionOptions): Assertion {
  const subject = textClaim(claims, 'sub')
  const known = workloads.find((one) => one.subject === subject && holds(one, claims))
  if (known === undefined || subject === undefined) throw new errors.InvalidGrant('no such workload is known')
  return { subject: `${issuer}|${subject}`, roles: known.roles, scopes: known.scopes }
}

function holds({ claims: needed = {} }: WorkloadOptions, claims: JsonObject): boolean {
  return Object.entries(needed).every(([name, value]) => claims[name] === value)
}

function scopesIn(claims: JsonObject): { readonly scopes?: readonly string[] } {
  const scope = textClaim(claims, 'scope')
  return scope === undefined ? {} : { scopes: scope.split(' ') }
}

/** Who says it, unbelieved. A text that base64url would write otherwise is refused: one assertion, one text. */
function peek(token: string): { readonly issuer: string; readonly typ: string } {
  const parts = token.split('.')
  const isCanonical = parts.every((part) => Buffer.from(part, 'base64url').toString('base64url') === part)
  if (token.length > ASSERTION_MAX_CHARS || parts.length !== 3 || !isCanonical) throw new errors.InvalidGrant('the assertion is malformed')
  try {
    const { iss } = jose.decodeJwt(token)
    const { typ } = jose.decodeProtectedHeader(token)
    return { issuer: iss ?? '', typ: (typ ?? '').toLowerCase().replace(/^application\//, '') }
  } catch {
    throw new errors.InvalidGrant('the assertion is malformed')
  }
}
