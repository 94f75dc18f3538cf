/** The settings of `tls`, `servers.*.tls` and `authentication.certificates`: how connections are protected, and what a certificate is good for. */
import { resolve } from 'node:path'
import { z } from 'zod'
import { isLoopback } from './public-url.ts'
import { type Address, address, flag, httpUrl, list, roleName, some, text, word } from './values.ts'

const pem = text('the path of a PEM file')

const acmeSettings = z.strictObject({
  agree: z
    .union([z.literal(true), z.literal('true')], { error: 'expected true: the terms of the authority are yours to read and to agree to' })
    .describe('That you agree to the terms of service of the authority.'),
  directory: httpUrl
    .refine((url) => url.startsWith('https:'), { error: 'expected an https:// URL' })
    .prefault('https://acme-v02.api.letsencrypt.org/directory')
    .describe('Of the authority (RFC 8555).'),
  contact: list(word(/^mailto:[^\s,?]{3,250}$/, 'a URL such as mailto:ops@example.com'), 'URLs such as mailto:ops@example.com')
    .prefault([])
    .describe('Whom the authority may write to.'),
  ca: pem.optional().describe('The authorities that its directory is believed by, instead of the well-known ones.'),
  allowPrivate: flag().prefault(false).describe('Whether the directory may be at a private address.'),
})

export const tlsSettings = z.strictObject({
  certificate: pem
    .optional()
    .describe('The certificate of this gateway, then those that lead to its authority. Read again when it changes, as all these files.'),
  key: pem.optional().describe('Its private key. Nobody but the owner and the group of the file may read it.'),
  acme: acmeSettings
    .optional()
    .describe('Instead of both: an authority that makes a certificate for the host of publicUrl, and renews it.'),
  minVersion: z
    .enum(['TLSv1.2', 'TLSv1.3'], { error: 'expected TLSv1.2 or TLSv1.3' })
    .prefault('TLSv1.2')
    .describe('The oldest version that is spoken.'),
  clientCa: pem.optional().describe('The authorities whose certificates clients may have. Without it, clients are not asked for one.'),
  clientCertificates: z
    .enum(['required', 'optional'], { error: 'expected required or optional' })
    .optional()
    .describe(
      'required: a client without a certificate is not connected. optional: it is, but one that brings a bad one is refused. Default required.',
    ),
  revocationList: pem.optional().describe('Which certificates of clients were revoked: one list of each authority (PEM).'),
  redirect: address.optional().describe('Where plain http is answered: pages lead to publicUrl, everything else is refused.'),
})

export const upstreamTlsSettings = z
  .strictObject({
    ca: pem.optional().describe('The authorities that it is believed by, instead of the well-known ones.'),
    certificate: pem.optional().describe('What the gateway itself shows, then the certificates that lead to its authority.'),
    key: pem.optional().describe('The private key of that.'),
  })
  .refine(({ certificate, key }) => (certificate === undefined) === (key === undefined), { error: 'expected certificate and key together' })

/** A name or a part of one, and stars within its parts. */
const namePattern = text('a name, with * for any characters of one part, such as spiffe://example/agent/*', 1024)

export const certificateSettings = z.strictObject({
  subject: z
    .enum(['san-uri', 'san-dns', 'san-email'], { error: 'expected san-uri, san-dns or san-email' })
    .optional()
    .describe('Which name of a certificate says who it is. Without it, certificates identify nobody; tokens may still be bound to them.'),
  roles: z
    .record(namePattern, some(roleName, 'a role name'), { error: 'expected a map from names to roles' })
    .prefault({})
    .describe('Which roles a name has, such as "spiffe://example/agent/*": service. A name that none fits has no role.'),
  header: flag()
    .prefault(false)
    .describe('Whether trustedProxies, where TLS ends, tell the certificate of a client in Client-Cert (RFC 9440). They must verify it.'),
})

export interface AcmeConfig {
  readonly directory: string
  readonly contact: readonly string[]
  /** Absolute. */
  readonly ca?: string
  readonly allowPrivate: boolean
}

/** Either both files or an authority. */
export interface TlsConfig {
  readonly certificate?: string
  readonly key?: string
  readonly acme?: AcmeConfig
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3'
  /** Present: clients are asked for a certificate. */
  readonly clients?: { readonly ca: string; readonly required: boolean; readonly revocationList?: string }
  readonly redirect?: Address
}

export interface UpstreamTlsConfig {
  readonly ca?: string
  readonly certificate?: string
  readonly key?: string
}

export interface CertificateConfig {
  readonly subject?: 'san-uri' | 'san-dns' | 'san-email'
  readonly roles: Readonly<Record<string, readonly string[]>>
  readonly header: boolean
}

