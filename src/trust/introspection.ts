/** Opaque tokens, asked about where they were issued (RFC 7662); answers are remembered for moments, by the digest of the token. */
import { Fault } from '../core/denial.ts'
import type { JsonObject } from '../core/json.ts'
import { type Secret, sha256 } from '../core/secret.ts'
import type { Clock } from '../core/time.ts'
import type { GuardedFetch } from '../net/fetch.ts'
import { readDocument } from './document.ts'
import { remember } from './remember.ts'

/** How long a yes is believed: a token revoked at its issuer works here for at most so long. */
const CACHE_MS = 30_000
/** How long a no is: it can only become a yes for a token that was not yet known everywhere at its issuer. */
const REFUSED_MS = 5_000
/** Of each kind of answer. Apart, so that guesses cannot push out what is known. */
const REMEMBERED_MAX = 10_000
/** Questions open at once: guesses must not become a flood at the issuer. */
const OPEN_MAX = 64
/** Opaque tokens are short; what is longer is not sent anywhere. */
const TOKEN_MAX_CHARS = 8 * 1024
const ANSWER_MAX_BYTES = 64 * 1024

/** What the issuer says of a token. Its audience is for the caller to check. */
export type Introspected = { readonly active: false } | { readonly active: true; readonly claims: JsonObject }

const INACTIVE: Introspected = { active: false }

export interface IntrospectionConfig {
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: Secret
  readonly endpoint?: string
  readonly cacheMs?: number
  /** Where to ask when `endpoint` is not told. */
  readonly locate: () => Promise<string>
}

interface Answer {
  readonly said: Introspected
  /** Milliseconds since the epoch. */
  readonly until: number
}

export type Introspect = (token: string) => Introspected | Promise<Introspected>

/** Answers throw or reject with Fault `FAULT_INTROSPECTION` when the issuer cannot be asked: that is never a yes, and not a no. */
export function createIntrospection(
  config: IntrospectionConfig,
  { fetch, clock }: { readonly fetch: Pick<GuardedFetch, 'request'>; readonly clock: Clock },
): Introspect {
  const known = new Map<string, Answer>()
  const unknown = new Map<string, Answer>()
  const open = new Map<string, Promise<Introspected>>()
  const authorization = basicOf(config.clientId, config.clientSecret.reveal())

  const ask = async (token: string, digest: string): Promise<Introspected> => {
    const askedAt = clock()
    const answer = readAnswer(await question(token), config, askedAt)
    remember(answer.said.active ? known : unknown, digest, answer, REMEMBERED_MAX)
    if (!answer.said.active) known.delete(digest)
    return answer.said
  }
  const question = async (token: string): Promise<JsonObject> => {
    const what = `Introspection at ${config.issuer}`
    try {
      const fetched = await fetch.request(config.endpoint ?? (await config.locate()), {
        method: 'POST',
        headers: { authorization, accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({ token, token_type_hint: 'access_token' }).toString(),
        maxBytes: ANSWER_MAX_BYTES,
      })
      return readDocument(fetched, what)
    } catch (cause) {
      throw new Fault('FAULT_INTROSPECTION', cause instanceof Error ? `${what}: ${cause.message}` : what, { cause })
    }
  }
  return (token) => {
    if (!isSendable(token)) return INACTIVE
    const digest = sha256(token)
    const now = clock()
    const remembered = known.get(digest) ?? unknown.get(digest)
    if (remembered !== undefined && now < remembered.until) return remembered.said
    const pending = open.get(digest)
    if (pending !== undefined) return pending
    if (open.size >= OPEN_MAX) throw new Fault('FAULT_INTROSPECTION', `More than ${OPEN_MAX} questions to ${config.issuer} are open`)
    const asked = ask(token, digest).finally(() => open.delete(digest))
    open.set(digest, asked)
    return asked
  }
}

/**
 * RFC 6749 §2.3.1: both are form-encoded before they are joined. The letters, digits and `*-._` stay as they are: most secrets are made
 * of these, and then also a server that does not decode, of which there are many, reads what was meant.
 */
export function basicOf(clientId: string, clientSecret: string): string {
  const encode = (text: string): string => new URLSearchParams({ v: text }).toString().slice(2)
  return `Basic ${Buffer.from(`${encode(clientId)}:${encode(clientSecret)}`).toString('base64')}`
}

/** RFC 6750 §2.1, b64token: nothing else can be an access token. */
function isSendable(token: string): boolean {
  return token.length <= TOKEN_MAX_CHARS && /^[A-Za-z0-9._~+/-]+=*$/.test(token)
}

/** An answer about another issuer's token, about one that is over or has not begun, or without a plain yes is a no (RFC 7662 §2.2). */
function readAnswer(claims: JsonObject, { issuer, cacheMs = CACHE_MS }: IntrospectionConfig, askedAt: number): Answer {
  const { active, iss, exp, nbf } = claims
  const expiresAt = exp === undefined ? Number.POSITIVE_INFINITY : instantOf(exp)
  const beginsAt = nbf === undefined ? Number.NEGATIVE_INFINITY : instantOf(nbf)
  // NaN compares as false: an instant that is none is a no.
  const isGood = active === true && (iss === undefined || iss === issuer) && askedAt < expiresAt && beginsAt <= askedAt
  if (!isGood) return { said: INACTIVE, until: askedAt + REFUSED_MS }
  return { said: { active, claims }, until: Math.min(askedAt + cacheMs, expiresAt) }
}

const instantOf = (seconds: unknown): number => (typeof seconds === 'number' ? seconds * 1_000 : Number.NaN)
