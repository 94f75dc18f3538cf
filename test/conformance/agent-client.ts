/** A client made of the agent's side, for the official suite: it meets the suite's server, and plays the browser. */
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { z } from 'zod'
import { authenticatedFetch } from '../../src/agent/fetch.ts'
import { TokenManager } from '../../src/agent/manager.ts'
import type { Grant, SignInGrant, TokenManagerOptions } from '../../src/agent/options.ts'

const REDIRECT = 'http://localhost:3000/callback'
/** What the suite knows this client by where it reads metadata documents. */
const METADATA_URL = 'https://conformance-test.local/client-metadata.json'

const CONTEXT = z.looseObject({
  client_id: z.string().default(''),
  client_secret: z.string().optional(),
  private_key_pem: z.string().optional(),
  signing_algorithm: z.string().default('ES256'),
  idp_client_id: z.string().default(''),
  idp_id_token: z.string().default(''),
  idp_issuer: z.string().default(''),
  valid_jwt: z.string().default(''),
})
type Context = z.infer<typeof CONTEXT>

/** The suite's authorization server sends the browser back at once. */
const browser: SignInGrant = {
  kind: 'sign_in',
  redirect: {
    uri: REDIRECT,
    authorize: async (url) => {
      const response = await fetch(url, { redirect: 'manual' })
      return new URL(response.headers.get('location') ?? '', url)
    },
  },
}

/** Where an operator registered this client: the suite says it nowhere but in the metadata. */
async function issuerOf(server: URL): Promise<string> {
  const metadata = z.object({ authorization_servers: z.array(z.string()) })
  const found = metadata.parse(await (await fetch(new URL(`/.well-known/oauth-protected-resource${server.pathname}`, server))).json())
  return found.authorization_servers[0] ?? ''
}

async function registered(server: URL, context: Context): Promise<TokenManagerOptions> {
  const { client_id: id, client_secret: secret, private_key_pem: pem, signing_algorithm: algorithm } = context
  const base = { id, issuer: await issuerOf(server) }
  return { client: { ...base, ...(secret === undefined ? {} : { secret }), ...(pem === undefined ? {} : { key: { pem, algorithm } }) } }
}

async function optionsFor(scenario: string, server: URL, context: Context): Promise<TokenManagerOptions> {
  const machine: Grant = { kind: 'client_credentials' }
  switch (scenario) {
    case 'auth/pre-registration':
      return { grant: browser, ...(await registered(server, context)) }
    case 'auth/client-credentials-jwt':
    case 'auth/client-credentials-basic':
      return { grant: machine, ...(await registered(server, context)) }
    case 'auth/enterprise-managed-authorization': {
      const { idp_client_id: id, idp_issuer: issuer, idp_id_token: token } = context
      const identity = async () => ({ token, type: 'urn:ietf:params:oauth:token-type:id_token' })
      return { grant: { kind: 'enterprise', provider: { id, issuer }, identity }, ...(await registered(server, context)) }
    }
    case 'auth/wif-jwt-bearer':
      return { grant: { kind: 'workload', issuer: await issuerOf(server), assertion: async () => context.valid_jwt } }
    default:
      return {
        grant: browser,
        identity: { name: 'Conformance', metadataUrl: METADATA_URL },
        legacyDiscovery: scenario.includes('2025-03-26'),
      }
  }
}

/**
 * Signs in at the suite's server as the scenario wants it, lists its tools and calls each.
 * @param told what the suite hands its clients beside the URL, as JSON; empty where that is nothing.
 */
export async function meet(server: URL, scenario: string, told: string): Promise<void> {
  const context = CONTEXT.parse(JSON.parse(told === '' ? '{}' : told))
  await using manager = new TokenManager(await optionsFor(scenario, server, context))
  const client = new Client({ name: 'portcullis-agent', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } })
  await client.connect(new StreamableHTTPClientTransport(server, { fetch: authenticatedFetch(manager) }))
  const { tools } = await client.listTools()
  for (const { name } of tools) await client.callTool({ name, arguments: {} })
  await client.close()
}
