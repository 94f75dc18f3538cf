/** What the certificate of a client says, as the connection proved it or as a proxy of ours passes it on (RFC 9440). */
import { createHash, X509Certificate } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { TLSSocket } from 'node:tls'
import type { CertificateFlaw, ClientCertificate } from '../core/principal.ts'

/** A structured field of bytes (RFC 8941 §3.3.5); a chain of P-256 certificates is a kilobyte each, RSA ones two. */
const HEADER = /^:([A-Za-z0-9+/]{1,10924}={0,2}):$/
/** Different headers that are remembered; one is a few kilobytes. */
const REMEMBERED_MAX = 1_000
/** What Node writes of one name: quoted where a reader could take it for several. */
const NAME = /(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,"]*)/y
/** Neither blanks nor anything that is not ASCII: such a name is nobody's. */
const PLAIN = /^[\x21-\x7e]{1,1024}$/

const KINDS: Readonly<Record<string, ClientCertificate['names'][number]['kind']>> = {
  URI: 'san-uri',
  DNS: 'san-dns',
  email: 'san-email',
}

export type Presented = ClientCertificate | CertificateFlaw | undefined

/** Reads the certificates of callers. What is read is read once: for a connection, and for a header. */
export class ClientCertificates {
  readonly #fromHeader: boolean
  readonly #ofSocket = new WeakMap<object, { readonly presented: Presented }>()
  readonly #ofHeader = new Map<string, Presented>()

  /** @param fromHeader `Client-Cert` of trusted proxies is believed, and of nobody else. */
  constructor(fromHeader: boolean) {
    this.#fromHeader = fromHeader
  }

  /** @param isProxied the other end of the connection is a proxy of ours: then its own certificate is not its client's. */
  of({ headers, socket }: Pick<IncomingMessage, 'headers' | 'socket'>, isProxied: boolean): Presented {
    const header = this.#fromHeader ? headers['client-cert'] : undefined
    if (header !== undefined) return isProxied ? this.#read(String(header)) : SPOOFED
    if (isProxied) return undefined
    const known = this.#ofSocket.get(socket)
    if (known !== undefined) return known.presented
    const presented = presentedBy(socket)
    this.#ofSocket.set(socket, { presented })
    return presented
  }

  #read(header: string): Presented {
    const known = this.#ofHeader.get(header)
    if (known !== undefined) return known
    const presented = parseHeader(header)
    if (this.#ofHeader.size >= REMEMBERED_MAX) this.#ofHeader.clear()
    this.#ofHeader.set(header, presented)
    return presented
  }
}

/** RFC 9440 §4: whoever is no proxy of ours and sends it wants to be taken for somebody else. */
const SPOOFED: CertificateFlaw = { flaw: 'Client-Cert came from an address that is not among trustedProxies' }

function presentedBy(socket: unknown): Presented {
  if (!(socket instanceof TLSSocket)) return undefined
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return undefined
  if (socket.authorized) return read(certificate)
  return { flaw: `the client certificate was not verified: ${String(socket.authorizationError)}` }
}

function parseHeader(header: string): Presented {
  const text = HEADER.exec(header)?.[1]
  if (text === undefined) return { flaw: 'Client-Cert is not one certificate as RFC 9440 writes it' }
  try {
    return read(new X509Certificate(Buffer.from(text, 'base64')))
  } catch {
    return { flaw: 'Client-Cert holds no certificate' }
  }
}

function read(certificate: X509Certificate): ClientCertificate | CertificateFlaw {
  const names = parseNames(certificate.subjectAltName ?? '')
  if (names === undefined) return { flaw: 'the names of the client certificate cannot be read' }
  return {
    thumbprint: createHash('sha256').update(certificate.raw).digest('base64url'),
    names,
    expiresAt: certificate.validToDate.getTime(),
    pem: certificate.toString(),
  }
}

/**
 * The names of the three kinds that may say who somebody is. A quoted one holds something that no such name does, and is left out.
 * @returns undefined when the text is not wholly understood.
 */
export function parseNames(text: string): ClientCertificate['names'] | undefined {
  const names: ClientCertificate['names'][number][] = []
  NAME.lastIndex = 0
  for (let at = 0; at < text.length; at = NAME.lastIndex) {
    NAME.lastIndex = at
    const match = NAME.exec(text)
    if (match === null) return undefined
    const kind = KINDS[match[1] ?? '']
    const name = match[2] ?? ''
    if (kind !== undefined && PLAIN.test(name) && !name.startsWith('"'))
      names.push({ kind, name: kind === 'san-dns' ? name.toLowerCase() : name })
  }
  return names
}
