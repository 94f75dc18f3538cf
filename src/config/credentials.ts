/** The settings of `servers.*.credential`: what the gateway presents to a server behind it, and on whose behalf. */
import { createPrivateKey } from 'node:crypto'
import { z } from 'zod'
import { Secret } from '../core/secret.ts'
import { issuerUrl } from './issuers.ts'
import { flag, httpUrl, secret, text, VARIABLE, word } from './values.ts'

/** RFC 9110 §5.1. */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/
/** A private key of 8192 bits is 6 KiB of PEM. */
const PEM_MAX_CHARS = 16 * 1024
const ALGORITHMS = ['ES256', 'ES384', 'RS256', 'PS256', 'EdDSA'] as const

const common = {
  scope: text('scopes, separated by blanks', 1024).optional().describe('What is asked for.'),
  allowPrivate: flag()
    .prefault(false)
    .describe(
      'Whether the issuer may be reached at private addresses, and over http at loopback ones. For issuers of your own, and tests.',
    ),
}

const client = {
  ...common,
  issuer: issuerUrl.optional().describe('The authorization server, to the letter; its metadata says where tokens are.'),
  tokenUrl: httpUrl.optional().describe('Its token endpoint, where it has no metadata.'),
  clientId: text('a client id', 256).describe('As whom the gateway is registered there.'),
  clientSecret: secret().optional(),
  privateKey: secret('a private key in PEM (PKCS#8)', PEM_MAX_CHARS).optional().describe('Instead of a secret (private_key_jwt).'),
  algorithm: z
    .enum(ALGORITHMS, { error: `expected one of ${ALGORITHMS.join(', ')}` })
    .prefault('ES256')
    .describe('Of the private key.'),
  keyId: text('a key id', 256).optional().describe('Of the private key, where the issuer wants it.'),
  resource: z
    .union([z.literal(false), httpUrl], { error: 'expected a URL, or false' })
    .optional()
    .describe(
      'For whom the token is asked (RFC 8707): the url of the server unless told. false: nothing is said, for issuers that refuse it.',
    ),
}

interface Client {
  readonly issuer?: string | undefined
  readonly tokenUrl?: string | undefined
  readonly clientSecret?: Secret | undefined
  readonly privateKey?: Secret | undefined
}
const isOfOneIssuer = (written: Client): boolean => (written.issuer === undefined) !== (written.tokenUrl === undefined)
const isOfOneProof = (written: Client): boolean => (written.clientSecret === undefined) !== (written.privateKey === undefined)
/** What a key of each algorithm is, as node:crypto names it. */
const KEY_KINDS: Readonly<Record<string, string>> = {
  ES256: 'ec prime256v1',
  ES384: 'ec secp384r1',
  RS256: 'rsa ',
  PS256: 'rsa ',
  EdDSA: 'ed25519 ',
}
function isOfKind({ privateKey, algorithm }: Client & { readonly algorithm: string }): boolean {
  if (privateKey === undefined) return true
  const pem = privateKey.reveal()
  try {
    const { asymmetricKeyType = '', asymmetricKeyDetails } = createPrivateKey(pem)
    return pem.includes('BEGIN PRIVATE KEY') && KEY_KINDS[algorithm] === `${asymmetricKeyType} ${asymmetricKeyDetails?.namedCurve ?? ''}`
  } catch {
    return false
  }
}
const KEY = { path: ['privateKey'], error: 'expected a private key in PEM (PKCS#8, "BEGIN PRIVATE KEY") that is one of the algorithm' }
const ISSUER = { error: 'expected exactly one of issuer and tokenUrl' }
const PROOF = { error: 'expected exactly one of clientSecret and privateKey' }

const KINDS = ['header', 'apiKey', 'clientCredentials', 'tokenExchange', 'connection', 'environment'] as const

