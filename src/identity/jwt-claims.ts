/** What a token says (RFC 9068 §2.2, RFC 8725 §3), held to: types, times, plain texts; and that it is an access token and nothing else. */
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { type Jwt, outlived, refused } from './jwt.ts'

/** What is demanded of the tokens of one issuer. */
export interface ClaimRules {
  /** As configured; compared to the letter (RFC 8725 §3.8). */
  readonly issuer: string
  /** What `typ` must be. `JWT` is for issuers that do not write `at+jwt`: then other marks must show that it is an access token. */
  readonly typ: 'at+jwt' | 'JWT' | 'rt+jwt'
  /** The claim that holds scopes; false: tokens of this issuer know no scopes, and are not narrowed by them. */
  readonly scopes: string | false
  /** A token without that claim knows no scopes, instead of holding none. */
  readonly isScopeOptional?: boolean
  readonly maxLifetimeMs: number
}

/** What is believed of a token once its signature is. */
export interface Claims {
  readonly issuer: string
  readonly subject: string
  readonly client?: string
  readonly audiences: readonly string[]
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
  readonly scopes?: readonly string[]
  /** Nearest first (RFC 8693 §4.1). */
  readonly actors: readonly string[]
  /** `cnf` (RFC 7800 §3.1): whose proof must come with it. */
  readonly confirmation?: JsonObject
  readonly all: JsonObject
}

/** Clocks of well-kept machines agree to a second; this is for others. Only for the future: what has expired has. */
const SKEW_MS = 30_000
/** Longer names are no names; they would fill the journal. */
const NAME_MAX_CHARS = 512
const SCOPES_MAX = 256
const AUDIENCES_MAX = 64
const ACTORS_MAX = 8

/** Controls, invisible format characters (also those that turn the direction of text), separators, lone surrogates. */
const UNPLAIN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u
/** A scope token (RFC 6749 §3.3). */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/
/** Whom a token was issued to, as issuers call it (RFC 9068 §2.2; OpenID Connect Core §2; Okta; Entra ID v1). */
const CLIENT_CLAIMS = ['client_id', 'azp', 'cid', 'appid'] as const
/** What only ID tokens and logout tokens have (OpenID Connect Core §3.3.2.11; Back-Channel Logout §2.4). */
const OTHER_MARKS = ['nonce', 'at_hash', 'c_hash', 's_hash', 'events'] as const
/** What issuers write when it is an access token: Cognito `token_use`, Keycloak `typ`. Another word there says that it is none. */
const ACCESS_WORDS: ReadonlySet<unknown> = new Set([undefined, 'access', 'bearer', 'dpop', 'access_token', 'at+jwt'])

/** @throws Denial `invalid_token` */
export function checkClaims(jwt: Jwt, rules: ClaimRules, now: number): Claims {
  const all = jwt.payload
  if (all['iss'] !== rules.issuer) throw refused('the issuer of the token is another')
  checkTyp(jwt, rules)
  const claims = readClaims(all, rules)
  checkTimes(all, claims.expiresAt, rules.maxLifetimeMs, now)
  if (rules.typ === 'JWT') checkMarks(claims, rules)
  return claims
}

/** What is said of a token, whoever says it: the issuer's signature, or its answer to an introspection. @throws Denial `invalid_token` */
export function readClaims(all: JsonObject, { issuer, scopes, isScopeOptional }: ClaimRules): Claims {
  const client = clientOf(all)
  const confirmation = all['cnf']
  if (confirmation !== undefined && !isObject(confirmation)) throw refused("the token's cnf is not an object")
  plainClaim(all, 'jti')
  return {
    issuer,
    subject: plain(all['sub'], 'sub'),
    audiences: readAudiences(all['aud']),
    expiresAt: instant(all['exp'], 'exp'),
    actors: readActors(all['act'], issuer),
    ...(client === undefined ? {} : { client }),
    ...(scopes === false || (isScopeOptional === true && all[scopes] === undefined) ? {} : { scopes: readScopes(all[scopes]) }),
    ...(confirmation === undefined ? {} : { confirmation }),
    all,
  }
}

function checkTyp({ header, payload }: Jwt, { typ }: ClaimRules): void {
  const isRight = header.typ === (typ === 'JWT' ? 'at+jwt' : typ) || (typ === 'JWT' && (header.typ === undefined || header.typ === 'jwt'))
  if (!isRight) throw refused(`the token's typ is ${header.typ === undefined ? 'missing' : 'another'}; this issuer's is ${typ}`)
  if (typ !== 'rt+jwt') checkUse(payload)
}

