/** TLS as the house speaks it: versions, ciphers, who is asked for a certificate, and what went wrong in a handshake. */
import { constants } from 'node:crypto'
import { type SecureContextOptions, TLSSocket, type TlsOptions } from 'node:tls'
import { splitLists } from './revocation-list.ts'

/** What a listener is secured with: PEM texts. */
export interface TlsMaterial {
  /** Its own certificate first. */
  readonly certificate: string
  readonly key: string
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3'
  /** Present: clients are asked for a certificate. */
  readonly clients?: { readonly ca: string; readonly required: boolean; readonly revocationList?: string }
}

/** Authenticated encryption with forward secrecy alone (RFC 9325 §4.2); those of TLS 1.3 first. */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':')

/**
 * No renegotiation (CVE-2009-3555, CVE-2011-1473). No session tickets: their key would outlive the forward secrecy of all sessions (RFC 9325
 * §3.4), and who takes up a session is not held against the revocation list again. A handshake on P-256 costs a third of a millisecond.
 */
const SECURE_OPTIONS = constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_TICKET | constants.SSL_OP_PRIORITIZE_CHACHA

/** What changes when files change. */
export function contextOptions({ certificate, key, minVersion, clients }: TlsMaterial): SecureContextOptions {
  return {
    cert: certificate,
    key,
    minVersion,
    maxVersion: 'TLSv1.3',
    ciphers: CIPHERS,
    honorCipherOrder: true,
    secureOptions: SECURE_OPTIONS,
    ...(clients === undefined ? {} : { ca: clients.ca }),
    ...(clients?.revocationList === undefined ? {} : { crl: [...splitLists(clients.revocationList)] }),
  }
}

export function serverOptions(material: TlsMaterial, handshakeTimeout: number): TlsOptions {
  return {
    ...contextOptions(material),
    ALPNProtocols: ['http/1.1'],
    requestCert: material.clients !== undefined,
    rejectUnauthorized: material.clients?.required === true,
    handshakeTimeout,
  }
}

/** Why a client without a certificate is refused. */
export const NO_CERTIFICATE = 'it has none'

export interface RefusedClient {
  readonly why: string
  /** Absent where the socket does not tell it any more. */
  readonly address?: string
}

/** A handshake that failed because of the client's certificate, or because there was none. Undefined: for another reason. */
export function refusedClient(error: NodeJS.ErrnoException, socket: TLSSocket): RefusedClient | undefined {
  const isMissing = error.code === 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE'
  // Null, though its type does not say so, when it was never looked at.
  const { authorizationError } = socket as { readonly authorizationError: unknown }
  if (!isMissing && typeof authorizationError !== 'string') return undefined
  const address = addressOf(socket)
  return { why: isMissing ? NO_CERTIFICATE : String(authorizationError), ...(address === undefined ? {} : { address }) }
}

/** A socket that was closed knows its other end no more; the one below it does. For the log alone. */
function addressOf(socket: TLSSocket): string | undefined {
  const below: unknown = '_parent' in socket ? socket._parent : undefined
  const known = typeof below === 'object' && below !== null && 'remoteAddress' in below ? below.remoteAddress : undefined
  return socket.remoteAddress ?? (typeof known === 'string' ? known : undefined)
}

/** Whether the client of a connection showed a certificate. */
export function hasCertificate(socket: unknown): boolean {
  return socket instanceof TLSSocket && socket.getPeerX509Certificate() !== undefined
}
