/** Access tokens as a way to tell who somebody is: JWTs of trusted issuers, opaque ones by introspection, and proof of possession where they ask for it. */
import type { Call } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import type { JsonObject } from '../core/json.ts'
import { inOrder } from '../core/order.ts'
import type { Credential, Principal } from '../core/principal.ts'
import { type Secret, sha256 } from '../core/secret.ts'
import type { Clock } from '../core/time.ts'
import type { Proofs } from '../trust/proof.ts'
import { remember } from '../trust/remember.ts'
import type { Presumed, Scheme } from './authenticate.ts'
import { checkIntrospection } from './bearer-opaque.ts'
import { type KnownToken, KnownTokens, knownToken, type TokenIssuer } from './bearer-token.ts'
import { isJwtLike, outlived, parseJwt, refused, TOKEN_MAX_CHARS } from './jwt.ts'
import { checkClaims } from './jwt-claims.ts'
import type { Revocations } from './revocation.ts'

export interface BearerOptions {
  readonly issuers: readonly TokenIssuer[]
  readonly revocations: Revocations
  readonly proofs: Pick<Proofs, 'check'>
  /** The resource identifiers of a server: what `aud` must name (RFC 8707 §2, RFC 9068 §4). */
  readonly audiencesOf: (server: string) => readonly string[]
  readonly clock: Clock
  /** Whether what callers presented is kept for as long as they are known: a server behind us may want it exchanged. Default: it is not. */
  readonly keepsPresented?: boolean
}

/** How long a token is believed before its signature is looked at again: what an issuer withdrew without a word is used no longer. */
const REMEMBERED_MS = 300_000
const STOOD_MAX = 10_000
/** A credential of the schemes Bearer and DPoP (RFC 6750 §2.1, RFC 9449 §7.1). */
const TOKEN68 = /^[A-Za-z0-9._~+/-]+=*$/

export class Bearer implements Scheme {
  readonly #options: BearerOptions
  readonly #issuers: Map<string, TokenIssuer>
  readonly #opaque: TokenIssuer | undefined
  readonly #known = new KnownTokens()
  /** The same token many times at once is looked at once. */
  readonly #underway = new Map<string, Promise<KnownToken>>()
  /** What was made of an answer of the issuer's. */
  readonly #answered = new WeakMap<JsonObject, KnownToken>()
  readonly #tokenOf = new WeakMap<Principal, KnownToken>()
  /** Tokens that were not revoked when the store was asked last, by where they would be found revoked. */
  readonly #stood = new Map<string, true>()
  /** Reached with the very principal that came of it, and gone with that. */
  readonly #presented = new WeakMap<Principal, Secret>()

  constructor(options: BearerOptions) {
    this.#options = options
    this.#issuers = new Map(options.issuers.map((issuer) => [issuer.rules.issuer, issuer]))
    // An opaque token does not say whose it is, and must not be shown around: the configuration allows one.
    this.#opaque = options.issuers.find((issuer) => issuer.introspect !== undefined)
  }

  /** Believes one more issuer: our own authorization server, whose name is known once the gateway listens. */
  trust(issuer: TokenIssuer): void {
    this.#issuers.set(issuer.rules.issuer, issuer)
  }

  /** Not mine: undefined. @throws Denial `invalid_token`, the same to the caller whatever is wrong; `unavailable` when nobody can tell. */
  authenticate(credential: Credential, call: Call): Promise<Principal> | undefined {
    if (credential.scheme === 'api-key' || credential.scheme === 'certificate') return undefined
    const text = credential.secret.reveal()
    return text === '' ? undefined : this.#admit(text, credential, call)
  }

  /**
   * Who a token speaks for that stood the last time. All that it says itself is looked at first; whether it was revoked, the store is being
   * asked. Nobody is presumed who presents a proof: one that was overheard would be charged to whom it was heard from.
   */
  presume(credential: Credential, call: Call): Promise<Presumed> | undefined {
    if (credential.scheme !== 'bearer') return undefined
    const text = credential.secret.reveal()
    return text === '' ? undefined : this.#presume(text, credential, call)
  }

  /** The token that a principal came with, where tokens are kept. Never to be written down. */
  presentedBy(principal: Principal): Secret | undefined {
    return this.#presented.get(principal)
  }

  /**
   * Whether what a principal was recognised by is still good: for streams, which outlive the call that opened them.
   * @returns until when it lives, milliseconds since the epoch; undefined for a principal that came by another way.
   * @throws Denial `invalid_token` when it has expired or is revoked.
   */
  async standing(principal: Principal): Promise<number | undefined> {
    const token = this.#tokenOf.get(principal)
    if (token === undefined) return undefined
    if (token.expiresAt <= this.#options.clock()) throw outlived('the token has expired')
    await this.#checkStanding(token)
    return token.expiresAt
  }

  async #admit(text: string, credential: Credential, call: Call): Promise<Principal> {
    const token = await this.#tokenFor(text)
    await this.#letIn(token, text, credential, call)
    return token.principal
  }

