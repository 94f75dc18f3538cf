/** Where refusals are produced: one server, one law, and a gateway for each caller that stdio can have. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { publicUrlOf } from '../../src/config/public-url.ts'
import { tokensOf } from '../../src/identity/tokens.ts'
import { aGateway, keyIn, post, type RunningGateway } from '../fixtures/gateway.ts'
import { aBareUpstream, type BareUpstream, text } from '../fixtures/upstream.ts'

/** Names of policies are told to nobody, so they are unlike everything else. */
const LAW = `
@id("law-approve") @requires("approval") forbid (principal, action == Action::"call", resource) when { resource.name == "approve" } unless { context.approved };
@id("law-confirm") @requires("confirm") forbid (principal, action == Action::"call", resource) when { resource.name == "confirm" } unless { context.confirmed };
@id("law-hidden") forbid (principal, action == Action::"call", resource is Tool) when { resource.name == "hidden" };
@id("law-stays") forbid (principal, action == Action::"receive", resource is Tool) when { resource.name == "stays" };
@id("law-small") forbid (principal, action == Action::"call", resource is Tool) when { resource.name == "pay" && context.input.hasTag("/amount") && context.input.getTag("/amount") == "9999" };
@id("law-strong") @requires("acr:phr") forbid (principal, action == Action::"call", resource) when { resource.name == "strong" } unless { principal.hasTag("acr") && principal.getTag("acr").contains("phr") };
`
/** Random, for these tests alone. */
const SECRET = 'vR2kQ9xW4mN8bT1rY6uJ3hG7fD0sA5zLcEwXiOpK'
/** Never asked: none of the tokens here is from it. It makes the gateway a resource that says where tokens come from. */
const ISSUER = 'https://login.example.com'

/** Calls that the crowded gateway has room for: the stream of a stdio session is one. */
const PLACES = 2

/** `user` has a key for everything; `reader` a token with one scope; `stranger` a key that is none; `crowd` meets a full house; `slow` one without patience. */
export type Who = 'user' | 'reader' | 'nobody' | 'stranger' | 'crowd' | 'slow'

export interface Caller {
  readonly house: RunningGateway
  /** Whether it gets in. */
  readonly isKnown: boolean
  readonly headers: Readonly<Record<string, string>>
  /** Who opens the session that it speaks in, where there are sessions. */
  readonly opener: Readonly<Record<string, string>>
}

export interface World extends AsyncDisposable {
  readonly upstream: BareUpstream
  readonly callers: Readonly<Record<Who, Caller>>
  /** Takes every place that the crowded gateway has left. Resolves to how they are given back. */
  crowd(): Promise<() => Promise<void>>
}

interface Place {
  readonly upstream: string
  readonly folder: string
  /** How long the server may take. */
  readonly timeout?: string
  readonly request?: string
  readonly calls?: number
}

function configOf({ upstream, folder, timeout = '300ms', request = '', calls = 1024 }: Place): string {
  return `
servers: { tools: { url: "${upstream}", timeout: ${timeout} } }
limits: { request: { maxBytes: 64KiB${request} }, calls: { total: ${calls} }, tools: { tools/scarce: 1/h } }
authentication: { jwtSecret: "${SECRET}", issuers: [{ issuer: "${ISSUER}" }] }
access:
  roles: { user: { permissions: ["*"] } }
  tools: { "*": { permission: tools:use }, write: { scope: "tools:write" } }
  policies: ${JSON.stringify(join(folder, 'law.cedar'))}
`
}

/** A gateway on a store where a key was made before: stdio finds its caller's key in the environment from the start. */
async function withKey(yaml: string, store: string): Promise<readonly [RunningGateway, string]> {
  const key = await keyIn(store, yaml, ['user'])
  return [await aGateway(yaml, { store, environment: { MCP_API_KEY: key } }), key]
}

