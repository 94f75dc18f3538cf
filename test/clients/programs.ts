/** Programs that people use, left to find out by themselves how to sign in, with a script in the browser's place. */
import { spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { signInFor } from '../fixtures/sign-in.ts'
import { answerOf, COMMAND_MS, type Conversation, converseV1, type Home, INSPECTOR, MCP_REMOTE, namesOf } from './clients.ts'

export interface SignedIn extends Conversation {
  /** The URLs that the program opened a browser at, so far. */
  readonly opened: readonly string[]
}

/** Where it is to sign in, told before it listens for the answer. */
const REMOTE_ASKS = /visiting:\s+(\S+)[\s\S]*?OAuth callback server running/
/** With the device grant there is nothing to listen for. */
const REMOTE_SHOWS = /visit:\s+(?:\[\d+\]\s+)?(\S+)\s/
const INSPECTOR_ASKS = /Please navigate to: (\S+)\n/

/** Does in the browser what the program asks for, each time it asks. */
function complyWith(complaints: Readable, asks: readonly RegExp[], opened: string[]): void {
  let said = ''
  complaints.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk
    const found = asks.map((form) => form.exec(said)).find((match) => match !== null)
    if (found === undefined) return
    const [whole, url = ''] = found
    said = said.slice(found.index + whole.length)
    opened.push(url)
    // One that fails ends the test: nobody else waits for it.
    void signInFor(url)
  })
}

/** @param more further options, such as `--device-code` */
export async function mcpRemote(url: string, { env }: Home, ...more: readonly string[]): Promise<SignedIn> {
  const args = [MCP_REMOTE, url, '--transport', 'http-only', '--auth-timeout', String(COMMAND_MS / 1_000), ...more]
  const transport = new StdioClientTransport({ command: process.execPath, args, env, stderr: 'pipe' })
  const opened: string[] = []
  // A PassThrough, with `stderr: 'pipe'`; the SDK's type says less.
  complyWith(transport.stderr as Readable, [REMOTE_ASKS, REMOTE_SHOWS], opened)
  return { ...(await converseV1(transport, async () => {})), opened }
}

/** Each question is a run of its own; in the home it finds the sign-in of the run before. @param more further options, such as `--header` */
export function inspector(url: string, { env }: Home, ...more: readonly string[]): SignedIn {
  const opened: string[] = []
  const ask = async (...args: readonly string[]): Promise<unknown> => {
    const child = spawn(process.execPath, [INSPECTOR, '--cli', url, '--transport', 'http', ...more, ...args], {
      // It opens a browser for people at a terminal alone, unless told; there is no browser, so the URL is what it says.
      env: { ...env, MCP_AUTO_OPEN_ENABLED: 'true', MCP_INSPECTOR_SECRET_STORE: 'file' },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: COMMAND_MS,
    })
    complyWith(child.stderr, [INSPECTOR_ASKS], opened)
    const said = await text(child.stdout)
    return JSON.parse(said)
  }
  return {
    opened,
    tools: async () => namesOf(await ask('--method', 'tools/list')),
    call: async (tool, args) => {
      const pairs = Object.entries(args).flatMap(([name, value]) => ['--tool-arg', `${name}=${value}`])
      return answerOf(await ask('--method', 'tools/call', '--tool-name', tool, ...pairs))
    },
    close: async () => {},
  }
}
