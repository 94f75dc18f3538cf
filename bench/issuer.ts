/** An issuer of access tokens on loopback, whose keys and tokens are made here: what a gateway trusts that others sign for. */
import { generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What issuers in the field sign with. */
export const ALGS = ['ES256', 'RS256', 'EdDSA'] as const
export type IssuerAlg = (typeof ALGS)[number]
/** Longer than any run. */
const LIFE_S = 6 * 3600

export interface SignedToken {
  readonly text: string
  /** What the signature is over, and the signature: to check it and nothing else. */
  readonly signed: string
  readonly signature: Buffer
}

export interface BenchIssuer {
  readonly url: string
  keyOf(alg: IssuerAlg): KeyObject
  /** A new one each time. */
  token(alg: IssuerAlg, audience: string): SignedToken
  end(): Promise<void>
}

const pairOf = (alg: IssuerAlg): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } => {
  if (alg === 'ES256') return generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return alg === 'RS256' ? generateKeyPairSync('rsa', { modulusLength: 2048 }) : generateKeyPairSync('ed25519')
}
const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

export async function startIssuer(): Promise<BenchIssuer> {
  const pairs = { ES256: pairOf('ES256'), RS256: pairOf('RS256'), EdDSA: pairOf('EdDSA') }
  const keys = ALGS.map((alg) => ({ ...pairs[alg].publicKey.export({ format: 'jwk' }), kid: alg, alg, use: 'sig' }))
  const server = createServer((request, response) => {
    const said = request.url === '/jwks' ? { keys } : { issuer: url, jwks_uri: `${url}/jwks` }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(said))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    keyOf: (alg) => pairs[alg].publicKey,
    token(alg, audience) {
      const now = Math.floor(Date.now() / 1000)
      const claims = { iss: url, sub: 'bench', aud: audience, client_id: 'bench', jti: randomUUID(), iat: now, exp: now + LIFE_S }
      const signed = `${encode({ alg, typ: 'at+jwt', kid: alg })}.${encode({ ...claims, scope: 'bench:use', roles: ['bench'] })}`
      const key = { key: pairs[alg].privateKey, dsaEncoding: 'ieee-p1363' } as const
      const signature = sign(alg === 'EdDSA' ? null : 'sha256', Buffer.from(signed), key)
      return { text: `${signed}.${signature.toString('base64url')}`, signed, signature }
    },
    async end() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