export function settleTls(written: z.output<typeof tlsSettings>, directory: string): TlsConfig {
  const { certificate, key, acme, minVersion, clientCa, clientCertificates, revocationList, redirect } = written
  const clients = clientCa !== undefined && {
    ca: resolve(directory, clientCa),
    required: clientCertificates !== 'optional',
    ...(revocationList !== undefined && { revocationList: resolve(directory, revocationList) }),
  }
  return {
    ...(certificate !== undefined && { certificate: resolve(directory, certificate) }),
    ...(key !== undefined && { key: resolve(directory, key) }),
    ...(acme && { acme: settleAcme(acme, directory) }),
    minVersion,
    ...(clients && { clients }),
    ...(redirect && { redirect }),
  }
}

function settleAcme({ ca, directory: url, contact, allowPrivate }: z.output<typeof acmeSettings>, directory: string): AcmeConfig {
  return { directory: url, contact, allowPrivate, ...(ca !== undefined && { ca: resolve(directory, ca) }) }
}

export function settleUpstreamTls(written: z.output<typeof upstreamTlsSettings>, directory: string): UpstreamTlsConfig {
  const paths = Object.entries(written).flatMap(([name, path]) => (path === undefined ? [] : [[name, resolve(directory, path)] as const]))
  return Object.fromEntries(paths)
}

export function settleCertificates({ subject, ...rest }: z.output<typeof certificateSettings>): CertificateConfig {
  return { ...rest, ...(subject === undefined ? {} : { subject }) }
}

interface Place {
  readonly tls?: z.output<typeof tlsSettings> | undefined
  readonly certificates?: z.output<typeof certificateSettings> | undefined
  readonly hasProxies: boolean
  /** Whether the embedded authorization server is there. */
  readonly hasOAuth: boolean
  /** What clients use, and the setting that says so. */
  readonly url: URL
  readonly urlSetting: 'publicUrl' | 'listen'
}

interface Contradiction {
  readonly path: readonly PropertyKey[]
  readonly expected: string
}

/** What no single setting is guilty of. */
export function contradictingTls({ tls, certificates, hasProxies, hasOAuth, url, urlSetting }: Place): readonly Contradiction[] {
  const found: Contradiction[] = []
  for (const name of ['clientCertificates', 'revocationList'] as const) {
    if (tls?.[name] !== undefined && tls.clientCa === undefined)
      found.push({ path: ['tls', name], expected: 'expected only beside clientCa: without authorities no client can be verified' })
  }
  if (tls !== undefined) found.push(...contradictingOwn(tls, url, urlSetting))
  if (tls !== undefined && url.protocol === 'http:')
    found.push({ path: [urlSetting], expected: 'expected an https:// URL, because tls is written' })
  if (certificates !== undefined) found.push(...contradictingCertificates(certificates, tls?.clientCa !== undefined, hasProxies))
  if (hasOAuth && !isLoopback(url.hostname)) {
    if (url.protocol === 'http:')
      found.push({
        path: [urlSetting],
        expected: 'expected an https:// publicUrl, because people sign in there (authentication.oauth) and tokens go over the wire',
      })
    else if (tls === undefined && !hasProxies)
      found.push({
        path: [urlSetting],
        expected: 'expected tls, or trustedProxies where TLS ends in front: nothing here speaks https, and people are to sign in there',
      })
  }
  return found
}

/** Where the certificate comes from: two files, or an authority that can ask for the name. */
function contradictingOwn(
  { certificate, key, acme, redirect }: z.output<typeof tlsSettings>,
  { hostname }: URL,
  urlSetting: Place['urlSetting'],
): readonly Contradiction[] {
  const missing = certificate === undefined ? 'certificate' : 'key'
  if (acme === undefined)
    return certificate !== undefined && key !== undefined
      ? []
      : [{ path: ['tls', missing], expected: `expected ${missing}, the path of a PEM file; or acme instead of certificate and key` }]
  const found: Contradiction[] = []
  if (certificate !== undefined || key !== undefined)
    found.push({ path: ['tls', 'acme'], expected: 'expected either certificate and key, or acme' })
  if (redirect === undefined)
    found.push({
      path: ['tls', 'redirect'],
      expected: 'expected redirect beside acme, such as 0.0.0.0:80: there the authority asks whether the name is yours',
    })
  if (urlSetting === 'listen' || isLoopback(hostname) || hostname.startsWith('[') || !/\.[a-z][a-z0-9-]*$/.test(hostname))
    found.push({ path: [urlSetting], expected: 'expected a publicUrl with the public name that acme is to certify' })
  return found
}

function contradictingCertificates(
  { subject, roles, header }: z.output<typeof certificateSettings>,
  hasAuthorities: boolean,
  hasProxies: boolean,
): readonly Contradiction[] {
  const path = ['authentication', 'certificates'] as const
  const found: Contradiction[] = []
  if (subject === undefined && Object.keys(roles).length > 0)
    found.push({ path: [...path, 'roles'], expected: 'expected subject beside it: which name of a certificate is meant' })
  if (header && !hasProxies)
    found.push({ path: [...path, 'header'], expected: 'expected trustedProxies beside it: it is believed of nobody else' })
  if (!header && !hasAuthorities)
    found.push({
      path,
      expected: 'expected tls.clientCa, or header: true behind trustedProxies: no certificate would ever reach the gateway',
    })
  return found
}
