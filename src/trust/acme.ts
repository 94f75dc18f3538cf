/** ACME (RFC 8555): a certificate from an authority that looks whether a name is ours, by asking for a text at its port 80 (HTTP-01). */
import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { Fault } from '../core/denial.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import { createCertificateRequest } from '../net/certificate-request.ts'
import { type AccountOptions, AcmeAccount, type Answer, problemOf, textOf } from './acme-account.ts'

/** Between two looks at what the authority has come to: doubled from this … */
const POLL_MS = 250
/** … up to this, also where it asks for more patience. */
const POLL_MAX_MS = 10_000
/** Looks at one thing: some three minutes. */
const POLLS_MAX = 24
/** §8.3: at least 128 bits of base64url. */
const TOKEN = /^[A-Za-z0-9_-]{16,256}$/

/** Where an authority asks (§8.3). */
export const CHALLENGE_PATH = '/.well-known/acme-challenge/'

export interface Certified {
  /** PEM, its own certificate first. */
  readonly certificate: string
  /** PEM. */
  readonly key: string
}

export interface Ordering extends Omit<AccountOptions, 'key'> {
  /** PEM. */
  readonly accountKey: string
  /** A DNS name. */
  readonly name: string
  /** Has the answer shown at `CHALLENGE_PATH` and the token, by whoever is asked. */
  readonly show: (token: string, answer: string) => Promise<void>
  readonly wait: (ms: number) => Promise<unknown>
}

export function newKey(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
}

/** @throws Fault `FAULT_TLS` with what the authority says, `FAULT_FETCH` when it cannot be asked. */
export async function orderCertificate({ accountKey, name, show, wait, ...options }: Ordering): Promise<Certified> {
  const account = new AcmeAccount({ ...options, key: createPrivateKey(accountKey) })
  await account.open()
  const order = await account.post(account.urlOf('newOrder'), { identifiers: [{ type: 'dns', value: name }] })
  const { authorizations } = order.object
  for (const url of Array.isArray(authorizations) ? authorizations : []) await authorize(account, String(url), show, wait)
  const key = newKey()
  const request = createCertificateRequest(createPrivateKey(key), name).toString('base64url')
  await account.post(textOf(order.object, 'finalize'), { csr: request })
  const { object } = await settle(account, order.url, wait)
  const { text } = await account.post(textOf(object, 'certificate'))
  return { certificate: text, key }
}

/** Proves that the name is ours, unless the authority still knows (§7.5). */
async function authorize(account: AcmeAccount, url: string, show: Ordering['show'], wait: Ordering['wait']): Promise<void> {
  const { object } = await account.post(url)
  if (object['status'] === 'valid') return
  const challenges = Array.isArray(object['challenges']) ? object['challenges'].filter(isObject) : []
  const challenge = challenges.find(({ type }) => type === 'http-01')
  if (challenge === undefined) throw new Fault('FAULT_TLS', 'the certificate authority does not offer HTTP-01 for this name')
  const token = textOf(challenge, 'token')
  if (!TOKEN.test(token)) throw new Fault('FAULT_TLS', 'the certificate authority gives a token that is none')
  await show(token, await account.answerTo(token))
  await account.post(textOf(challenge, 'url'), {})
  await settle(account, url, wait)
}

/** Looks until it is valid (§7.1.6). */
async function settle(account: AcmeAccount, url: string, wait: Ordering['wait']): Promise<Answer> {
  for (let look = 0; look < POLLS_MAX; look++) {
    const answer = await account.post(url)
    const { status } = answer.object
    if (status === 'valid') return answer
    if (status !== 'pending' && status !== 'processing' && status !== 'ready')
      throw new Fault('FAULT_TLS', `the certificate authority says ${failureOf(answer.object)}`)
    await wait(Math.min(POLL_MAX_MS, answer.retryMs ?? POLL_MS * 2 ** look))
  }
  throw new Fault('FAULT_TLS', 'the certificate authority does not come to an end')
}

/** Of an order, or of the challenge that failed. */
function failureOf(object: JsonObject): string {
  const challenges = Array.isArray(object['challenges']) ? object['challenges'].filter(isObject) : []
  const error = [object, ...challenges].map((one) => one['error']).find(isObject)
  return error === undefined ? String(object['status']) : problemOf(error)
}
