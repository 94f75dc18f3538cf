/** oidc-provider as somebody else runs it: RSA, paths and claims of another product, its own pages, its own memory. Tells its issuer when it listens. */
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Provider } from 'oidc-provider'

const PATH = '/realms/staff'
const BASE = '/protocol/openid-connect'
const [SECRET = '', CALLBACK = ''] = process.argv.slice(2)
const GROUPS: Readonly<Record<string, readonly string[]>> = { ann: ['staff'], ben: ['guests'], machine: ['staff'] }

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const server = createServer()
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}${PATH}`

const provider = new Provider(issuer, {
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kty: 'RSA', kid: 'realm-1', use: 'sig', alg: 'RS256' }] },
  cookies: { keys: [randomBytes(16).toString('hex')] },
  routes: { authorization: `${BASE}/auth`, token: `${BASE}/token`, jwks: `${BASE}/certs`, userinfo: `${BASE}/userinfo` },
  clients: [
    { client_id: 'machine', client_secret: SECRET, grant_types: ['client_credentials'], redirect_uris: [], response_types: [] },
    { client_id: 'app', client_secret: SECRET, redirect_uris: [CALLBACK] },
  ],
  scopes: ['openid', 'tools:read'],
  findAccount: (_ctx, sub) => ({ accountId: sub, claims: () => ({ sub, groups: [...(GROUPS[sub] ?? [])] }) }),
  claims: { openid: ['sub', 'groups'] },
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  ttl: { AccessToken: 300, ClientCredentials: 300, IdToken: 300, Interaction: 300, Session: 300, Grant: 300 },
  features: {
    devInteractions: { enabled: true },
    clientCredentials: { enabled: true },
    registration: { enabled: true },
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => true,
      // An audience is a name here, not where the server stands.
      getResourceServerInfo: (_ctx, resource) => ({
        scope: 'tools:read',
        audience: `api://${resource.split('/').at(-1)}`,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
  formats: {
    customizers: {
      jwt(_ctx, _token, jwt) {
        const { client_id: client, scope, sub, ...payload } = jwt.payload
        jwt.header = { typ: 'JWT' }
        jwt.payload = { ...payload, sub, azp: client, scp: String(scope).split(' '), realm_access: { roles: GROUPS[String(sub)] ?? [] } }
      },
    },
  },
})

const handle = provider.callback()
server.on('request', (request: IncomingMessage & { originalUrl?: string }, response) => {
  const url = request.url ?? ''
  if (!url.startsWith(`${PATH}/`)) return void response.writeHead(404).end()
  request.originalUrl = url
  request.url = url.slice(PATH.length)
  handle(request, response).catch(() => response.destroy())
})
process.on('disconnect', () => process.exit())
process.send?.({ issuer })
