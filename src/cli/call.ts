/** `portcullis list` and `call`: the tools of a server, with the tokens of `login` or with an API key. */
import { type Command, InvalidArgumentError } from 'commander'
import { Caller, type Tool, textOf } from '../agent/caller.ts'
import { authenticatedFetch, type FetchLike } from '../agent/fetch.ts'
import { secretOf } from '../config/load.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import { visible } from '../core/visible.ts'
import { readServer } from './login.ts'
import { examples, misuse, readSpan, type Shell } from './shell.ts'
import { type AgentOptions, agentOptions, withManager } from './state.ts'
import { EXIT, say, sayJson, table } from './terminal.ts'

/** Arguments longer than this are no arguments. */
const INPUT_MAX_CHARS = 4 * 1024 * 1024
const DESCRIPTION_SHOWN_CHARS = 80

interface CallOptions extends AgentOptions {
  readonly timeout: number
  readonly keyEnv?: string
}

export function addCall(program: Command, shell: Shell): void {
  const list = program.command('list').argument('<url>', 'of the server', readServer)
  examples(
    timed(list),
    'portcullis list https://mcp.example.com/mcp',
    'MCP_API_KEY=mcp_… portcullis list https://mcp.example.com/mcp --key-env MCP_API_KEY --json',
  )
  list.action((url: URL, options: CallOptions) => listTools(url, options, shell))

  const call = program
    .command('call')
    .argument('<url>', 'of the server', readServer)
    .argument('<tool>', 'its name, as "list" has it')
    .option('--args <json>', 'the arguments as one JSON object; - reads it from standard input', readArguments)
  examples(
    timed(call),
    'portcullis call https://mcp.example.com/mcp get_weather --args \'{"city":"Berlin"}\'',
    'echo \'{"city":"Berlin"}\' | portcullis call https://mcp.example.com/mcp get_weather --args - --json',
  )
  call.action((url: URL, tool: string, options: CallOptions & { readonly args?: JsonObject | '-' }) => callTool(url, tool, options, shell))
}

function timed(command: Command): Command {
  return agentOptions(command)
    .option('--key-env <name>', 'the variable of the environment that holds an API key, sent instead of a token')
    .option('--timeout <span>', 'how long the whole may take', readSpan, readSpan('60s'))
}

function readArguments(text: string): JsonObject | '-' {
  return text === '-' ? text : parseArguments(text, (message) => new InvalidArgumentError(message))
}

function parseArguments(text: string, refuse: (message: string) => Error): JsonObject {
  try {
    const value: unknown = JSON.parse(text)
    if (isObject(value)) return value
  } catch {
    // Told below: what JSON.parse says quotes its input.
  }
  throw refuse('Write one JSON object, such as {"city":"Berlin"}.')
}

/** Lends a caller that is let in by a key where one is named, else by tokens; whichever it is, the session is ended afterwards. */
async function withCaller<T>(url: URL, options: CallOptions, shell: Shell, use: (caller: Caller) => Promise<T>): Promise<T> {
  const { terminal, version } = shell
  const speak = async (fetch: FetchLike): Promise<T> => {
    const caller = new Caller({ url, fetch, client: { name: 'portcullis', version }, signal: AbortSignal.timeout(options.timeout) })
    try {
      return await use(caller)
    } finally {
      // The answer is what was asked for; a session that does not end ends by itself.
      await caller.close().catch(() => undefined)
    }
  }
  if (options.keyEnv !== undefined) return await speak(keyedFetch(options.keyEnv))
  return await withManager(options, { grant: { kind: 'stored' } }, terminal, (manager) => speak(authenticatedFetch(manager)))
}

/** The key goes to the server that was named and nowhere else: no redirect is followed. */
function keyedFetch(variable: string): FetchLike {
  const key = secretOf(variable)
  if (key === undefined) throw misuse(`--key-env: the environment has no ${variable}`)
  return (input, init) => {
    const request = new Request(input, { ...init, redirect: 'manual' })
    request.headers.set('authorization', `Bearer ${key.reveal()}`)
    return fetch(request)
  }
}

async function listTools(url: URL, options: CallOptions, shell: Shell): Promise<void> {
  const tools = await withCaller(url, options, shell, (caller) => caller.listTools())
  if (options.json === true) sayJson(shell.terminal, { tools })
  else if (tools.length === 0) say(shell.terminal, 'no tools')
  else table(shell.terminal, ['tool', 'what it does'], tools.map(rowOf))
}

function rowOf({ name, description = '' }: Tool): readonly string[] {
  const line = description.split('\n')[0] ?? ''
  return [name, line.length > DESCRIPTION_SHOWN_CHARS ? `${line.slice(0, DESCRIPTION_SHOWN_CHARS)}…` : line]
}

async function callTool(url: URL, tool: string, options: CallOptions & { readonly args?: JsonObject | '-' }, shell: Shell): Promise<void> {
  const args = options.args === '-' ? await readInput(shell) : (options.args ?? {})
  const result = await withCaller(url, options, shell, (caller) => caller.callTool(tool, args))
  if (options.json === true) sayJson(shell.terminal, result)
  else say(shell.terminal, textOf(result).split('\n').map(visible).join('\n'))
  if (result['isError'] === true) shell.finish(EXIT.refused)
}

async function readInput({ terminal }: Shell): Promise<JsonObject> {
  let text = ''
  for await (const chunk of terminal.input) {
    text += String(chunk)
    if (text.length > INPUT_MAX_CHARS) throw misuse('standard input is too long for arguments')
  }
  return parseArguments(text, misuse)
}
