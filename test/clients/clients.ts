/** The clients that people use, each reduced to: what do you see, and what happens when you call. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { Client as ClientV2, StreamableHTTPClientTransport as HttpV2, type VersionNegotiationMode } from '@modelcontextprotocol/client'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport as StdioV1 } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport as HttpV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { Transport as TransportV1 } from '@modelcontextprotocol/sdk/shared/transport.js'
import { z } from 'zod'
import type { StdioEntry } from './quickstart.ts'

const MODULES = join(import.meta.dirname, '../../node_modules')
export const INSPECTOR = join(MODULES, '@modelcontextprotocol/inspector/clients/launcher/build/index.js')
export const MCP_REMOTE = join(MODULES, 'mcp-remote/dist/proxy.js')
/** The Inspector starts anew for each call; a busy machine takes its time. */
export const COMMAND_MS = 60_000
/** What mcp-remote says when it wants a person to sign in. */
const SIGN_IN = /Please authorize this client by visiting/
const INFO = { name: 'portcullis-test', version: '1.0.0' }

export interface Answer {
  readonly kind: 'answered' | 'refused'
  /** The text of the answer, or of the error. */
  readonly text: string
}

export interface Conversation {
  /** Names of the tools, sorted. */
  tools(): Promise<readonly string[]>
  call(tool: string, args: Readonly<Record<string, string>>): Promise<Answer>
  close(): Promise<void>
}

export interface McpClient {
  readonly name: string
  /** Rejects when the server does not let it in. @param key no credential when undefined */
  connect(url: string, key: string | undefined): Promise<Conversation>
}

const toolList = z.object({ tools: z.array(z.object({ name: z.string() })) })
const toolAnswer = z.object({ content: z.array(z.object({ text: z.string().optional() })), isError: z.boolean().optional() })

/** Of a list of tools, sorted. */
export const namesOf = (value: unknown): readonly string[] =>
  toolList
    .parse(value)
    .tools.map(({ name }) => name)
    .sort()

export function answerOf(value: unknown): Answer {
  const { content, isError } = toolAnswer.parse(value)
  return { kind: isError === true ? 'refused' : 'answered', text: content.map(({ text }) => text ?? '').join('\n') }
}

const refusal = (error: unknown): Answer => ({ kind: 'refused', text: error instanceof Error ? error.message : String(error) })
const headers = (key: string | undefined): Record<string, string> => (key === undefined ? {} : { 'x-api-key': key })

export async function converseV1(transport: TransportV1, end: () => Promise<void>): Promise<Conversation> {
  const client = new ClientV1(INFO)
  try {
    await client.connect(transport)
  } catch (error) {
    await end()
    throw error
  }
  return {
    tools: async () => namesOf(await client.listTools()),
    call: (name, args) => client.callTool({ name, arguments: args }).then(answerOf, refusal),
    async close() {
      await client.close()
      await end()
    },
  }
}

function sdkV2(name: string, mode: VersionNegotiationMode): McpClient {
  return {
    name,
    async connect(url, key) {
      const client = new ClientV2(INFO, { versionNegotiation: { mode } })
      await client.connect(new HttpV2(new URL(url), { requestInit: { headers: headers(key) } }))
      return {
        tools: async () => namesOf(await client.listTools()),
        call: (tool, args) => client.callTool({ name: tool, arguments: args }).then(answerOf, refusal),
        close: () => client.close(),
      }
    },
  }
}

const sdkV1: McpClient = {
  name: 'SDK v1',
  connect(url, key) {
    const transport = new HttpV1(new URL(url), { requestInit: { headers: headers(key) } })
    // The SDK's own types do not hold under exactOptionalPropertyTypes (sessionId).
    return converseV1(transport as TransportV1, async () => {})
  },
}

export interface Home {
  readonly env: Record<string, string>
  remove(): Promise<void>
}

/** A home of its own: these programs keep files there. */
export async function newHome(): Promise<Home> {
  const home = await mkdtemp(join(tmpdir(), 'portcullis-home-'))
  const env = { HOME: home, PATH: join(process.execPath, '..'), MCP_REMOTE_CONFIG_DIR: home, NO_COLOR: '1' }
  return { env, remove: () => rm(home, { recursive: true, force: true }) }
}

const inspector: McpClient = {
  name: 'MCP Inspector CLI',
  async connect(url, key) {
    const home = await newHome()
    const run = promisify(execFile)
    const ask = async (...args: readonly string[]): Promise<unknown> => {
      const header = key === undefined ? [] : ['--header', `X-API-Key: ${key}`]
      const command = [INSPECTOR, '--cli', url, '--transport', 'http', ...args, ...header]
      const { stdout } = await run(process.execPath, command, { env: home.env, timeout: COMMAND_MS })
      return JSON.parse(stdout)
    }
    let seen: readonly string[]
    try {
      seen = namesOf(await ask('--method', 'tools/list'))
    } catch (error) {
      await home.remove()
      throw error
    }
    return {
      // What it saw when it came in: it would start anew to look once more.
      tools: async () => seen,
      call(tool, args) {
        const pairs = Object.entries(args).flatMap(([name, value]) => ['--tool-arg', `${name}=${value}`])
        return ask('--method', 'tools/call', '--tool-name', tool, ...pairs).then(answerOf, refusal)
      },
      close: () => home.remove(),
    }
  },
}

const mcpRemote: McpClient = {
  name: 'mcp-remote',
  async connect(url, key) {
    const home = await newHome()
    const header = key === undefined ? [] : ['--header', `X-API-Key:${key}`]
    const args = [MCP_REMOTE, url, '--transport', 'http-only', '--auth-timeout', '1', ...header]
    const transport = new StdioV1({ command: process.execPath, args, env: home.env, stderr: 'pipe' })
    // Not let in, it sends its user to a browser and waits there for much longer than anybody here does.
    let said = ''
    transport.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString()
      if (SIGN_IN.test(said)) void transport.close()
    })
    return converseV1(transport, () => home.remove())
  },
}

/** A server that a desktop client starts from its configuration: no more of our environment than every login has. */
export async function overStdio({ command, args, env }: StdioEntry): Promise<Conversation> {
  const home = await newHome()
  const path = [home.env['PATH'] ?? '', '/usr/bin', '/bin'].join(delimiter)
  const transport = new StdioV1({
    command,
    args: [...args],
    cwd: home.env['HOME'] ?? '/',
    env: { ...home.env, PATH: path, ...env },
    stderr: 'ignore',
  })
  return converseV1(transport, () => home.remove())
}

export const CLIENTS: readonly McpClient[] = [
  sdkV1,
  sdkV2('SDK v2, modern', { pin: '2026-07-28' }),
  sdkV2('SDK v2, auto', 'auto'),
  sdkV2('SDK v2, legacy', 'legacy'),
  inspector,
  mcpRemote,
]
