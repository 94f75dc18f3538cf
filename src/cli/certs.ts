/** `portcullis certs`: certificates for this machine, and what is wrong with those of a configuration. */
import type { X509Certificate } from 'node:crypto'
import { resolve } from 'node:path'
import { rootCertificates } from 'node:tls'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { publicUrlOf } from '../config/public-url.ts'
import { Fault } from '../core/denial.ts'
import { visible } from '../core/visible.ts'
import { findCertificate } from '../face/acme.ts'
import { readTlsFiles } from '../face/tls-files.ts'
import { type CertificateView, readCertificates, viewOf } from '../net/certificate.ts'
import { makeDevCertificates } from './certs-dev.ts'
import { openConfig, withExisting } from './open.ts'
import { examples, readSpan, repeated, type Shared, type Shell, shared } from './shell.ts'
import { EXIT, howLong, note, say, sayJson, styled, table, when } from './terminal.ts'

/** A month: as long before as `certificate.expiring` is first told. */
const WITHIN_MS = 30 * 86_400_000
const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?$/
const CLIENT = /^[a-z][a-z0-9+.-]*:[\x21\x24-\x2b\x2d-\x7e]{1,1000}$/

interface DevOptions {
  readonly name: readonly string[]
  readonly client?: string
  readonly json?: true
}

interface CheckOptions extends Shared {
  readonly within: number
}

export function addCerts(program: Command, shell: Shell): void {
  const certs = program.command('certs')
  examples(certs, 'portcullis certs dev', 'portcullis certs check --within 14d')

  const dev = certs
    .command('dev')
    .description('make a local authority and a certificate for localhost, 127.0.0.1 and ::1 (needs the openssl command)')
    .argument('[folder]', 'where', 'tls')
    .addOption(repeated('--name <host>', 'another name or address of this server (repeatable)', readName))
    .addOption(new Option('--client <uri>', 'also a certificate for a client, which is known by this URI').argParser(readClient))
    .option('--json', 'answer as JSON')
  examples(dev, 'portcullis certs dev', 'portcullis certs dev --name mcp.internal --client spiffe://example/agent/me')
  dev.action((folder: string, options: DevOptions) => makeDev(folder, options, shell))

  const check = certs
    .command('check')
    .description('tell what is wrong with the files of tls, and when they end; exit code 1 when something is, or ends soon')
    .addOption(new Option('--within <span>', 'what counts as soon').argParser(readSpan).default(WITHIN_MS, '30d'))
  examples(shared(check), 'portcullis certs check', 'portcullis certs check --within 14d --json')
  check.action(async (options: CheckOptions) => checkCerts(options, shell))
}

function makeDev(folder: string, { name, client, json }: DevOptions, { terminal }: Shell): void {
  const made = makeDevCertificates(folder, name, client)
  if (json === true) {
    sayJson(terminal, made)
    return
  }
  const authority = resolve(made.authority)
  say(
    terminal,
    `wrote ${Object.values(made)
      .flatMap((one) => (typeof one === 'string' ? [one] : Object.values(one)))
      .join(', ')}`,
  )
  say(terminal, '\nIn portcullis.yaml:')
  const clientCa = made.client === undefined ? '' : `, clientCa: ${made.authority}, clientCertificates: optional`
  say(terminal, `  tls: { certificate: ${made.certificate}, key: ${made.key}${clientCa} }`)
  if (client !== undefined)
    say(terminal, `  authentication: { certificates: { subject: san-uri, roles: { ${JSON.stringify(client)}: ROLE } } }`)
  say(terminal, '\nFor clients on Node.js, and for curl:')
  say(terminal, `  export NODE_EXTRA_CA_CERTS=${authority}`)
  say(terminal, `  curl --cacert ${authority} …`)
  note(terminal, '\nThis authority can vouch for these names alone. Whoever has its key can play this server: keep it here, or delete it.')
}

interface Row extends CertificateView {
  readonly setting: 'tls.certificate' | 'tls.clientCa'
}

async function checkCerts(options: CheckOptions, { terminal, finish }: Shell): Promise<void> {
  const config = openConfig(options.config)
  if (config.tls === undefined) throw new Fault('FAULT_TLS', `${config.file}: tls: is not written, so the listener speaks plain HTTP`)
  const now = terminal.clock()
  const host = new URL(publicUrlOf(config)).hostname
  const { acme } = config.tls
  const made =
    acme && (await withExisting(config, terminal, ({ store }) => findCertificate({ store, seal: config.sealing.records() }, acme, host)))
  const { chain, authorities, flaws } = readTlsFiles(config.tls, { host, now, made })
  const rows: readonly Row[] = [
    ...chain.map((certificate): Row => ({ setting: 'tls.certificate', ...viewOf(certificate) })),
    ...authorities.map((certificate): Row => ({ setting: 'tls.clientCa', ...viewOf(certificate) })),
  ]
  const ending = rows.filter(({ expiresAt }) => expiresAt > now && expiresAt - now <= options.within)
  const isFine = flaws.length === 0 && ending.length === 0
  const authority = unknownAuthority(chain)
  if (!isFine) finish(EXIT.refused)
  if (options.json === true) {
    sayJson(terminal, {
      ok: isFine,
      certificates: rows,
      flaws,
      ending: ending.map(({ subject }) => subject),
      unknownAuthority: authority ?? null,
    })
    return
  }
  if (rows.length > 0)
    table(
      terminal,
      ['SETTING', 'SUBJECT', 'NAMES', 'KEY', 'EXPIRES', 'IN'],
      rows.map(({ setting, subject, names, key, expiresAt }) => [
        setting,
        subject,
        names || '-',
        key,
        when(expiresAt),
        howLong(expiresAt - now),
      ]),
    )
  for (const flaw of flaws) note(terminal, `${styled(terminal.errors, 'red', 'error')}: ${visible(flaw)}`)
  for (const { subject, expiresAt } of ending)
    note(terminal, `${styled(terminal.errors, 'yellow', 'soon')}: ${visible(subject)} expires in ${howLong(expiresAt - now)}`)
  if (authority !== undefined)
    note(
      terminal,
      `Clients must be told of the authority ${visible(authority)}, for example by NODE_EXTRA_CA_CERTS; or it is missing in the file.`,
    )
}

/** The name at which the chain ends, when it is not one that clients know. */
function unknownAuthority(chain: readonly X509Certificate[]): string | undefined {
  const last = chain.at(-1)
  if (last === undefined) return undefined
  const isKnown = readCertificates(rootCertificates.join('\n')).some(
    (root) => root.fingerprint256 === last.fingerprint256 || last.checkIssued(root),
  )
  return isKnown ? undefined : last.issuer.replaceAll('\n', ', ')
}

function readName(text: string): string {
  if (!NAME.test(text)) throw new InvalidArgumentError('Write a host name or an address, such as mcp.internal or 10.0.0.5.')
  return text
}

function readClient(text: string): string {
  if (!CLIENT.test(text)) throw new InvalidArgumentError('Write a URI such as spiffe://example/agent/me, without comma or #.')
  return text
}
