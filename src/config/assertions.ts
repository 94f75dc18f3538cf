/** The settings of `authentication.oauth.assertions`: who vouches for people and machines, so that they get a token without a browser (RFC 7523). */
import { z } from 'zod'
import { DEFAULT_ALGORITHMS, issuerUrl, TOKEN_ALGORITHMS, type TokenAlgorithm } from './issuers.ts'
import { flag, httpUrl, list, roleName, span, text, word } from './values.ts'

/** One claim of an issuer, and one role for each value of it. */
export const claimRoles = z.strictObject({
  claim: text('a claim such as groups', 256).describe('Where it says what somebody is.'),
  map: z
    .record(text('a value of the claim', 512), roleName, { error: 'expected a map from values of the claim to a role' })
    .describe('Which role each value gives. What is not here gives none.'),
})

/** RFC 6749 §3.3. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/

const workload = z.strictObject({
  subject: text('a subject, as in sub', 1024).describe('Its `sub`, to the letter.'),
  claims: z
    .record(text('a claim', 256), text('the text that the claim must be', 1024), { error: 'expected a map from claims to texts' })
    .optional()
    .describe('What else its assertion must say, each to the letter.'),
  roles: list(roleName, 'role names').prefault([]).describe('What it may do.'),
  scopes: list(word(SCOPE, 'a scope such as tools:read'), 'scopes').prefault([]).describe('What its tokens are issued for.'),
})

export const assertionSettings = z.strictObject({
  issuer: issuerUrl.describe('Its identifier, to the letter as in `iss`.'),
  kind: z
    .enum(['idjag', 'workload'], { error: 'expected idjag or workload' })
    .describe("idjag: an identity provider's word on a person, for one client. workload: a platform's word on a machine. Never both."),
  jwksUri: httpUrl.optional().describe('Where its keys are. Unless told: where its metadata says.'),
  algorithms: list(z.enum(TOKEN_ALGORITHMS, { error: `expected one of ${TOKEN_ALGORITHMS.join(', ')}` }), 'algorithms', 1)
    .prefault([...DEFAULT_ALGORITHMS])
    .describe('What its assertions may be signed with.'),
  maxLifetime: span('10s', '1h')
    .prefault('10m')
    .describe('An assertion that was made to live longer is refused: it is to be used at once.'),
  audience: list(text('an audience', 512), 'audiences', 1)
    .optional()
    .describe('Of workloads: taken in `aud` beside our issuer and token endpoint, for a platform that cannot write those.'),
  workloads: list(workload, 'workloads', 1).optional().describe('Of workloads: who is known. Whoever is not here is nobody.'),
  clients: list(text('a client id', 256), 'client ids', 1)
    .optional()
    .describe('Of idjag: who may bring them. Unless told: every client made with `--grant jwt-bearer`.'),
  roles: claimRoles.optional().describe('Of idjag: unless told, as of signIn with the same issuer.'),
  allowPrivate: flag()
    .prefault(false)
    .describe('Whether it may be reached at private addresses, and over http at loopback ones. For issuers of your own, and tests.'),
})

/** An issuer of assertions as the house uses it. */
export interface AssertionConfig {
  readonly issuer: string
  readonly kind: 'idjag' | 'workload'
  readonly jwksUri?: string
  readonly algorithms: readonly TokenAlgorithm[]
  readonly maxLifetimeMs: number
  readonly audience?: readonly string[]
  readonly workloads?: readonly {
    readonly subject: string
    readonly claims?: Readonly<Record<string, string>>
    readonly roles: readonly string[]
    readonly scopes: readonly string[]
  }[]
  readonly clients?: readonly string[]
  readonly roles?: z.output<typeof claimRoles>
  readonly allowPrivate: boolean
}

type Written = z.output<typeof assertionSettings>

export function settleAssertion({ maxLifetime, jwksUri, audience, workloads, clients, roles, ...rest }: Written): AssertionConfig {
  return {
    ...rest,
    maxLifetimeMs: maxLifetime,
    ...(jwksUri === undefined ? {} : { jwksUri }),
    ...(audience === undefined ? {} : { audience }),
    ...(workloads === undefined ? {} : { workloads: workloads.map(settleWorkload) }),
    ...(clients === undefined ? {} : { clients }),
    ...(roles === undefined ? {} : { roles }),
  }
}

function settleWorkload({ claims, ...rest }: z.output<typeof workload>): NonNullable<AssertionConfig['workloads']>[number] {
  return { ...rest, ...(claims === undefined ? {} : { claims }) }
}

export interface Contradiction {
  readonly path: readonly PropertyKey[]
  readonly expected: string
}

/** What is for the other kind would be believed to do something. */
const ONLY = { idjag: ['clients', 'roles'], workload: ['audience', 'workloads'] } as const

/** What no single setting is guilty of. Paths are within the list. */
export function contradictingAssertions(assertions: readonly Written[]): readonly Contradiction[] {
  return assertions.flatMap((written, index) => {
    const { issuer, kind, allowPrivate } = written
    const other = kind === 'idjag' ? 'workload' : 'idjag'
    const found: Contradiction[] = ONLY[other]
      .filter((name) => written[name] !== undefined)
      .map((name) => ({ path: [index, name], expected: `expected only beside kind: ${other}` }))
    if (kind === 'workload' && written.workloads === undefined)
      found.push({ path: [index], expected: 'expected workloads: whoever is not named there is nobody' })
    if (assertions.slice(0, index).some((one) => one.issuer === issuer))
      found.push({ path: [index, 'issuer'], expected: 'expected each issuer once: it is trusted for one kind only' })
    if (issuer.toLowerCase().startsWith('http:') && !allowPrivate)
      found.push({ path: [index, 'issuer'], expected: 'expected an https:// URL; http:// only at loopback, with allowPrivate: true' })
    return found
  })
}
