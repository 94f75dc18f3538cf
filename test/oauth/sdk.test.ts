/** The SDK's own client against a small server that trusts this authorization server: discovery to step-up, nothing written by hand. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client'
import { type NodeIncomingMessageLike, toNodeHandler } from '@modelcontextprotocol/node'
import {
  createMcpHandler,
  getOAuthProtectedResourceMetadataUrl,
  McpServer,
  OAuthError,
  OAuthErrorCode,
  oauthMetadataResponse,
  requireBearerAuth,
  requireScopes,
} from '@modelcontextprotocol/server'
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose'
import { Person } from './person.ts'
import { Browser, createWorld, get, listenAs, type World } from './world.ts'

function createTools(): McpServer {
  const server = new McpServer({ name: 'rs', version: '1.0.0' })
  server.registerTool('whoami', {}, async (context) => ({
    content: [{ type: 'text', text: String(context.http?.authInfo?.extra?.['sub']) }],
  }))
  server.registerTool('purge', { scopeChallenge: requireScopes('files:write') }, async () => ({
    content: [{ type: 'text', text: 'purged' }],
  }))
  return server
}

for (const [era, options] of [
  ['modern', { versionNegotiation: { mode: 'auto' as const } }],
  ['legacy', {}],
] as const) {
  for (const path of ['', '/auth']) {
    test(`the SDK client of the ${era} era goes from nothing to a call and a step-up, with the issuer at "${path}"`, async (t) => {
      const worlds: World[] = []
      const resourceOrigin = await listenAs(t, async (origin) => {
        const resource = new URL(`${origin}/mcp`)
        const world = await createWorld(t, {
          path,
          resources: new Map([
            [resource.href, { name: 'tools', scopes: [{ name: 'files:read', isDefault: true }, { name: 'files:write' }] }],
          ]),
        })
        worlds.push(world)
        const metadata = (await get(`${world.origin}/.well-known/oauth-authorization-server${path}`)).body
        const keys = createRemoteJWKSet(new URL(String(metadata['jwks_uri'])))
        const verifyAccessToken = async (token: string) => {
          try {
            const { payload } = await jwtVerify(token, keys, {
              issuer: world.issuer,
              audience: resource.href,
              typ: 'at+jwt',
              algorithms: ['ES256'],
            })
            return {
              token,
              clientId: String(payload['client_id']),
              scopes: String(payload['scope']).split(' '),
              expiresAt: Number(payload.exp),
              resource,
              extra: { sub: payload.sub },
            }
          } catch {
            throw new OAuthError(OAuthErrorCode.InvalidToken, 'refused')
          }
        }
        const gate = requireBearerAuth({
          verifier: { verifyAccessToken },
          requiredScopes: ['files:read'],
          expectedResource: resource,
          resourceMetadataUrl: getOAuthProtectedResourceMetadataUrl(resource),
        })
        const handler = createMcpHandler(createTools)
        const node = toNodeHandler({
          fetch: async (request: Request) => {
            // The document as it was served, with what the SDK demands of it checked there.
            const shown = oauthMetadataResponse(request, {
              oauthMetadata: JSON.parse(JSON.stringify(metadata)),
              resourceServerUrl: resource,
              scopesSupported: ['files:read'],
              dangerouslyAllowInsecureIssuerUrl: true,
            })
            if (shown !== undefined) return shown
            const known = await gate(request)
            return known instanceof Response ? known : handler.fetch(request, { authInfo: known })
          },
        })
        return { handle: (request, response) => void node(request as NodeIncomingMessageLike, response) }
      })
      const person = new Person()
      const browser = new Browser()
      const url = new URL(`${resourceOrigin}/mcp`)
      const connect = async (): Promise<Client> => {
        const client = new Client({ name: 'e2e', version: '1.0.0' }, options)
        const transport = new StreamableHTTPClientTransport(url, { authProvider: person })
        try {
          await client.connect(transport)
          return client
        } catch (error) {
          assert.ok(error instanceof UnauthorizedError, String(error))
          await transport.finishAuth((await browser.agree(person.asked?.href ?? '')).searchParams)
          const again = new Client({ name: 'e2e', version: '1.0.0' }, options)
          await again.connect(new StreamableHTTPClientTransport(url, { authProvider: person }))
          return again
        }
      }
      const client = await connect()
      t.after(() => client.close())
      const who = await client.callTool({ name: 'whoami' })
      assert.ok(JSON.stringify(who).includes('alice'))
      assert.ok(person.kept?.refresh_token)
      await assert.rejects(client.callTool({ name: 'purge' }), (error) => error instanceof UnauthorizedError)
      assert.match(person.asked?.searchParams.get('scope') ?? '', /files:write/)
      const back = await browser.agree(person.asked?.href ?? '')
      await new StreamableHTTPClientTransport(url, { authProvider: person }).finishAuth(back.searchParams)
      const stepped = await connect()
      t.after(() => stepped.close())
      assert.ok(JSON.stringify(await stepped.callTool({ name: 'purge' })).includes('purged'))
      const before = person.kept
      person.saveTokens({ ...before, access_token: 'gone', token_type: 'Bearer' })
      const renewed = await connect()
      t.after(() => renewed.close())
      assert.notEqual(person.kept?.access_token, 'gone')
      assert.equal(decodeJwt(person.kept?.access_token ?? '').sub, 'alice')
      assert.ok(worlds[0]?.events.some(({ method }) => method === 'refresh_token'))
    })
  }
}
