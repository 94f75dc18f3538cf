/** Certificates of our own: what is in a file of them, and what is wrong with it before a client finds out. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'

/** NIST SP 800-57 part 1, table 2: 112 bits of strength. */
const RSA_MIN_BITS = 2048
const CURVES: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1', 'secp521r1'])
/** Collisions can be made of these (RFC 9155). */
const BROKEN_HASH = /md5|sha1(?!\d)|sha-1(?!\d)/i
const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** What people are told of a certificate. */
export interface CertificateView {
  readonly subject: string
  readonly issuer: string
  /** Subject alternative names as they are written in it. */
  readonly names: string
  readonly validFromAt: number
  readonly expiresAt: number
  /** `EC prime256v1`, `RSA 2048`. */
  readonly key: string
  /** SHA-256, hex. */
  readonly fingerprint: string
}

/** Every certificate of a PEM text, in order. @throws Error of `node:crypto` for one that is none. */
export function readCertificates(pem: string): readonly X509Certificate[] {
  return [...pem.matchAll(PEM)].map(([text]) => new X509Certificate(text))
}

/** @throws Error of `node:crypto` when it is none, or locked by a passphrase. */
export function readPrivateKey(pem: string): KeyObject {
  return createPrivateKey(pem)
}

export function viewOf(certificate: X509Certificate): CertificateView {
  return {
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    names: certificate.subjectAltName ?? '',
    validFromAt: certificate.validFromDate.getTime(),
    expiresAt: certificate.validToDate.getTime(),
    key: keyName(certificate.publicKey),
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
  }
}

/** `CN=a\nO=b`, as Node writes it, in one line. A certificate that clients made need not have a subject. */
function oneLine(name: string | undefined): string {
  return (name ?? '').replaceAll('\n', ', ')
}

function keyName({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string {
  if (asymmetricKeyType === undefined) return 'unknown'
  const detail = asymmetricKeyDetails?.namedCurve ?? asymmetricKeyDetails?.modulusLength
  return detail === undefined ? asymmetricKeyType : `${asymmetricKeyType.toUpperCase()} ${detail}`
}

/** Whether a name or address of ours is among those of the certificate (RFC 9525 §6). */
export function isFor(certificate: X509Certificate, host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '')
  const found = isIP(bare) === 0 ? certificate.checkHost(bare, { subject: 'never' }) : certificate.checkIP(bare)
  return found !== undefined
}

/** What is wrong with a chain, its end first: none of it may be out of its time, weak, or not signed by the one behind it. */
export function chainFlaws(chain: readonly X509Certificate[], now: number): readonly string[] {
  const found: string[] = []
  for (const [at, certificate] of chain.entries()) {
    const name = at === 0 ? 'it' : `certificate ${at + 1} of the file (${oneLine(certificate.subject)})`
    const { validFromAt, expiresAt } = viewOf(certificate)
    if (expiresAt <= now) found.push(`${name} expired on ${day(expiresAt)}; get a new one`)
    if (validFromAt > now) found.push(`${name} is not valid before ${day(validFromAt)}; see that the clock of this machine is right`)
    const weakness = weaknessOf(certificate)
    if (weakness !== undefined) found.push(`${name} ${weakness}`)
    const next = chain[at + 1]
    if (next !== undefined && !(certificate.checkIssued(next) && certificate.verify(next.publicKey)))
      found.push(`certificate ${at + 2} of the file did not sign the one before it; write them in order, the own one first`)
  }
  return found
}

function weaknessOf(certificate: X509Certificate): string | undefined {
  const { asymmetricKeyType, asymmetricKeyDetails } = certificate.publicKey
  if (asymmetricKeyType === 'rsa' && (asymmetricKeyDetails?.modulusLength ?? 0) < RSA_MIN_BITS)
    return `has a key of ${asymmetricKeyDetails?.modulusLength} bits; ${RSA_MIN_BITS} are the least`
  if (asymmetricKeyType === 'ec' && !CURVES.has(asymmetricKeyDetails?.namedCurve ?? ''))
    return `has a key on ${asymmetricKeyDetails?.namedCurve}; use prime256v1, secp384r1 or secp521r1`
  // A root is believed because it is known, not because it signs itself.
  const isRoot = certificate.checkIssued(certificate)
  if (!isRoot && BROKEN_HASH.test(certificate.signatureAlgorithm ?? ''))
    return `is signed with ${certificate.signatureAlgorithm}, which can be forged`
  return undefined
}

export function day(at: number): string {
  return new Date(at).toISOString().slice(0, 16).replace('T', ' ')
}
