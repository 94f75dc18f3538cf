/** The settings of `authentication.oauth`: the embedded authorization server, off unless written. */
import { z } from 'zod'
import { Secret } from '../core/secret.ts'
import { flag, httpUrl, list, roleName, span, text, word } from './values.ts'

const secret = text('a secret', 1024)
  .transform((written) => new Secret(written))
  .describe('Best taken from the environment.')

const signInSettings = z.strictObject({
  name: word(/^[\w -]{1,40}$/, 'a name of letters, digits, "-", "_" and blanks').describe(
    'For people, and part of the subject: Example|248289.',
  ),
  issuer: httpUrl.describe('Its identifier.'),
  clientId: text('a client id', 256).describe('As whom we sign people in.'),
  clientSecret: secret.optional(),
  roles: z
    .strictObject({
      claim: text('a claim such as groups', 256).describe('Where it says what somebody is.'),
      map: z
        .record(text('a value of the claim', 512), roleName, { error: 'expected a map from values of the claim to a role' })
        .describe('Which role each value gives. What is not here gives none.'),
    })
    .optional(),
  allowPrivate: flag().prefault(false).describe('Whether it may be reached at private addresses, and over http at loopback ones.'),
})

export const oauthSettings = z.strictObject({
  users: z
    .enum(['local', 'none'], { error: 'expected local or none' })
    .prefault('local')
    .describe('local: people with an account of ours sign in (portcullis users). none: only through signIn.'),
  signIn: list(signInSettings, 'providers').prefault([]).describe('Other OpenID providers where people may sign in.'),
  accessToken: span('1s', '1h').prefault('5m').describe('How long an access token lives: it cannot be called back by its issuer alone.'),
  refreshToken: span('1m', '365d').prefault('7d').describe('How long people stay signed in.'),
  registration: z
    .strictObject({
      metadataDocuments: flag().prefault(true).describe('Clients that are known by the URL of their metadata document.'),
      dynamic: flag().prefault(true).describe('Clients that register themselves (RFC 7591).'),
    })
    .prefault({}),
})

export interface OAuthConfig {
  readonly users: 'local' | 'none'
  readonly signIn: readonly {
    readonly name: string
    readonly issuer: string
    readonly clientId: string
    readonly clientSecret?: Secret
    readonly roles?: { readonly claim: string; readonly map: Readonly<Record<string, string>> }
    readonly allowPrivate: boolean
  }[]
  readonly accessTokenMs: number
  readonly refreshTokenMs: number
  readonly registration: { readonly metadataDocuments: boolean; readonly dynamic: boolean }
}

export function settleOAuth({ users, signIn, accessToken, refreshToken, registration }: z.output<typeof oauthSettings>): OAuthConfig {
  return {
    users,
    signIn: signIn.map(({ clientSecret, roles, ...rest }) => ({
      ...rest,
      ...(clientSecret === undefined ? {} : { clientSecret }),
      ...(roles === undefined ? {} : { roles }),
    })),
    accessTokenMs: accessToken,
    refreshTokenMs: refreshToken,
    registration,
  }
}
