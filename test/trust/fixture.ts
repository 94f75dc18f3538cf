/** An issuer on loopback: a real server that counts what it is asked, and whose answers a test may change. */
import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { Entry } from '../../src/core/event.ts'
import { isObject, type JsonObject, type JsonValue } from '../../src/core/json.ts'
import { createGuardedFetch, type GuardedFetch } from '../../src/net/fetch.ts'

export interface Answer {
  readonly status?: number
  readonly type?: string
  readonly body: JsonValue | string
}
export type Asked = { readonly request: IncomingMessage; readonly body: string }
type Route = Answer | ((asked: Asked) => Answer)

export interface Site extends AsyncDisposable {
  readonly url: string
  readonly fetch: GuardedFetch
  /** Path to answer; what is not there is a 404. */
  readonly routes: Map<string, Route>
  /** Paths asked for, in order. */
  readonly asked: string[]
  /** Turned by hand. */
  readonly time: { now: number }
  readonly events: Entry[]
}

export const START_AT = 1_790_000_000_000

export async function openSite(): Promise<Site> {
  const routes = new Map<string, Route>()
  const asked: string[] = []
  const server = createServer(async (request, response) => {
    const path = request.url ?? ''
    asked.push(path)
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const route = routes.get(path)
    const answer = typeof route === 'function' ? route({ request, body: Buffer.concat(chunks).toString() }) : route
    const { status = 200, type = 'application/json', body } = answer ?? { status: 404, body: 'not here' }
    response.writeHead(status, { 'content-type': type }).end(typeof body === 'string' ? body : JSON.stringify(body))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  const url = `http://127.0.0.1:${address.port}`
  const fetch = createGuardedFetch({ allowPrivate: [url] })
  return {
    url,
    fetch,
    routes,
    asked,
    time: { now: START_AT },
    events: [],
    [Symbol.asyncDispose]: async () => {
      await fetch.close()
      server.closeAllConnections()
      server.close()
    },
  }
}

export interface Pair {
  readonly alg: string
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
  readonly jwk: JsonObject
}

export function makePair(alg: 'ES256' | 'ES384' | 'ES512' | 'RS256' | 'PS256' | 'EdDSA', said: JsonObject = {}): Pair {
  const curves = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' } as const
  const pair =
    alg === 'EdDSA'
      ? generateKeyPairSync('ed25519')
      : alg === 'RS256' || alg === 'PS256'
        ? generateKeyPairSync('rsa', { modulusLength: 2048 })
        : generateKeyPairSync('ec', { namedCurve: curves[alg] })
  const jwk: unknown = pair.publicKey.export({ format: 'jwk' })
  assert.ok(isObject(jwk))
  return { alg, publicKey: pair.publicKey, privateKey: pair.privateKey, jwk: { ...jwk, ...said } }
}

const encode = (value: JsonValue): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/** A compact JWS by node:crypto. */
export function signJws(pair: Pair, header: JsonObject, payload: JsonObject): string {
  const signed = `${encode({ alg: pair.alg, ...header })}.${encode(payload)}`
  const hash = pair.alg === 'EdDSA' ? null : `sha${pair.alg.slice(2)}`
  const pss = pair.alg === 'PS256' ? { padding: 6, saltLength: 32 } : {}
  const signature = sign(hash, Buffer.from(signed), { key: pair.privateKey, dsaEncoding: 'ieee-p1363', ...pss })
  return `${signed}.${signature.toString('base64url')}`
}

export const freshId = (): string => randomUUID()
