/** ACME (RFC 8555), which `acme-client` speaks: a certificate from an authority that looks whether a name is ours, by asking for a text at its port 80 (HTTP-01). */
import { AsyncLocalStorage } from 'node:async_hooks'
import { generateKeyPairSync } from 'node:crypto'
import type { Client, Order } from 'acme-client'
import { Fault } from '../core/denial.ts'
import { isObject } from '../core/json.ts'
import { visible } from '../core/visible.ts'
import type { GuardedFetch } from '../net/fetch.ts'

type Library = typeof import('acme-client')
type Exchanges = Pick<GuardedFetch, 'request'>

/** Between two looks at what the authority has come to: doubled from this … */
const POLL_MS = 250
/** … up to this. */
const POLL_MAX_MS = 10_000
/** Looks at one thing: some three minutes. */
const POLLS_MAX = 24
/** An authority may take its time with an answer. */
const TIMEOUT_MS = 30_000
/** §8.3: at least 128 bits of base64url. */
const TOKEN = /^[A-Za-z0-9_-]{16,256}$/
/** Of what an authority says, in an event. */
const DETAIL_MAX_CHARS = 500

/** Where an authority asks (§8.3). */
export const CHALLENGE_PATH = '/.well-known/acme-challenge/'

export interface Certified {
  /** PEM, its own certificate first. */
  readonly certificate: string
  /** PEM. */
  readonly key: string
}

export interface Ordering {
  /** The URL of the directory (§7.1.1). */
  readonly directory: string
  /** `mailto:ops@example.com` */
  readonly contact: readonly string[]
  /** PEM, of P-256, of no other use. */
  readonly accountKey: string
  /** A DNS name. */
  readonly name: string
  /** Everything that is asked goes through it, whichever URL the authority names. */
  readonly fetch: Exchanges
  /** Has the answer shown at `CHALLENGE_PATH` and the token, by whoever is asked. */
  readonly show: (token: string, answer: string) => Promise<void>
  readonly wait: (ms: number) => Promise<unknown>
}

export function newKey(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
}

/** @throws Fault `FAULT_TLS` when `acme-client` is not installed. */
export async function needAcmeClient(): Promise<void> {
  await loadLibrary()
}

/** @throws Fault `FAULT_TLS` with what the authority says, `FAULT_FETCH` when it cannot be asked, `FAULT_FETCH_REFUSED` when it must not be. */
export async function orderCertificate(ordering: Ordering): Promise<Certified> {
  const library = await loadLibrary()
  try {
    return await speaking.run(ordering.fetch, () => order(library, ordering))
  } catch (cause) {
    if (cause instanceof Fault) throw cause
    const said = cause instanceof Error ? cause.message : ''
    throw new Fault('FAULT_TLS', `ordering it came to: ${bounded(said) || 'an answer without a reason'}`, { cause })
  }
}

/** The library's own waits cannot be ended by whoever stops, so none of them is used. */
async function order({ Client, crypto }: Library, { directory, contact, accountKey, name, show, wait }: Ordering): Promise<Certified> {
  const client = new Client({ directoryUrl: directory, accountKey })
  // Its terms were agreed to by the operator. Where there is such an account it is this one.
  await client.createAccount({ termsOfServiceAgreed: true, ...(contact.length > 0 && { contact: [...contact] }) })
  const ordered = await client.createOrder({ identifiers: [{ type: 'dns', value: name }] })
  await authorize(client, ordered, show)
  const ready = await settle(client, ordered, 'ready', wait)
  const key = newKey()
  // Among the alternative names alone: authorities take no other (CA/Browser Forum 7.1.2.7).
  const [, request] = await crypto.createCsr({ altNames: [name] }, key)
  const valid = await settle(client, await client.finalizeOrder(ready, request), 'valid', wait)
  return { certificate: await client.getCertificate(valid), key }
}

/** Shows that the name is ours, unless the authority still knows (§7.5). */
async function authorize(client: Client, ordered: Order, show: Ordering['show']): Promise<void> {
  for (const { status, challenges } of await client.getAuthorizations(ordered)) {
    if (status === 'valid') continue
    const challenge = challenges.find(({ type }) => type === 'http-01')
    if (challenge === undefined) throw new Fault('FAULT_TLS', 'the certificate authority does not offer HTTP-01 for this name')
    if (!TOKEN.test(challenge.token)) throw new Fault('FAULT_TLS', 'the certificate authority gives a token that is none')
    await show(challenge.token, await client.getChallengeKeyAuthorization(challenge))
    await client.completeChallenge(challenge)
  }
}

/** Looks until it has come so far (§7.1.6). */
async function settle(client: Client, ordered: Order, wanted: 'ready' | 'valid', wait: Ordering['wait']): Promise<Order> {
  for (let look = 0; look < POLLS_MAX; look++) {
    const now = await client.getOrder(ordered)
    if (now.status === wanted || now.status === 'valid') return now
    if (now.status === 'invalid') throw new Fault('FAULT_TLS', `the certificate authority says ${await failureOf(client, now)}`)
    await wait(Math.min(POLL_MAX_MS, POLL_MS * 2 ** look))
  }
  throw new Fault('FAULT_TLS', 'the certificate authority does not come to an end')
}

/** Of the order, or of the challenge that failed: a problem document (§6.7). */
async function failureOf(client: Client, ordered: Order): Promise<string> {
  const challenges = (await client.getAuthorizations(ordered)).flatMap((authorization) => authorization.challenges)
  const error = [ordered, ...challenges].map((one) => one.error).find(isObject)
  return error === undefined
    ? ordered.status
    : bounded(`${String(error['type']).replace('urn:ietf:params:acme:error:', '')}: ${String(error['detail'])}`)
}

function bounded(text: string): string {
  return visible(text.slice(0, DETAIL_MAX_CHARS))
}

/** Whose order a request of the library belongs to, also one that it makes when that order has ended: a fetch that is closed goes nowhere. */
const speaking = new AsyncLocalStorage<Exchanges>()
const guided = new WeakSet<object>()

/** Four megabytes that only `tls.acme` needs: an optional peer. */
async function loadLibrary(): Promise<Library> {
  try {
    const library = await import('acme-client')
    guide(library)
    return library
  } catch (cause) {
    throw new Fault('FAULT_TLS', 'tls.acme needs an ACME client: npm install acme-client', { cause })
  }
}

/**
 * All clients of the library share one instance of axios, which cannot be had for one alone: so what we order is known by its asynchronous
 * context, and only that goes our way. Whatever else in this process uses the library, or axios, notices nothing. Ours is no agent but the
 * whole transport, so that neither the environment's proxies nor redirects are followed, addresses are checked, and size and time have their
 * bounds; and every status is an answer and every fault an end, so that the library does not wait and ask again by itself.
 */
function guide({ axios }: Library): void {
  if (guided.has(axios)) return
  guided.add(axios)
  axios.interceptors.request.use((config) => {
    const fetch = speaking.getStore()
    if (fetch === undefined) return config
    config.adapter = async (asked) => {
      const { status, headers, bytes } = await fetch.request(asked.url ?? '', {
        method: asked.method ?? 'get',
        headers: Object.fromEntries(Object.entries(asked.headers.toJSON()).map(([name, value]) => [name.toLowerCase(), String(value)])),
        timeoutMs: TIMEOUT_MS,
        ...(typeof asked.data === 'string' && { body: asked.data }),
      })
      return { status, statusText: '', headers: { ...headers }, data: bytes.toString('utf8'), config: asked }
    }
    return config
  })
}
