/** What the tests of this room share: a gateway that is its own authorization server, and a script that plays the person at the browser. */
import { join } from 'node:path'
import type { SignInGrant } from '../../src/agent/options.ts'
import { Secret } from '../../src/core/secret.ts'
import { Accounts } from '../../src/oauth/accounts.ts'
import { aGateway, type RunningGateway } from '../fixtures/gateway.ts'
import { aBareUpstream, type BareUpstream, text } from '../fixtures/upstream.ts'
import { Browser, PASSWORD } from '../oauth/world.ts'

/** Speaks the legacy revisions, too. */
const SERVER = join(import.meta.dirname, '../../examples/secure-server/main.ts')

export interface AgentWorld extends AsyncDisposable {
  readonly house: RunningGateway
  readonly upstream: BareUpstream
  /** Of the server that is called. */
  readonly url: URL
  /** How often tokens were issued by this grant: `authorization_code`, `refresh_token`. */
  issued(grant: string): Promise<number>
}

/** Alice may do everything; `echo` wants `tools:read`, `purge` wants `tools:write`. */
export async function anAgentWorld(): Promise<AgentWorld> {
  const upstream = await aBareUpstream({
    echo: (args) => text(String(args['message']).replace('(clear)', '\u001b[2J')),
    purge: () => text('purged'),
  })
  const house = await aGateway(`
servers:
  tools: { url: "${upstream.url}" }
  other: { url: "${upstream.url}" }
  secure: { command: [${JSON.stringify(process.execPath)}, ${JSON.stringify(SERVER)}] }
authentication: { oauth: {} }
access:
  roles: { user: { permissions: ["*"] } }
  tools:
    echo: { permission: tools:use, scope: "tools:read" }
    purge: { permission: tools:use, scope: "tools:write" }
    secure/get_*: { permission: tools:use, scope: "tools:read" }
`)
  const { store, clock } = house.gateway.house
  for (const name of ['alice', 'bob']) await new Accounts(store, clock).add(name, new Secret(PASSWORD), ['user'])
  return {
    house,
    upstream,
    url: new URL(`${house.url}/mcp/tools`),
    issued: async (grant) => (await house.events()).filter(({ method }) => method === grant).length,
    async [Symbol.asyncDispose]() {
      await house[Symbol.asyncDispose]()
      await upstream[Symbol.asyncDispose]()
    },
  }
}

export interface Person extends SignInGrant {
  readonly browser: Browser
  /** Every page that was to be shown. */
  readonly shown: URL[]
}

/** Signs in and agrees, and their browser goes back to where it is sent. */
export function aPerson(name = 'alice'): Person {
  const browser = new Browser()
  const shown: URL[] = []
  const open = async (url: URL): Promise<void> => {
    shown.push(url)
    await fetch(await browser.agree(url.href, name))
  }
  return { kind: 'sign_in', browser, shown, open }
}