export const credentialSettings = z
  .strictObject(
    {
      header: z
        .strictObject({ name: word(HEADER_NAME, 'the name of a header'), value: secret('a value', 4096) })
        .optional()
        .describe('A header of every request.'),
      apiKey: secret('an API key', 4096).optional().describe('Sent as a bearer token.'),
      clientCredentials: z
        .strictObject(client)
        .refine(isOfOneIssuer, ISSUER)
        .refine(isOfOneProof, PROOF)
        .refine(isOfKind, KEY)
        .optional()
        .describe('The gateway speaks for itself: one token for everybody (RFC 6749 §4.4).'),
      tokenExchange: z
        .strictObject({
          ...client,
          audience: text('an audience', 512).optional().describe('The name of the server at the issuer (RFC 8693 §2.1).'),
        })
        .refine(isOfOneIssuer, ISSUER)
        .refine(isOfOneProof, PROOF)
        .refine(isOfKind, KEY)
        .optional()
        .describe(
          "The caller's token becomes one for the server, for each caller its own (RFC 8693). Only who came with a token can call it.",
        ),
      connection: z
        .strictObject({
          ...common,
          issuer: issuerUrl
            .optional()
            .describe('Where the client is registered. Unless told: the gateway registers itself where the server says.'),
          clientId: text('a client id', 256).optional(),
          clientSecret: secret().optional(),
        })
        .refine(({ issuer, clientId }) => (issuer === undefined) === (clientId === undefined), {
          error: 'expected issuer and clientId together, or neither',
        })
        .optional()
        .describe('Each user connects an account there, once, in the browser.'),
      environment: z
        .record(word(VARIABLE, 'a variable name'), secret('a secret', PEM_MAX_CHARS), { error: 'expected a map of variables' })
        .optional()
        .describe('Of a command: variables like those of env, sealed.'),
    },
    { error: `expected one of ${KINDS.join(', ')}` },
  )
  .refine((written) => KINDS.filter((kind) => written[kind] !== undefined).length === 1, {
    error: `expected exactly one of ${KINDS.join(', ')}`,
  })

interface Asking {
  readonly scopes: readonly string[]
  readonly allowPrivate: boolean
}

/** As whom, and where, the gateway asks for tokens. */
export interface ClientConfig extends Asking {
  readonly issuer?: string
  readonly tokenUrl?: string
  readonly clientId: string
  readonly clientSecret?: Secret
  readonly key?: { readonly pem: Secret; readonly algorithm: string; readonly kid?: string }
  /** False: it is not said. Absent: the URL of the server. */
  readonly resource?: string | false
}

/** How a server that speaks HTTP is spoken to. */
export type CredentialConfig =
  | { readonly kind: 'header'; readonly name: string; readonly value: Secret }
  | ({ readonly kind: 'clientCredentials' } & ClientConfig)
  | ({ readonly kind: 'tokenExchange'; readonly audience?: string } & ClientConfig)
  | ({ readonly kind: 'connection'; readonly issuer?: string; readonly clientId?: string; readonly clientSecret?: Secret } & Asking)

type Written = z.output<typeof credentialSettings>

/** Undefined: of a command. */
export function settleCredential({ header, apiKey, clientCredentials, tokenExchange, connection }: Written): CredentialConfig | undefined {
  if (header !== undefined) return { kind: 'header', ...header }
  if (apiKey !== undefined) return { kind: 'header', name: 'authorization', value: new Secret(`Bearer ${apiKey.reveal()}`) }
  if (clientCredentials !== undefined) return { kind: 'clientCredentials', ...settleClient(clientCredentials) }
  if (tokenExchange !== undefined) {
    const { audience, ...rest } = tokenExchange
    return { kind: 'tokenExchange', ...settleClient(rest), ...(audience === undefined ? {} : { audience }) }
  }
  if (connection === undefined) return undefined
  const { issuer, clientId, clientSecret } = connection
  return {
    kind: 'connection',
    ...settleAsking(connection),
    ...(issuer === undefined ? {} : { issuer }),
    ...(clientId === undefined ? {} : { clientId }),
    ...(clientSecret === undefined ? {} : { clientSecret }),
  }
}

function settleClient(written: NonNullable<Written['clientCredentials']>): ClientConfig {
  const { issuer, tokenUrl, clientId, clientSecret, privateKey, algorithm, keyId, resource } = written
  return {
    ...settleAsking(written),
    clientId,
    ...(issuer === undefined ? {} : { issuer }),
    ...(tokenUrl === undefined ? {} : { tokenUrl }),
    ...(clientSecret === undefined ? {} : { clientSecret }),
    ...(privateKey === undefined ? {} : { key: { pem: privateKey, algorithm, ...(keyId === undefined ? {} : { kid: keyId }) } }),
    ...(resource === undefined ? {} : { resource }),
  }
}

function settleAsking({ scope = '', allowPrivate }: { readonly scope?: string | undefined; readonly allowPrivate: boolean }): Asking {
  return { scopes: scope.split(/\s+/).filter((one) => one !== ''), allowPrivate }
}
