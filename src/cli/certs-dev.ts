/** A local authority and what it vouches for, made with the openssl command: certificates are nothing to write by hand. */
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Fault } from '../core/denial.ts'

const LOCAL = ['localhost', '127.0.0.1', '::1']
const AUTHORITY_DAYS = 3_650
/** What browsers take (CA/Browser Forum BR 6.3.2, as it stood for the longest of its time). */
const DAYS = 397
/** A lock on an open command line would be worse than none. */
const OPENSSL_MS = 30_000

export interface DevCertificates {
  readonly authority: string
  readonly certificate: string
  readonly key: string
  readonly client?: { readonly certificate: string; readonly key: string }
}

/**
 * @param names of the server, beside those of this machine.
 * @param client the URI that a client is to be known by, `spiffe://example/agent/me`.
 * @throws Fault `FAULT_EXISTS` when something would be overwritten, `FAULT_OPENSSL` when the command is not there or fails.
 */
export function makeDevCertificates(folder: string, names: readonly string[], client: string | undefined): DevCertificates {
  const at = (file: string): string => join(folder, file)
  const found = { authority: at('authority.pem'), certificate: at('server.crt'), key: at('server.key') }
  const own = client === undefined ? undefined : { certificate: at('client.crt'), key: at('client.key') }
  const present = [...Object.values(found), at('authority.key'), ...Object.values(own ?? {})].filter((path) => existsSync(path))
  if (present.length > 0) throw new Fault('FAULT_EXISTS', `${present.join(', ')}: is there already and is not overwritten`)
  // Before anything is written that would be in the way of the next attempt.
  openssl('version')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const all = [...new Set([...LOCAL, ...names])]
  const scratch = mkdtempSync(join(tmpdir(), 'portcullis-certs-'))
  try {
    const config = join(scratch, 'openssl.cnf')
    writeFileSync(config, configFor(all, client), { mode: 0o600 })
    const authority = { certificate: found.authority, key: at('authority.key') }
    writeKey(authority.key)
    openssl(
      'req',
      '-x509',
      '-new',
      '-key',
      authority.key,
      '-config',
      config,
      '-extensions',
      'authority',
      '-sha256',
      '-days',
      String(AUTHORITY_DAYS),
      '-subj',
      '/CN=Portcullis local authority',
      '-out',
      authority.certificate,
    )
    const issue = (role: 'server' | 'client', to: { readonly certificate: string; readonly key: string }): void => {
      const request = join(scratch, `${role}.csr`)
      writeKey(to.key)
      openssl('req', '-new', '-key', to.key, '-config', config, '-subj', `/CN=Portcullis ${role}`, '-out', request)
      const signed = ['-CA', authority.certificate, '-CAkey', authority.key, '-set_serial', `0x${randomBytes(16).toString('hex')}`]
      openssl(
        'x509',
        '-req',
        '-in',
        request,
        ...signed,
        '-sha256',
        '-days',
        String(DAYS),
        '-extfile',
        config,
        '-extensions',
        role,
        '-out',
        to.certificate,
      )
    }
    issue('server', found)
    if (own !== undefined) issue('client', own)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
  return { ...found, ...(own === undefined ? {} : { client: own }) }
}

/** Whoever steals the key of this authority can play this machine and no other (RFC 5280 §4.2.1.10). */
function configFor(names: readonly string[], client: string | undefined): string {
  const permitted = names.map((name, at) => {
    const range = isIP(name) === 4 ? `${name}/255.255.255.255` : `${name}/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff`
    return isIP(name) === 0 ? `permitted;DNS.${at} = ${name}` : `permitted;IP.${at} = ${range}`
  })
  return `[req]
distinguished_name = subject
prompt = no
[subject]
CN = nobody
[authority]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
nameConstraints = critical, @permitted
[permitted]
${permitted.join('\n')}
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = ${names.map((name) => `${isIP(name) === 0 ? 'DNS' : 'IP'}:${name}`).join(', ')}
[client]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
${client === undefined ? '' : `subjectAltName = URI:${client}`}
`
}

/** For its owner alone from the first moment on. */
function writeKey(path: string): void {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  writeFileSync(path, privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600, flag: 'wx' })
}

function openssl(...args: readonly string[]): void {
  try {
    execFileSync('openssl', args, { stdio: 'pipe', timeout: OPENSSL_MS })
  } catch (cause) {
    const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
    const told = cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim().split('\n')[0] : String(cause)
    throw new Fault('FAULT_OPENSSL', isMissing ? 'the openssl command is not installed' : `openssl ${args[0]}: ${told}`, { cause })
  }
}
