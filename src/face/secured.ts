/** The TLS of a listener over its life: files read again whole or not at all, clients refused, and a word in time before a certificate ends. */
import type { TlsConfig } from '../config/tls.ts'
import { parseIp, showIp } from '../core/cidr.ts'
import { Denial, Fault } from '../core/denial.ts'
import type { Entry } from '../core/event.ts'
import { sha256 } from '../core/secret.ts'
import type { House } from '../guard/create.ts'
import { watchFiles } from '../guard/watch.ts'
import { day, viewOf } from '../net/certificate.ts'
import type { Listener, ListenOptions } from '../net/serve.ts'
import { NO_CERTIFICATE, type RefusedClient, type TlsMaterial } from '../net/tls.ts'
import { KEYS } from '../store/keys.ts'
import type { Certified } from '../trust/acme.ts'
import type { Acme } from './acme.ts'
import { readMaterial, readTlsFiles, type TlsFiles, type TlsPlace } from './tls-files.ts'

/** Days before its end at which a certificate is told of, the nearest first. */
const NOTICES = [1, 7, 30] as const
const DAY_MS = 86_400_000
/** How often it is looked at what time is left, and at files whose change nobody noticed. */
const LOOK_MS = 3_600_000
/** Refused handshakes that are written down one by one in a minute: anybody can make any number of them. */
const REFUSALS_PER_MINUTE = 60
const MINUTE_MS = 60_000

interface Own {
  readonly acme: Acme
  readonly made: Certified
}

export class Secured {
  readonly #house: House
  readonly #tls: TlsConfig
  readonly #host: string
  readonly #onFault: (fault: Fault) => void
  readonly #acme: Acme | undefined
  #files: TlsFiles & { readonly material: TlsMaterial }
  #listener: Listener | undefined
  /** Why the files were not taken, so that it is told once. */
  #rejected = ''
  #refusals = { sinceAt: 0, count: 0 }
  #close = (): void => undefined

  /**
   * @param host of `publicUrl`.
   * @param own what an authority has made, and who has it made.
   * @throws Fault `FAULT_TLS` when the files cannot be used: then nothing listens.
   */
  constructor(house: House, tls: TlsConfig, host: string, onFault: (fault: Fault) => void, own?: Own) {
    this.#house = house
    this.#tls = tls
    this.#host = host
    this.#onFault = onFault
    this.#acme = own?.acme
    this.#files = readMaterial(tls, this.#place(own?.made))
  }

  get options(): Pick<ListenOptions, 'tls' | 'onRefusedClient'> {
    return { tls: this.#files.material, onRefusedClient: (refused) => this.#refuse(refused) }
  }

  /** From now on the files of this listener are watched. */
  async watch(listener: Listener): Promise<void> {
    this.#listener = listener
    const reload = (): Promise<boolean> => this.reload()
    const { certificate, key, clients } = this.#tls
    const paths = [certificate, key, clients?.ca, clients?.revocationList].filter((path) => path !== undefined)
    const unwatch = paths.length === 0 ? () => undefined : watchFiles(() => paths, { reload, onFault: this.#onFault })
    const look = setInterval(() => void reload().catch(() => undefined), LOOK_MS).unref()
    this.#acme?.watch(reload)
    this.#close = () => {
      unwatch()
      clearInterval(look)
    }
    await this.#tellTime()
  }

  /** Reads the files again. Answers whether what they hold is in use; if not, what was before stays. */
  async reload(): Promise<boolean> {
    const taken = await this.#read()
    if (this.#acme === undefined) return taken
    // Afterwards, because an authority may take its time, and a list of who was revoked must not wait for that.
    await this.#acme.look()
    return this.#read()
  }

  async #read(): Promise<boolean> {
    const files = readTlsFiles(this.#tls, this.#place(await this.#acme?.find()))
    const { material } = files
    if (material === undefined) {
      await this.#reject(files.flaws)
      await this.#tellTime()
      return false
    }
    this.#rejected = ''
    const before = this.#files.material
    this.#files = { ...files, material }
    if (digestOf(material) !== digestOf(before)) await this.#take(material, before)
    await this.#tellTime()
    return true
  }

  close(): void {
    this.#close()
  }

  #place(made: Certified | undefined): TlsPlace {
    return { host: this.#host, now: this.#house.clock(), made }
  }

  /** Connections that stand keep what they were made with; only who was verified against other authorities or an older list is verified anew. */
  async #take(material: TlsMaterial, before: TlsMaterial): Promise<void> {
    this.#listener?.secure(material)
    if (digestOf(material.clients) !== digestOf(before.clients)) this.#listener?.renewClients(this.#house.config.limits.drainMs)
    const [own] = this.#files.chain
    const detail = own === undefined ? '' : `${viewOf(own).subject} until ${day(viewOf(own).expiresAt)}`
    await this.#house.journal.write({ type: 'certificate.loaded', detail, by: 'gateway' })
  }

  async #reject(flaws: readonly string[]): Promise<void> {
    const detail = flaws.join('\n')
    if (detail === this.#rejected) return
    this.#rejected = detail
    this.#onFault(new Fault('FAULT_TLS', `${detail}\nuntil then, what was read before stays in use`))
    await this.#house.journal.write({ type: 'certificate.rejected', detail, by: 'gateway' })
  }

  /** Once for each span and certificate, whichever process comes first. Of several spans that have begun, the shortest is told. */
  async #tellTime(): Promise<void> {
    const now = this.#house.clock()
    for (const certificate of [...this.#files.chain, ...this.#files.authorities]) {
      const { subject, fingerprint, expiresAt } = viewOf(certificate)
      const days = NOTICES.find((notice) => expiresAt - now <= notice * DAY_MS)
      if (days === undefined) continue
      const isFirst = await this.#house.store.put(KEYS.certificateNotice(fingerprint, days), now, {
        onlyIfAbsent: true,
        expiresAt: Math.max(expiresAt, now) + DAY_MS,
      })
      if (!isFirst) continue
      const detail = `${subject} ${expiresAt > now ? 'expires' : 'expired'} on ${day(expiresAt)}`
      this.#onFault(new Fault('FAULT_TLS', detail))
      await this.#house.journal.write({ type: 'certificate.expiring', detail, by: 'gateway' })
    }
  }

  #refuse({ why, address: told }: RefusedClient): void {
    const ip = told === undefined ? undefined : parseIp(told)
    const address = ip === undefined ? told : showIp(ip)
    const isMissing = why === NO_CERTIFICATE
    // Whoever shows bad certificates is counted as whoever tries keys; one that has expired was good once.
    const denial = new Denial(isMissing ? 'unauthenticated' : 'invalid_token', { isStale: why === EXPIRED })
    this.#house.limits.failed(denial, address, undefined)
    const { clock, journal } = this.#house
    const now = clock()
    if (now - this.#refusals.sinceAt >= MINUTE_MS) this.#refusals = { sinceAt: now, count: 0 }
    this.#refusals.count++
    const { count } = this.#refusals
    if (count > REFUSALS_PER_MINUTE) return
    const last = count === REFUSALS_PER_MINUTE ? '; more of this minute are not written down' : ''
    const entry: Entry = {
      type: 'certificate.refused',
      outcome: 'denied',
      transport: 'http',
      denial: denial.code,
      detail: `the certificate of the client: ${why}${last}`,
      ...(address === undefined ? {} : { address }),
    }
    journal.write(entry).catch(() => undefined)
  }
}

const EXPIRED = 'CERT_HAS_EXPIRED'

function digestOf(material: TlsMaterial | TlsMaterial['clients']): string {
  return sha256(JSON.stringify(material ?? null))
}
