/** An account at a certificate authority: every request signed, each with a nonce that was not used before (RFC 8555 §6). */
import { createPublicKey, type KeyObject } from 'node:crypto'
import { calculateJwkThumbprint, FlattenedSign } from 'jose'
import { Fault } from '../core/denial.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import { visible } from '../core/visible.ts'
import type { Fetched, GuardedFetch } from '../net/fetch.ts'

const ALG = 'ES256'
/** A nonce may have grown old at any time (§6.5.1); so many in a row have not. */
const NONCES_MAX = 8
const BAD_NONCE = 'urn:ietf:params:acme:error:badNonce'
/** An order may take an authority a while. */
const TIMEOUT_MS = 30_000
/** Of what an authority says, in an event. */
const DETAIL_MAX_CHARS = 500

export interface AccountOptions {
  /** The URL of the directory (§7.1.1). */
  readonly directory: string
  /** Of P-256, of no other use. */
  readonly key: KeyObject
  /** `mailto:ops@example.com` */
  readonly contact: readonly string[]
  readonly fetch: Pick<GuardedFetch, 'request'>
}

export interface Answer {
  /** Of what was asked, or where it was created. */
  readonly url: string
  readonly object: JsonObject
  readonly text: string
  /** What it says of when to ask again, milliseconds. */
  readonly retryMs?: number
}

export class AcmeAccount {
  readonly #options: AccountOptions
  #nonce: string | undefined
  #directory: JsonObject = {}
  /** The URL of the account, which names the key from then on. */
  #id: string | undefined

  /** Nothing is asked yet. */
  constructor(options: AccountOptions) {
    this.#options = options
  }

  /** Finds the directory, and the account of this key, which is made where there is none. Its terms were agreed to by the operator. */
  async open(): Promise<void> {
    const { directory, contact } = this.#options
    this.#directory = objectOf(await this.#request(directory, { method: 'GET' }))
    const { url } = await this.#post(this.urlOf('newAccount'), { termsOfServiceAgreed: true, ...(contact.length > 0 && { contact }) })
    this.#id = url
  }

  urlOf(resource: 'newNonce' | 'newAccount' | 'newOrder'): string {
    return textOf(this.#directory, resource)
  }

  /** What proves at a challenge that it was asked by the holder of this account (§8.1). */
  async answerTo(token: string): Promise<string> {
    const jwk = createPublicKey(this.#options.key).export({ format: 'jwk' })
    return `${token}.${await calculateJwkThumbprint({ ...jwk, kty: 'EC' }, 'sha256')}`
  }

  /** @param payload absent: what stands there is read (§6.3). @throws Fault `FAULT_TLS` with what the authority says. */
  post(url: string, payload?: JsonObject): Promise<Answer> {
    return this.#post(url, payload)
  }

  async #post(url: string, payload: JsonObject | undefined): Promise<Answer> {
    for (let attempt = 1; ; attempt++) {
      const body = JSON.stringify(await this.#sign(url, payload))
      const fetched = await this.#request(url, { method: 'POST', headers: { 'content-type': 'application/jose+json' }, body })
      if (fetched.status < 300) return answerOf(url, fetched)
      const problem = objectOf(fetched)
      if (problem['type'] === BAD_NONCE && attempt < NONCES_MAX) continue
      throw refusal(problem, fetched)
    }
  }

  async #sign(url: string, payload: JsonObject | undefined): Promise<object> {
    const { key } = this.#options
    const nonce = this.#nonce ?? (await this.#freshNonce())
    this.#nonce = undefined
    const bytes = payload === undefined ? new Uint8Array() : Buffer.from(JSON.stringify(payload))
    const who = this.#id === undefined ? { jwk: { ...createPublicKey(key).export({ format: 'jwk' }), kty: 'EC' } } : { kid: this.#id }
    return new FlattenedSign(bytes).setProtectedHeader({ alg: ALG, nonce, url, ...who }).sign(key)
  }

  async #freshNonce(): Promise<string> {
    await this.#request(this.urlOf('newNonce'), { method: 'HEAD' })
    if (this.#nonce === undefined) throw new Fault('FAULT_TLS', `${this.#options.directory}: it gives no nonce`)
    return this.#nonce
  }

  async #request(url: string, request: Parameters<GuardedFetch['request']>[1]): Promise<Fetched> {
    const fetched = await this.#options.fetch.request(url, { timeoutMs: TIMEOUT_MS, ...request })
    const nonce = fetched.headers['replay-nonce']
    if (nonce !== undefined && /^[A-Za-z0-9_-]{1,1024}$/.test(nonce)) this.#nonce = nonce
    return fetched
  }
}

function answerOf(url: string, fetched: Fetched): Answer {
  const seconds = Number(fetched.headers['retry-after'])
  return {
    url: fetched.headers['location'] ?? url,
    object: fetched.mediaType === 'application/json' ? objectOf(fetched) : {},
    text: fetched.bytes.toString('latin1'),
    ...(Number.isFinite(seconds) && { retryMs: seconds * 1_000 }),
  }
}

function objectOf({ bytes }: Fetched): JsonObject {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'))
    return isObject(value) ? value : {}
  } catch {
    return {}
  }
}

/** @throws Fault `FAULT_TLS`: a member that must be there is not. */
export function textOf(object: JsonObject, name: string): string {
  const value = object[name]
  if (typeof value !== 'string' || value === '') throw new Fault('FAULT_TLS', `the certificate authority does not say "${name}"`)
  return value
}

/** A problem document (§6.7), with what it says of each name. */
export function problemOf(problem: JsonObject): string {
  const parts = [problem, ...(Array.isArray(problem['subproblems']) ? problem['subproblems'] : [])]
  const said = parts
    .filter(isObject)
    .map(({ type, detail }) => `${String(type).replace('urn:ietf:params:acme:error:', '')}: ${String(detail)}`)
  return visible(said.join('; ').slice(0, DETAIL_MAX_CHARS))
}

function refusal(problem: JsonObject, { status }: Fetched): Fault {
  return new Fault('FAULT_TLS', `the certificate authority says ${typeof problem['type'] === 'string' ? problemOf(problem) : status}`)
}
