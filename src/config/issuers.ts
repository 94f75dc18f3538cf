/** The settings of `authentication.issuers` and `authentication.jwtSecret`: whose access tokens are taken, and what is demanded of them. */
import { z } from 'zod'
import { Secret } from '../core/secret.ts'
import { weakness } from './strength.ts'
import { flag, httpUrl, list, roleName, secret, some, span, text, word } from './values.ts'

/** Asymmetric all (RFC 8725 §3.2): symmetric tokens are `jwtSecret`'s, whose keys nobody publishes. */
export const TOKEN_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const
export type TokenAlgorithm = (typeof TOKEN_ALGORITHMS)[number]
/** What is accepted unless told: what issuers in the field sign with. */
export const DEFAULT_ALGORITHMS: readonly TokenAlgorithm[] = ['RS256', 'PS256', 'ES256', 'EdDSA']

/** A name, or a JSON Pointer into the claims. */
const CLAIM = /^(\/[^\p{Cc}]{1,255}|[^/\p{Cc}][^\p{Cc}]{0,255})$/u

/** Kept as written: it is compared to the letter, and some issuers end in a slash. */
export const issuerUrl = z
  .string({ error: 'expected the URL of an issuer, as it stands in its tokens' })
  .refine(isIssuer, { error: 'expected an http:// or https:// URL without user, query or fragment, as it stands in the tokens' })

function isIssuer(written: string): boolean {
  const url = URL.canParse(written) ? new URL(written) : undefined
  return url !== undefined && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '' && !/[?#\s]/.test(written)
}

const introspection = z.strictObject({
  clientId: text('a client id', 256).describe('As whom we ask.'),
  clientSecret: secret().describe('Sealed, or from the environment.'),
  endpoint: httpUrl.optional().describe('Where it is asked. Unless told: where its metadata says.'),
  cache: span('0s', '5m').prefault('30s').describe('How long an answer is believed: a token revoked at its issuer may work for so long.'),
})

export const issuerSettings = z.strictObject({
  issuer: issuerUrl.describe('Its identifier, to the letter as in `iss`.'),
  jwksUri: httpUrl.optional().describe('Where its keys are. Unless told: where its metadata says.'),
  audience: some(text('an audience', 512), 'an audience')
    .optional()
    .describe('What `aud` must name. Unless told: the resource identifier of the server that is called, which is best.'),
  algorithms: list(z.enum(TOKEN_ALGORITHMS, { error: `expected one of ${TOKEN_ALGORITHMS.join(', ')}` }), 'algorithms', 1)
    .prefault([...DEFAULT_ALGORITHMS])
    .describe('What its tokens may be signed with.'),
  typ: z
    .enum(['at+jwt', 'JWT'], { error: 'expected at+jwt or JWT' })
    .prefault('at+jwt')
    .describe('JWT only for an issuer that cannot write at+jwt: then a token must name its client and hold scopes, or it is none.'),
  roles: z
    .strictObject({
      claim: word(CLAIM, 'a claim such as groups or /realm_access/roles').describe('Where its tokens say what somebody is.'),
      map: z
        .record(text('a value of the claim', 512), some(roleName, 'a role name'), {
          error: 'expected a map from values of the claim to roles',
        })
        .describe('Which role each value gives. What is not here gives none.'),
    })
    .optional(),
  scopes: z
    .union([z.literal(false), word(CLAIM, 'a claim')], { error: 'expected the name of a claim, or false' })
    .prefault('scope')
    .describe('The claim that holds scopes, such as scp. false: its tokens know no scopes and are not narrowed by them.'),
  tenant: text('a tenant', 256).optional().describe('The tenant that all its tokens belong to.'),
  maxLifetime: span('1m', '30d').prefault('24h').describe('A token that was made to live longer is refused.'),
  introspection: introspection
    .optional()
    .describe('How it is asked about opaque tokens. Of one issuer only: such a token does not say whose it is.'),
  allowPrivate: flag()
    .prefault(false)
    .describe('Whether it may be reached at private addresses, and over http at loopback ones. For issuers of your own, and tests.'),
})

/** A secret of ours that signs: refused where it could be guessed. */
export const secretSetting = z
  .string({ error: 'expected a text' })
  .transform((written, context): Secret => {
    const weak = weakness(written)
    if (weak !== undefined) context.addIssue({ code: 'custom', message: weak, input: '' })
    return new Secret(written)
  })
  .meta({ writeOnly: true })

export const jwtSecretSetting = secretSetting.describe(
  'For a single party that mints and verifies its own tokens (HS256). Sealed, or from the environment.',
)

/** An issuer as the house uses it. */
export interface IssuerConfig {
  readonly issuer: string
  readonly jwksUri?: string
  readonly audience?: readonly string[]
  readonly algorithms: readonly TokenAlgorithm[]
  readonly typ: 'at+jwt' | 'JWT'
  readonly roles?: { readonly claim: string; readonly map: Readonly<Record<string, readonly string[]>> }
  readonly scopes: string | false
  readonly tenant?: string
  readonly maxLifetimeMs: number
  readonly introspection?: {
    readonly clientId: string
    readonly clientSecret: Secret
    readonly endpoint?: string
    readonly cacheMs: number
  }
  readonly allowPrivate: boolean
}

export function settleIssuer({
  audience,
  jwksUri,
  roles,
  tenant,
  maxLifetime,
  introspection: asked,
  ...rest
}: z.output<typeof issuerSettings>): IssuerConfig {
  return {
    ...rest,
    maxLifetimeMs: maxLifetime,
    ...(jwksUri === undefined ? {} : { jwksUri }),
    ...(audience === undefined ? {} : { audience }),
    ...(roles === undefined ? {} : { roles }),
    ...(tenant === undefined ? {} : { tenant }),
    ...(asked === undefined ? {} : { introspection: settleIntrospection(asked) }),
  }
}

function settleIntrospection({ cache, endpoint, ...rest }: z.output<typeof introspection>): NonNullable<IssuerConfig['introspection']> {
  return { ...rest, ...(endpoint === undefined ? {} : { endpoint }), cacheMs: cache }
}

/** What no single issuer is guilty of. Paths are within the list. */
export function contradictingIssuers(
  issuers: readonly z.output<typeof issuerSettings>[],
): readonly { readonly path: readonly PropertyKey[]; readonly expected: string }[] {
  const found: { readonly path: readonly PropertyKey[]; readonly expected: string }[] = []
  for (const [index, { issuer, introspection: asked, allowPrivate }] of issuers.entries()) {
    const before = issuers.slice(0, index)
    if (before.some((other) => other.issuer === issuer)) found.push({ path: [index, 'issuer'], expected: 'expected each issuer once' })
    if (asked !== undefined && before.some((other) => other.introspection !== undefined))
      found.push({
        path: [index, 'introspection'],
        expected: 'expected introspection at one issuer only: an opaque token does not say whose it is',
      })
    if (issuer.toLowerCase().startsWith('http:') && !allowPrivate)
      found.push({ path: [index, 'issuer'], expected: 'expected an https:// URL; http:// only at loopback, with allowPrivate: true' })
  }
  return found
}