/** A token of our own: it needs no store but for what comes after it, so one house can make it for another. */
async function tokenOf({ gateway }: RunningGateway, scopes?: readonly string[]): Promise<string> {
  const { config, store, clock, newId } = gateway.house
  const { jwtSecret } = config.authentication
  if (jwtSecret === undefined) throw new TypeError('the configuration has a secret')
  const tokens = tokensOf(publicUrlOf(config), { secret: jwtSecret, store, clock, newId })
  const said = { subject: 'ann', roles: ['user'], ...(scopes === undefined ? {} : { scopes }) }
  return (await tokens.createTokens(said)).accessToken
}

export async function aWorld(): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-'))
  writeFileSync(join(folder, 'law.cedar'), LAW)
  const held: (() => void)[] = []
  let onHeld = (): void => undefined
  const upstream = await aBareUpstream({
    ...Object.fromEntries(
      ['approve', 'confirm', 'hidden', 'stays', 'pay', 'strong', 'write', 'scarce'].map((name) => [name, () => text('done')]),
    ),
    slow: () => undefined,
    hold: (_args, seen, res) => {
      const answer = { jsonrpc: '2.0', id: seen.body['id'], result: { resultType: 'complete', ...text('done') } }
      held.push(() => res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer)))
      onHeld()
      return undefined
    },
    ask: () => ({ resultType: 'input_required', inputRequests: { a: { method: 'elicitation/create', params: {} } } }),
    crash: (_args, _seen, res) => void res.destroy(),
  })
  const place = { upstream: upstream.url, folder }
  const yaml = configOf(place)
  const [main, key] = await withKey(yaml, join(folder, 'main.db'))
  const wrong = `${key.slice(0, -1)}!`
  const [readers, users] = [await tokenOf(main, ['tools:read']), await tokenOf(main)]
  const of = (credential: string, config = yaml): Promise<RunningGateway> => aGateway(config, { environment: { MCP_API_KEY: credential } })
  const nobody = await aGateway(yaml)
  const [reader, stranger] = [await of(readers), await of(wrong)]
  // A held call must not time out while it is held.
  const crowded = await of(users, configOf({ ...place, timeout: '60s', calls: PLACES }))
  const slow = await of(users, configOf({ ...place, request: ', timeout: 200ms, headerTimeout: 200ms' }))
  const bearer = (token: string): Readonly<Record<string, string>> => ({ authorization: `Bearer ${token}` })
  const mine = { 'x-api-key': key }
  // The only one that there is.
  await post(`${main.url}/mcp`, 'tools/call', { name: 'scarce', arguments: {} }, mine)
  return {
    upstream,
    callers: {
      user: { house: main, isKnown: true, headers: mine, opener: mine },
      reader: { house: reader, isKnown: true, headers: bearer(readers), opener: bearer(readers) },
      nobody: { house: nobody, isKnown: false, headers: {}, opener: bearer(users) },
      stranger: { house: stranger, isKnown: false, headers: { 'x-api-key': wrong }, opener: bearer(users) },
      crowd: { house: crowded, isKnown: true, headers: bearer(users), opener: bearer(users) },
      slow: { house: slow, isKnown: true, headers: bearer(users), opener: bearer(users) },
    },
    async crowd() {
      const calls: Promise<unknown>[] = []
      for (;;) {
        const { promise, resolve } = Promise.withResolvers<boolean>()
        onHeld = () => resolve(true)
        const call = post(`${crowded.url}/mcp`, 'tools/call', { name: 'hold', arguments: {} }, bearer(users))
        void call.then(() => resolve(false))
        if (!(await promise)) break
        calls.push(call)
      }
      return async () => {
        for (const release of held.splice(0)) release()
        await Promise.all(calls)
      }
    },
    async [Symbol.asyncDispose]() {
      for (const house of [main, nobody, reader, stranger, crowded, slow]) await house[Symbol.asyncDispose]()
      await upstream[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true })
    },
  }
}
