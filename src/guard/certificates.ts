/** Where client certificates are looked for, and what one says of its bearer. */
import type { Config } from '../config/config.ts'
import type { Clock } from '../core/time.ts'
import { Certificates } from '../identity/certificate.ts'

export function certificatesOf({ authentication: { certificates } }: Config, clock: Clock): Certificates | undefined {
  const { subject, roles } = certificates ?? {}
  return subject === undefined ? undefined : new Certificates({ subject, roles: roles ?? {}, clock })
}

/** Where no client has a certificate, none is looked for. */
export function certificateSourceOf({ tls, authentication: { certificates } }: Config): 'connection' | 'header' | undefined {
  if (certificates?.header === true) return 'header'
  return tls?.clients === undefined ? undefined : 'connection'
}