  async #presume(text: string, credential: Credential, call: Call): Promise<Presumed> {
    const token = await this.#tokenFor(text)
    const { principal } = token
    const confirmed = this.#letIn(token, text, credential, call).then(() => principal)
    if (this.#stood.has(placeOf(token))) return { principal, confirmed }
    await confirmed
    return { principal }
  }

  /** What is not the store's to say is told at once. */
  #letIn(token: KnownToken, text: string, credential: Credential, call: Call): Promise<void> {
    const urls = this.#options.audiencesOf(call.resource.server)
    if (!token.isForAll && !token.audiences.some((audience) => urls.includes(audience))) throw outlived('the token is for another audience')
    const proved = this.#prove(token, text, credential, call, urls)
    if (this.#options.keepsPresented === true) this.#presented.set(token.principal, credential.secret)
    // Both at once: each is a way to the store. What is wrong with the proof is told first: only that the caller can mend.
    const standing = this.#checkStanding(token)
    return proved === undefined ? standing : inOrder(proved, standing)
  }

  /** Asked at every call: a token may have been revoked since, and who it speaks for may have been disabled or have lost a role. */
  async #checkStanding(token: KnownToken): Promise<void> {
    const { revocation, issuer, principal } = token
    try {
      const [stands = true] = await Promise.all([issuer.stands?.(principal), this.#options.revocations.check(revocation)])
      if (!stands) throw outlived('who the token speaks for is no longer what it says')
      if (!this.#stood.has(placeOf(token))) remember(this.#stood, placeOf(token), true, STOOD_MAX)
    } catch (error) {
      if (error instanceof Denial) this.#stood.delete(placeOf(token))
      throw error
    }
  }

  /** Whoever presents a bound token must hold what it is bound to (RFC 9449 §7.1, RFC 8705 §3). */
  #prove(token: KnownToken, text: string, credential: Credential, call: Call, urls: readonly string[]): undefined | Promise<void> {
    const { confirmation } = token
    if (confirmation === undefined && credential.scheme === 'bearer') return undefined
    return this.#options.proofs.check(confirmation, {
      scheme: credential.scheme === 'dpop' ? 'dpop' : 'bearer',
      token: text,
      proofs: credential.proofs ?? [],
      method: HTTP_METHODS[call.method] ?? 'POST',
      // A server with two addresses is called by the one that its client had the token made for.
      url: urls.find((url) => token.audiences.includes(url)) ?? urls[0] ?? '',
      ...(credential.certificate === undefined ? {} : { certificate: credential.certificate.thumbprint }),
    })
  }

  #tokenFor(text: string): KnownToken | Promise<KnownToken> {
    const digest = sha256(text)
    const known = this.#known.get(digest, this.#options.clock())
    if (known !== undefined) return known
    if (text.length > TOKEN_MAX_CHARS || !TOKEN68.test(text)) throw refused('the credential is not a token')
    if (!isJwtLike(text)) return this.#askAbout(text)
    const underway = this.#underway.get(digest)
    if (underway !== undefined) return underway
    const looked = this.#lookAt(text, digest).finally(() => this.#underway.delete(digest))
    this.#underway.set(digest, looked)
    return looked
  }

  /** What is cheap comes first; the caller is told the same, whichever it was. */
  async #lookAt(text: string, digest: string): Promise<KnownToken> {
    const jwt = parseJwt(text)
    const { iss } = jwt.payload
    const issuer = typeof iss === 'string' ? this.#issuers.get(iss) : undefined
    if (issuer === undefined) throw refused('the issuer of the token is not trusted')
    const now = this.#options.clock()
    const claims = checkClaims(jwt, issuer.rules, now)
    const revision = issuer.revision()
    const isSigned = issuer.isSigned(jwt)
    if (!(typeof isSigned === 'boolean' ? isSigned : await isSigned)) throw refused("the token's signature is not its issuer's")
    const token = knownToken(text, claims, issuer, revision, now + REMEMBERED_MS)
    this.#known.set(digest, token)
    this.#tokenOf.set(token.principal, token)
    return token
  }

  /** The issuer is asked each time; how long an answer is believed is its own affair. Who cannot be asked has not said yes (O-15). */
  async #askAbout(text: string): Promise<KnownToken> {
    const issuer = this.#opaque
    if (issuer?.introspect === undefined) throw refused('the credential is of no kind that is known here')
    const said = await issuer.introspect(text)
    if (!said.active) throw refused('the issuer says that the token is not active')
    const now = this.#options.clock()
    const known = this.#answered.get(said.claims)
    if (known !== undefined && now < known.expiresAt) return known
    const token = knownToken(text, checkIntrospection(said.claims, issuer.rules, now), issuer, 0, now)
    this.#answered.set(said.claims, token)
    this.#tokenOf.set(token.principal, token)
    return token
  }
}

/** Where it would be found revoked by itself: no other token has the same. */
function placeOf({ revocation: [own = ''] }: KnownToken): string {
  return own
}

/** Requests without a body are asked under names of ours. */
const HTTP_METHODS: Readonly<Record<string, string>> = { $stream: 'GET', $end: 'DELETE' }
