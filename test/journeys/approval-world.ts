/** One gateway with calls that a person must approve or confirm, its admin listener, and a webhook that hears of them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Approval } from '../../src/approval/record.ts'
import { publicUrlOf } from '../../src/config/public-url.ts'
import { isObject, type JsonObject } from '../../src/core/json.ts'
import { Secret } from '../../src/core/secret.ts'
import { tokensOf } from '../../src/identity/tokens.ts'
import { Accounts } from '../../src/oauth/accounts.ts'
import { aGateway, post, type Reply, type RunningGateway } from '../fixtures/gateway.ts'
import { refusalIn } from '../fixtures/refusal.ts'
import { aBareUpstream, type BareUpstream, text } from '../fixtures/upstream.ts'

/** Random, for these tests alone. */
export const SECRET = 'hG7tD0sA5zLcEwXiOpKvR2kQ9xW4mN8bT1rY6uJ3f'
export const PASSWORD = 'copper-lantern-orchard-17'
/** Looks like a credential, and is none. */
const PLANTED = 'ghp_7hRk2mQx9TzB4vLc8WsN3dYf6JgP1aEuK5oC'
export const ALICE = { name: 'local#alice', subject: 'alice' }

export interface Notice {
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
}

export interface World extends AsyncDisposable {
  readonly house: RunningGateway
  readonly upstream: BareUpstream
  readonly accounts: Accounts
  readonly admin: string
  /** What the webhook was told. */
  readonly notices: Notice[]
  /** What the server says of its tools. */
  description: string
  /** What it says of a task. */
  task: string
  now: number
  /** An API key for everything. */
  key(): Promise<string>
  /** A token of somebody with these roles. */
  token(subject: string, roles: readonly string[]): Promise<string>
  call(tool: string, args: JsonObject, credential: string, more?: JsonObject): Promise<Reply>
  /** How often a tool has been called. */
  done(tool: string): number
  pending(): Promise<readonly Approval[]>
  /** Writes the policy file anew, and takes it. */
  enact(policy: string): Promise<void>
}

const QUESTION = { method: 'elicitation/create', params: { message: 'Which?', requestedSchema: { type: 'object', properties: {} } } }

/** @param input whether arguments are looked at before a person sees them: texts that hide are refused there. */
export async function aWorld(input: 'off' | 'standard' = 'standard'): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-approval-'))
  writeFileSync(join(folder, 'law.cedar'), '')
  const state = { description: 'deletes', task: 'working', now: Date.now() }
  const upstream = await aBareUpstream(
    {
      ...Object.fromEntries(['delete', 'scarce', 'confirm', 'both'].map((name) => [name, () => text('done')])),
      fail: () => ({ ...text('no such file'), isError: true }),
      begin: () => ({ resultType: 'task', taskId: `task-${state.now}`, status: 'working', createdAt: '2026-11-21T00:00:00Z', ttlMs: null }),
      // No place for a credential that could be taken out of it.
      leak: () => ({ content: [], nextCursor: PLANTED }),
      'tasks/get': ({ taskId }) => ({ taskId: String(taskId), status: state.task, createdAt: '2026-11-21T00:00:00Z', ttlMs: null }),
      crash: (_args, _seen, res) => void res.destroy(),
      ask: (_args, { body }) => {
        const params = body['params'] as JsonObject
        if (params['requestState'] === 'theirs') return text(JSON.stringify(params['inputResponses'] ?? null))
        return { resultType: 'input_required', inputRequests: { which: QUESTION }, requestState: 'theirs' }
      },
    },
    () => state.description,
  )
  const notices: Notice[] = []
  const webhook = createServer((req, res) => {
    let body = ''
    req.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk
    })
    req.on('end', () => {
      notices.push({ headers: req.headers, body })
      res.writeHead(204).end()
    })
  })
  await new Promise<void>((resolve) => webhook.listen(0, '127.0.0.1', resolve))
  const { port } = webhook.address() as AddressInfo
  const wanting = ['delete', 'scarce', 'fail', 'crash', 'ask', 'begin', 'leak'].map((name) => `${name}: { approval: true }`).join(', ')
  const house = await aGateway(
    `
admin: 127.0.0.1:0
servers: { tools: { url: "${upstream.url}", timeout: 5s } }
limits: { tools: { tools/scarce: 1/h } }
inspect: { input: ${input} }
authentication: { jwtSecret: "${SECRET}" }
approval: { pending: 12, notify: { webhook: "http://127.0.0.1:${port}/hook", secret: "${SECRET}", allowPrivate: true } }
access:
  roles: { agent: { permissions: ["*"] }, chief: { inherits: admin }, admin: {} }
  tools: { "*": { permission: tools:use }, ${wanting}, confirm: { confirm: true }, both: { approval: true, confirm: true } }
  policies: ${JSON.stringify(join(folder, 'law.cedar'))}
`,
    { clock: () => state.now },
  )
  const { config, store, clock, newId, approvals } = house.gateway.house
  const accounts = new Accounts(store, clock)
  await accounts.add('alice', new Secret(PASSWORD), ['chief'])
  await accounts.add('carol', new Secret(PASSWORD), ['chief'])
  await accounts.add('mallory', new Secret(PASSWORD), ['agent'])
  const tokens = tokensOf(publicUrlOf(config), { secret: new Secret(SECRET), store, clock, newId })
  const { admin } = house
  return Object.assign(state, {
    house,
    upstream,
    accounts,
    admin,
    notices,
    key: () => house.key({ roles: ['agent'] }),
    token: async (subject: string, roles: readonly string[]) => (await tokens.createTokens({ subject, roles })).accessToken,
    call: (tool: string, args: JsonObject, credential: string, more: JsonObject = {}) =>
      post(
        `${house.url}/mcp`,
        'tools/call',
        { name: tool, arguments: args, ...more },
        credential.startsWith('ey') ? { authorization: `Bearer ${credential}` } : { 'x-api-key': credential },
      ),
    done: (tool: string) =>
      upstream.seen.filter(({ body }) => body['method'] === 'tools/call' && (body['params'] as JsonObject)['name'] === tool).length,
    pending: async () => (await approvals.list()).filter(({ status }) => status === 'pending'),
    enact: async (policy: string) => {
      writeFileSync(join(folder, 'law.cedar'), policy)
      await house.gateway.reload()
    },
    async [Symbol.asyncDispose]() {
      await house[Symbol.asyncDispose]()
      await upstream[Symbol.asyncDispose]()
      webhook.closeAllConnections()
      webhook.close()
      rmSync(folder, { recursive: true })
    },
  })
}

/** The code of a refusal; `ok` for a result; `asks` for one that asks. */
export function codeOf(body: JsonObject): unknown {
  const { error, result } = body
  const data = refusalIn(body)
  if (data !== undefined) return data['code']
  if (isObject(error)) return error['code']
  return isObject(result) && result['resultType'] === 'input_required' ? 'asks' : 'ok'
}

/** What a refusal says of the approval that it waits for. */
export function remedyOf(body: JsonObject): JsonObject {
  const remedies = refusalIn(body)?.['remedies']
  const [first] = Array.isArray(remedies) ? remedies : []
  return isObject(first) ? first : {}
}
