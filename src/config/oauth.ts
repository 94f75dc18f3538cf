/** The settings of `authentication.oauth`: the embedded authorization server, off unless written. */
import { z } from 'zod'
import type { Secret } from '../core/secret.ts'
import {
  type AssertionConfig,
  assertionSettings,
  type Contradiction,
  claimRoles,
  contradictingAssertions,
  settleAssertion,
} from './assertions.ts'
import { flag, httpUrl, list, origin, secret, span, text, word } from './values.ts'

/** Another OpenID provider where people may sign in. */
export const signInSettings = z.strictObject({
  name: word(/^[\w -]{1,40}$/, 'a name of letters, digits, "-", "_" and blanks').describe(
    'For people, and part of the subject: Example|248289.',
  ),
  issuer: httpUrl.describe('Its identifier.'),
  clientId: text('a client id', 256).describe('As whom we sign people in.'),
  clientSecret: secret().optional().describe('Sealed, or from the environment.'),
  roles: claimRoles.optional(),
  allowPrivate: flag().prefault(false).describe('Whether it may be reached at private addresses, and over http at loopback ones.'),
})

export const oauthSettings = z.strictObject({
  users: z
    .enum(['local', 'none'], { error: 'expected local or none' })
    .prefault('local')
    .describe('local: people with an account of ours sign in (portcullis users). none: only through signIn.'),
  signIn: list(signInSettings, 'providers').prefault([]).describe('Other OpenID providers where people may sign in.'),
  assertions: list(assertionSettings, 'issuers of assertions')
    .prefault([])
    .describe('Whose word gets a token without a browser: of people (ID-JAG), and of machines (workload identity).'),
  accessToken: span('1s', '1h').prefault('5m').describe('How long an access token lives: it cannot be called back by its issuer alone.'),
  refreshToken: span('1m', '365d').prefault('7d').describe('How long people stay signed in.'),
  registration: z
    .strictObject({
      metadataDocuments: z
        .union([flag(), z.array(origin)], { error: 'expected true, false, or a list of origins such as https://agents.example.com' })
        .prefault(true)
        .describe('Clients that are known by the URL of their metadata document. A list: only those of these origins.'),
      dynamic: flag().prefault(true).describe('Clients that register themselves (RFC 7591).'),
      allowPrivate: flag().prefault(false).describe('Whether the origins that are listed may be at private addresses, too.'),
    })
    .prefault({}),
})

export interface SignInConfig {
  readonly name: string
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret?: Secret
  readonly roles?: { readonly claim: string; readonly map: Readonly<Record<string, string>> }
  readonly allowPrivate: boolean
}

export interface OAuthConfig {
  readonly users: 'local' | 'none'
  readonly signIn: readonly SignInConfig[]
  readonly assertions: readonly AssertionConfig[]
  readonly accessTokenMs: number
  readonly refreshTokenMs: number
  readonly registration: {
    /** A list: of origins. */
    readonly metadataDocuments: boolean | readonly string[]
    readonly dynamic: boolean
    readonly allowPrivate: boolean
  }
}

export function settleSignIn({ clientSecret, roles, ...rest }: z.output<typeof signInSettings>): SignInConfig {
  return { ...rest, ...(clientSecret === undefined ? {} : { clientSecret }), ...(roles === undefined ? {} : { roles }) }
}

export function settleOAuth(written: z.output<typeof oauthSettings>): OAuthConfig {
  const { users, signIn, assertions, accessToken, refreshToken, registration } = written
  return {
    users,
    signIn: signIn.map(settleSignIn),
    assertions: assertions.map(settleAssertion),
    accessTokenMs: accessToken,
    refreshTokenMs: refreshToken,
    registration,
  }
}

/** What no single setting is guilty of. Paths are within the section. */
export function contradictingOAuth({ assertions, registration }: z.output<typeof oauthSettings>): readonly Contradiction[] {
  const { metadataDocuments, allowPrivate } = registration
  const found: Contradiction[] = contradictingAssertions(assertions).map(({ path, ...rest }) => ({
    path: ['assertions', ...path],
    ...rest,
  }))
  const isListed = typeof metadataDocuments !== 'boolean'
  if (allowPrivate && !isListed)
    found.push({
      path: ['registration', 'allowPrivate'],
      expected: 'expected a list of origins at metadataDocuments: a stranger must not choose private addresses',
    })
  for (const [index, one] of (isListed ? metadataDocuments : []).entries()) {
    if (!one.startsWith('https:'))
      found.push({
        path: ['registration', 'metadataDocuments', index],
        expected: 'expected an https:// origin: the document is who the client is',
      })
  }
  return found
}
