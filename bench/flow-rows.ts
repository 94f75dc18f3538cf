/** Labelled sequences of calls, walked down the line of a whole house: the last one goes through, or is stopped. */
import { parseConfig } from '../src/config/load.ts'
import type { Call, Message } from '../src/core/call.ts'
import { Denial } from '../src/core/denial.ts'
import type { JsonObject, JsonValue } from '../src/core/json.ts'
import type { Credential } from '../src/core/principal.ts'
import { openHouse } from '../src/guard/create.ts'
import { pass } from '../src/guard/guard.ts'
import { parseCall } from '../src/mcp/parse.ts'

interface Step {
  readonly tool: string
  readonly arguments: JsonObject
  readonly user: string
  readonly session: string
  readonly server: string
  readonly result?: JsonValue
}

/** A line of `flows.jsonl`, or of our own vectors. */
export interface FlowRow {
  readonly id: string
  readonly class: string
  readonly expect_last: 'allow' | 'deny_or_approve'
  readonly config: {
    readonly labels: Readonly<Record<string, readonly string[]>>
    readonly sinks: Readonly<Record<string, 'external' | 'internal'>>
  }
  readonly steps: readonly Step[]
}

const SIGNAL = new AbortController().signal

/** @returns the code of the refusal of the last step; undefined when it went through. */
export async function judgeFlow({ config, steps }: FlowRow): Promise<string | undefined> {
  const servers = [...new Set(steps.map(({ server }) => server))]
  const written = {
    store: ':memory:',
    servers: Object.fromEntries(servers.map((name) => [name, { url: 'http://127.0.0.1:9/mcp' }])),
    inspect: { input: 'off', definitions: { pin: false } },
    access: {
      roles: { user: { permissions: ['*'] } },
      tools: { '*': { permission: 'any:use' } },
      prompts: { '*': { permission: 'any:use' } },
      resources: [{ uri: '**', read: ['user'] }],
    },
    flow: flowOf(config),
  }
  const house = openHouse(parseConfig(JSON.stringify(written), { file: 'flow.json', environment: {} }), { node: 'rows', onFault: fail })
  try {
    const credentials = new Map<string, Credential>()
    for (const { user } of steps) {
      if (credentials.has(user)) continue
      const { text } = await house.keys.create({ name: user, roles: ['user'], allow: [], createdBy: 'rows' })
      credentials.set(user, { scheme: 'api-key', secret: text })
    }
    let last: string | undefined
    for (const step of steps) {
      const credential = credentials.get(step.user)
      last = undefined
      try {
        for await (const _ of pass(
          house.stations,
          callOf(step, house.newId()),
          credential === undefined ? [] : [credential],
          answering(step),
        ));
      } catch (error) {
        last = error instanceof Denial ? error.code : String(error)
      }
    }
    return last
  } finally {
    await house.close()
  }
}

/** What a row says of a method is said of whatever it brings that no pattern is about. */
function flowOf({ labels, sinks }: FlowRow['config']): JsonObject {
  const { 'mcp:prompts/get': prompts, 'mcp:resources/read': resources, ...tools } = labels
  const unlabelled = { ...(prompts && { prompts }), ...(resources && { resources }) }
  return { labels: tools, sinks, ...(Object.keys(unlabelled).length > 0 && { unlabelled }) }
}

function fail(fault: Error): void {
  throw fault
}

/** `mcp:prompts/get` is a method, everything else a tool. */
function callOf({ tool, server, session, arguments: args }: Step, id: string): Call {
  const method = tool.startsWith('mcp:') ? tool.slice('mcp:'.length) : 'tools/call'
  const params = method === 'tools/call' ? { name: tool, arguments: args } : args
  const call = parseCall(Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })), {
    id,
    server,
    transport: 'http',
    receivedAt: Date.now(),
    signal: SIGNAL,
    limits: { maxDepth: 64 },
    forcedEra: 'legacy',
    forcedRevision: '2025-11-25',
  })
  return { ...call, session }
}

/** What the server answers: the row's result as a tool, a prompt or a resource would say it; and a list of tools when it is asked for one. */
function answering({ tool, result = '' }: Step): () => AsyncGenerator<Message> {
  const said = typeof result === 'string' ? result : JSON.stringify(result)
  const isError = typeof result === 'object' && result !== null && 'isError' in result
  const content = [{ type: 'text', text: said }]
  const answer: JsonObject = tool.startsWith('mcp:prompts')
    ? { messages: [{ role: 'user', content: content[0] ?? {} }] }
    : tool.startsWith('mcp:resources')
      ? { contents: [{ uri: 'file:///row', text: said }] }
      : { content, tools: [{ name: tool, inputSchema: { type: 'object' } }], ...(isError ? { isError } : {}) }
  return async function* () {
    yield { body: { jsonrpc: '2.0', id: 1, result: answer } }
  }
}
