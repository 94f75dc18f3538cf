/** A certificate that the gateway has made for itself: had before it listens, renewed in time by one of all replicas, kept sealed in the store. */
import { readFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { AcmeConfig } from '../config/tls.ts'
import { Fault } from '../core/denial.ts'
import { isObject } from '../core/json.ts'
import type { House } from '../guard/create.ts'
import { chainFlaws, day, isFor, readCertificates, readPrivateKey, viewOf } from '../net/certificate.ts'
import { createGuardedFetch } from '../net/fetch.ts'
import { KEYS } from '../store/keys.ts'
import { type Certified, needAcmeClient, newKey, orderCertificate } from '../trust/acme.ts'

/** Of its life a certificate has this share left when it is renewed … */
const RENEW_SHARE = 1 / 3
/** … and up to this share more, by its digest: not all that were made in one hour are renewed in one hour. */
const SPREAD_SHARE = 1 / 20
/** How often it is looked whether it is time, or whether another replica has done it. */
const LOOK_MS = 600_000
/** Who orders has so long for it; then another one may. */
const LEASE_MS = 900_000
/** After a failure; doubled with each further one. With these an authority that allows five failures an hour is never annoyed. */
const RETRY_MS = 120_000
const RETRY_MAX_MS = 12 * 3_600_000
/** Up to this share more, at random. */
const RETRY_SPREAD = 1 / 4
/** How often it is looked whether another replica has come to an end. */
const ELSEWHERE_MS = 500
const CHALLENGE_MS = 3_600_000

type Parts = Pick<House, 'store' | 'seal' | 'clock' | 'journal' | 'newId'>

/** What was obtained last for this name from this authority, whoever did it. */
export async function findCertificate(
  { store, seal }: Pick<House, 'store' | 'seal'>,
  acme: AcmeConfig,
  host: string,
): Promise<Certified | undefined> {
  const place = KEYS.acmeCertificate(acme.directory, host)
  const sealed = await store.get(place)
  if (typeof sealed !== 'string') return undefined
  const { certificate, key } = JSON.parse(seal.open(sealed, place)) as Certified // our own, or it would not open
  return { certificate, key }
}

export class Acme {
  readonly #parts: Parts
  readonly #config: AcmeConfig
  readonly #host: string
  readonly #onFault: (fault: Fault) => void
  readonly #stop = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined

  constructor(parts: Parts, config: AcmeConfig, host: string, onFault: (fault: Fault) => void) {
    this.#parts = parts
    this.#config = config
    this.#host = host
    this.#onFault = onFault
  }

  find(): Promise<Certified | undefined> {
    return findCertificate(this.#parts, this.#config, this.#host)
  }

  /** Before there is a listener. @throws Fault `FAULT_TLS` when there is no certificate and none can be had now, or `acme-client` is not installed. */
  async need(): Promise<Certified> {
    // Also where there still is a certificate: it will not be found out on the day of renewal.
    await needAcmeClient()
    for (
      const endAt = this.#parts.clock() + LEASE_MS;
      this.#parts.clock() < endAt;
      await delay(ELSEWHERE_MS, undefined, { signal: this.#stop.signal })
    ) {
      const why = await this.#renew()
      const found = await this.find()
      if (found !== undefined) return found
      if (why !== ELSEWHERE) throw new Fault('FAULT_TLS', `tls.acme: there is no certificate for ${this.#host}: ${why}`)
    }
    throw new Fault('FAULT_TLS', `tls.acme: another replica orders a certificate for ${this.#host} and does not come to an end`)
  }

  /** From now on it is looked for by itself. @param reload takes what is in the store. */
  watch(reload: () => Promise<unknown>): void {
    this.#timer = setInterval(() => void reload().catch(() => undefined), LOOK_MS).unref()
  }

  /** Renews it if it is time and nobody else does. Never throws: what stands stays. */
  look(): Promise<void> {
    this.#running ??= this.#renew()
      .then(
        () => undefined,
        (error: unknown) => {
          if (!this.#stop.signal.aborted) this.#onFault(new Fault('FAULT_TLS', `tls.acme: ${messageOf(error)}`))
        },
      )
      .finally(() => {
        this.#running = undefined
      })
    return this.#running
  }

  /** What an authority is answered that asks for a token, by whichever replica. */
  async answer(token: string, response: ServerResponse): Promise<void> {
    const known = /^[A-Za-z0-9_-]{16,256}$/.test(token) ? await this.#parts.store.get(KEYS.acmeChallenge(token)) : undefined
    const body = typeof known === 'string' ? known : ''
    response.writeHead(body === '' ? 404 : 200, { 'content-type': 'application/octet-stream', 'content-length': body.length }).end(body)
  }

  /** What is under way is given up. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#stop.abort()
    await this.#running
  }

  /** @returns why there is no new one. */
  async #renew(): Promise<string> {
    const { store, clock, newId } = this.#parts
    if (!(await this.#isDue())) return 'it is not time'
    const failed = await store.get(KEYS.acmeFailure(this.#host))
    const [count, retryAt, said] = isObject(failed)
      ? [Number(failed['count']), Number(failed['retryAt']), String(failed['why'])]
      : [0, 0, '']
    if (retryAt > clock()) return `${said}; not tried again before ${day(retryAt)}`
    const [lease, holder] = [KEYS.acmeLease(this.#host), newId()]
    if (!(await store.put(lease, holder, { onlyIfAbsent: true, expiresAt: clock() + LEASE_MS }))) return ELSEWHERE
    try {
      // Whoever had the lease before may have done it.
      if (!(await this.#isDue())) return 'it is not time'
      await this.#order()
      await store.take(KEYS.acmeFailure(this.#host))
      return ''
    } catch (error) {
      if (this.#stop.signal.aborted) return 'the gateway is stopping'
      const why = messageOf(error)
      const waitMs = Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** count) * (1 + Math.random() * RETRY_SPREAD)
      const next = Math.round(clock() + waitMs)
      await store.put(KEYS.acmeFailure(this.#host), { count: count + 1, retryAt: next, why }, { expiresAt: next + RETRY_MAX_MS })
      this.#onFault(new Fault('FAULT_TLS', `tls.acme: ${this.#host}: ${why}`))
      await this.#write('certificate.failed', `${this.#host}: ${why}`)
      return why
    } finally {
      if ((await store.get(lease)) === holder) await store.take(lease)
    }
  }

  async #order(): Promise<void> {
    const { store, seal, clock } = this.#parts
    const { directory, contact, ca, allowPrivate } = this.#config
    const fetch = createGuardedFetch({
      ...(allowPrivate && { allowPrivate: [new URL(directory).origin] }),
      ...(ca !== undefined && { ca: readFileSync(ca, 'utf8') }),
    })
    const { signal } = this.#stop
    signal.addEventListener('abort', () => void fetch.close(), { once: true })
    const wait = (ms: number): Promise<void> => delay(ms, undefined, { signal })
    const shown: string[] = []
    try {
      const show = async (token: string, answer: string): Promise<void> => {
        shown.push(KEYS.acmeChallenge(token))
        await store.put(KEYS.acmeChallenge(token), answer, { expiresAt: clock() + CHALLENGE_MS })
      }
      const accountKey = await this.#accountKey()
      const certified = await orderCertificate({ directory, contact, accountKey, name: this.#host, fetch, show, wait })
      const until = this.#check(certified)
      const place = KEYS.acmeCertificate(directory, this.#host)
      await store.put(place, seal.seal(JSON.stringify(certified), place))
      await this.#write('certificate.issued', `${this.#host} until ${until}, by ${new URL(directory).host}`)
    } finally {
      for (const key of shown) await store.take(key)
      await fetch.close()
    }
  }

  /** The account is its key: whoever has it, has the account. All replicas have one. */
  async #accountKey(): Promise<string> {
    const { store, seal } = this.#parts
    const place = KEYS.acmeAccount(this.#config.directory)
    await store.put(place, seal.seal(newKey(), place), { onlyIfAbsent: true })
    return seal.open(String(await store.get(place)), place)
  }

  /** Not even an authority is believed blindly. @returns until when it is good. */
  #check({ certificate, key }: Certified): string {
    const chain = readCertificates(certificate)
    const [own] = chain
    if (own === undefined) throw new Fault('FAULT_TLS', 'the certificate authority gave no certificate')
    const isOurs = own.checkPrivateKey(readPrivateKey(key)) && isFor(own, this.#host)
    const [flaw] = isOurs ? chainFlaws(chain, this.#parts.clock()) : ['it is not what was asked for']
    if (flaw !== undefined) throw new Fault('FAULT_TLS', `of the certificate that the authority gave: ${flaw}`)
    return day(viewOf(own).expiresAt)
  }

  async #isDue(): Promise<boolean> {
    const found = await this.find()
    const [own] = found === undefined ? [] : readCertificates(found.certificate)
    return own === undefined || this.#parts.clock() >= renewAt(viewOf(own))
  }

  async #write(type: 'certificate.issued' | 'certificate.failed', detail: string): Promise<void> {
    await this.#parts.journal.write({ type, detail, by: 'gateway' })
  }
}

const ELSEWHERE = 'another replica is at it'

/** The same for every replica. */
function renewAt({ validFromAt, expiresAt, fingerprint }: ReturnType<typeof viewOf>): number {
  const spread = Number.parseInt(fingerprint.slice(0, 8), 16) / 0x1_0000_0000
  return expiresAt - (expiresAt - validFromAt) * (RENEW_SHARE + spread * SPREAD_SHARE)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
