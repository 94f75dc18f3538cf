/** The files of TLS: read together, and either all of them can be used or it is said what is wrong. */
import type { KeyObject, X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import type { TlsConfig, UpstreamTlsConfig } from '../config/tls.ts'
import { Fault } from '../core/denial.ts'
import { chainFlaws, day, isFor, readCertificates, readPrivateKey, viewOf } from '../net/certificate.ts'
import { nextUpdateOf, splitLists } from '../net/revocation-list.ts'
import { contextOptions, type TlsMaterial } from '../net/tls.ts'

/** Whoever is neither the owner nor of the group of the file. */
const OTHERS = 0o007

export interface TlsFiles {
  readonly chain: readonly X509Certificate[]
  readonly authorities: readonly X509Certificate[]
  /** Each with the setting that it is about, and the next step. */
  readonly flaws: readonly string[]
  /** Absent when there are flaws. */
  readonly material?: TlsMaterial
}

export interface TlsPlace {
  /** Of `publicUrl`: whom clients expect. */
  readonly host: string
  readonly now: number
  /** What an authority has made for us, where the configuration names no files. */
  readonly made?: { readonly certificate: string; readonly key: string } | undefined
}

/** @throws Fault `FAULT_TLS` with a line for each flaw. */
export function readMaterial(tls: TlsConfig, place: TlsPlace): TlsFiles & { readonly material: TlsMaterial } {
  const { material, flaws, ...rest } = readTlsFiles(tls, place)
  if (material === undefined) throw new Fault('FAULT_TLS', flaws.join('\n'))
  return { ...rest, flaws, material }
}

export function readTlsFiles(tls: TlsConfig, { host, now, made }: TlsPlace): TlsFiles {
  const flaws: string[] = []
  const read = <T>(setting: string, path: string | undefined, parse: (text: string) => T): T | undefined => {
    if (path === undefined) return undefined
    try {
      return parse(readFileSync(path, 'utf8'))
    } catch (error) {
      flaws.push(`${setting}: ${path}: ${whyNot(error)}`)
      return undefined
    }
  }
  const keyOf = (text: string): Key => ({ text, key: readPrivateKey(text) })
  const own = made === undefined ? read('tls.certificate', tls.certificate, certificatesOf) : certificatesOf(made.certificate)
  const key = made === undefined ? read('tls.key', tls.key, keyOf) : keyOf(made.key)
  const place = tls.acme === undefined ? `tls.certificate: ${tls.certificate}` : `tls.acme: ${tls.acme.directory}`
  const authorities = read('tls.clientCa', tls.clients?.ca, certificatesOf)
  const revoked = read('tls.revocationList', tls.clients?.revocationList, listOf)
  if (own !== undefined) flaws.push(...ownFlaws(own.chain, host, now).map((flaw) => `${place}: ${flaw}`))
  if (key !== undefined && tls.key !== undefined && isOpen(tls.key))
    flaws.push(`tls.key: ${tls.key}: everybody on this machine can read it; run: chmod 640 ${tls.key}`)
  if (own !== undefined && key !== undefined && own.chain[0]?.checkPrivateKey(key.key) === false)
    flaws.push(`tls.key: ${tls.key}: it does not belong to the certificate in ${tls.certificate}`)
  if (revoked !== undefined)
    flaws.push(...listFlaws(revoked, now).map((flaw) => `tls.revocationList: ${tls.clients?.revocationList}: ${flaw}`))
  for (const authority of authorities?.chain ?? [])
    flaws.push(...chainFlaws([authority], now).map((flaw) => `tls.clientCa: ${tls.clients?.ca}: ${viewOf(authority).subject}: ${flaw}`))
  if (own === undefined && key === undefined)
    flaws.push(
      tls.acme === undefined
        ? 'for this machine alone, "portcullis certs dev" makes both'
        : `${place}: no certificate was made yet; it is when the gateway starts`,
    )
  const found = { chain: own?.chain ?? [], authorities: authorities?.chain ?? [], flaws }
  if (own === undefined || key === undefined || flaws.length > 0) return found
  const { clients, minVersion } = tls
  const asked = clients !== undefined &&
    authorities !== undefined && {
      clients: { ca: authorities.text, required: clients.required, ...(revoked !== undefined && { revocationList: revoked }) },
    }
  const material: TlsMaterial = { certificate: own.text, key: key.text, minVersion, ...(asked || {}) }
  try {
    createSecureContext(contextOptions(material))
  } catch (error) {
    return { ...found, flaws: [`tls: ${error instanceof Error ? error.message : String(error)}`] }
  }
  return { ...found, material }
}

interface Key {
  readonly text: string
  readonly key: KeyObject
}

interface Certificates {
  readonly text: string
  readonly chain: readonly X509Certificate[]
}

function certificatesOf(text: string): Certificates {
  const chain = readCertificates(text)
  if (chain.length === 0) throw new Error('no certificate')
  return { text, chain }
}

function listOf(text: string): string {
  const lists = splitLists(text)
  if (lists.length === 0) throw new Error('no list')
  createSecureContext({ crl: [...lists] })
  return text
}

/** From its day on nobody is verified by a list: it is better said before. */
function listFlaws(text: string, now: number): readonly string[] {
  return splitLists(text).flatMap((list) => {
    const dueAt = nextUpdateOf(list)
    return dueAt === undefined || dueAt > now ? [] : [`the next list was due on ${day(dueAt)}; get it from the authority`]
  })
}

function ownFlaws(chain: readonly X509Certificate[], host: string, now: number): readonly string[] {
  const [own] = chain
  if (own === undefined || isFor(own, host)) return chainFlaws(chain, now)
  const names = own.subjectAltName ?? 'nobody: it has no subject alternative name'
  return [...chainFlaws(chain, now), `it is for ${names}; clients ask for ${host}, the host of publicUrl`]
}

function isOpen(path: string): boolean {
  return process.platform !== 'win32' && (statSync(path).mode & OTHERS) !== 0
}

function whyNot(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOENT') return 'there is no such file'
  if (code === 'EACCES') return 'this user may not read it'
  if (code === 'ERR_MISSING_PASSPHRASE' || code === 'ERR_OSSL_CRYPTO_INTERRUPTED_OR_CANCELLED')
    return 'it is locked by a passphrase; write it without, for this user alone'
  return 'it holds nothing in PEM that can be used here'
}

/**
 * What a server behind us is spoken to with.
 * @throws Fault `FAULT_TLS` when a file cannot be used.
 */
export function readUpstreamTls(server: string, { ca, certificate, key }: UpstreamTlsConfig): { ca?: string; cert?: string; key?: string } {
  const flaws: string[] = []
  const read = (setting: string, path: string | undefined): string | undefined => {
    try {
      return path === undefined ? undefined : readFileSync(path, 'utf8')
    } catch (error) {
      flaws.push(`servers.${server}.tls.${setting}: ${path}: ${whyNot(error)}`)
      return undefined
    }
  }
  const texts = { ca: read('ca', ca), cert: read('certificate', certificate), key: read('key', key) }
  const options = Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== undefined))
  try {
    createSecureContext(options)
  } catch (error) {
    flaws.push(`servers.${server}.tls: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (key !== undefined && texts.key !== undefined && isOpen(key))
    flaws.push(`servers.${server}.tls.key: ${key}: everybody on this machine can read it; run: chmod 640 ${key}`)
  if (flaws.length > 0) throw new Fault('FAULT_TLS', flaws.join('\n'))
  return options
}