/** Refuses what says that it is a refresh token, an ID token or anything but an access token (RFC 8725 §3.11). */
export function checkUse(all: JsonObject): void {
  for (const name of ['token_use', 'typ'] as const) {
    const word = all[name]
    if (!ACCESS_WORDS.has(typeof word === 'string' ? word.toLowerCase() : word))
      throw refused(`the token's ${name} says that it is another kind of token`)
  }
}

/** RFC 8725 §3.12: where `typ` does not tell kinds of token apart, something else must. */
function checkMarks({ client, scopes, all }: Claims, rules: ClaimRules): void {
  const other = OTHER_MARKS.find((name) => all[name] !== undefined)
  if (other !== undefined) throw refused(`the token has ${other}, so it is not an access token`)
  if (client === undefined) throw refused('nothing shows that it is an access token: it names no client')
  if (scopes !== undefined && rules.scopes !== false && all[rules.scopes] === undefined)
    throw refused('nothing shows that it is an access token: it has no scopes')
}

/** Exact numbers of seconds: a fraction, a text or milliseconds would be read otherwise by another reader. */
function checkTimes(all: JsonObject, expiresAt: number, maxLifetimeMs: number, now: number): void {
  const issuedAt = instant(all['iat'], 'iat')
  if (expiresAt <= now) throw outlived('the token has expired')
  if (issuedAt > now + SKEW_MS) throw refused('the token was issued in the future')
  if (expiresAt <= issuedAt) throw refused('the token expired before it was issued')
  if (expiresAt - issuedAt > maxLifetimeMs) throw refused('the token lives longer than maxLifetime')
  if (all['nbf'] !== undefined && instant(all['nbf'], 'nbf') > now + SKEW_MS) throw refused('the token is not yet valid')
}

/** Whole seconds since the epoch, as milliseconds. */
function instant(value: JsonValue | undefined, name: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw refused(`the token's ${name} is not a whole number of seconds`)
  return value * 1_000
}

function plain(value: JsonValue | undefined, name: string): string {
  if (typeof value !== 'string' || value === '' || value.length > NAME_MAX_CHARS || UNPLAIN.test(value))
    throw refused(`the token's ${name} is not a plain text`)
  return value
}

function plainClaim(all: JsonObject, name: string): string | undefined {
  return all[name] === undefined ? undefined : plain(all[name], name)
}

/** All of them are held to their type, the first is taken. */
function clientOf(all: JsonObject): string | undefined {
  return CLIENT_CLAIMS.map((name) => plainClaim(all, name)).find((client) => client !== undefined)
}

function readAudiences(value: JsonValue | undefined): readonly string[] {
  const audiences = Array.isArray(value) ? value : [value]
  if (audiences.length === 0 || audiences.length > AUDIENCES_MAX) throw refused('the token has no audience, or too many')
  return audiences.map((one: JsonValue | undefined) => plain(one, 'aud'))
}

/** A text with single spaces (RFC 8693 §4.2), or a list. A token without any holds none. */
function readScopes(value: JsonValue | undefined): readonly string[] {
  if (value === undefined || value === '') return []
  const scopes = typeof value === 'string' ? value.split(' ') : value
  if (!Array.isArray(scopes) || scopes.length > SCOPES_MAX) throw refused("the token's scopes are neither a text nor a list, or too many")
  const read = scopes.map((scope: JsonValue) => {
    if (typeof scope !== 'string' || !SCOPE.test(scope)) throw refused('a scope of the token is not a scope')
    return scope
  })
  return [...new Set(read)]
}

/** Another issuer's actors are told with it, or two of the same name would be one. */
function readActors(value: JsonValue | undefined, issuer: string): readonly string[] {
  const actors: string[] = []
  for (let actor = value; actor !== undefined; actor = actor['act']) {
    if (!isObject(actor) || actors.length === ACTORS_MAX) throw refused("the token's act is not a chain of actors, or too long a one")
    const from = plainClaim(actor, 'iss')
    const subject = plain(actor['sub'], 'act.sub')
    actors.push(from === undefined || from === issuer ? subject : `${from}#${subject}`)
  }
  return actors
}
