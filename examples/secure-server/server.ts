/** The example server: five tools, each with its own rules, whoever stands in front of it. */
import { type CallToolResult, McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod'
import { CITIES, meanTemperature } from './climate.ts'
import { FILE_MAX_BYTES, WriteRefused, writeBelow } from './write-file.ts'

const ECHO_MAX_CHARS = 4096

const USERS = [
  { id: 'u-1001', name: 'Ada Lovelace', role: 'admin' },
  { id: 'u-1002', name: 'Grace Hopper', role: 'user' },
  { id: 'u-1003', name: 'Alan Turing', role: 'user' },
] as const

export interface SecureServerOptions {
  /** Where `write_file` may write: absolute, canonical, existing. */
  readonly root: string
  /** Milliseconds since the epoch. */
  readonly clock: () => number
}

const answer = (text: string): CallToolResult => ({ content: [{ type: 'text', text }] })
const refuse = (text: string): CallToolResult => ({ content: [{ type: 'text', text }], isError: true })

function addReaders(server: McpServer, clock: () => number): void {
  server.registerTool(
    'get_weather',
    {
      description: `The usual temperature of this month in one of: ${CITIES.join(', ')}.`,
      inputSchema: z.object({ city: z.string().max(64) }),
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    ({ city }) => {
      const celsius = meanTemperature(city, clock())
      if (celsius === undefined) return refuse(`No such city. Known: ${CITIES.join(', ')}.`)
      return answer(`${city}: ${celsius} °C on an average day of this month.`)
    },
  )
  server.registerTool(
    'get_time',
    {
      description: 'The time now, in UTC or in an IANA time zone.',
      inputSchema: z.object({ timezone: z.string().max(64).default('UTC') }),
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    ({ timezone }) => {
      try {
        const format = new Intl.DateTimeFormat('sv-SE', { timeZone: timezone, dateStyle: 'short', timeStyle: 'medium' })
        return answer(`${format.format(clock())} ${timezone}`)
      } catch {
        return refuse('No such time zone.')
      }
    },
  )
  server.registerTool(
    'list_users',
    { description: 'The people who use this system.', annotations: { readOnlyHint: true, openWorldHint: false } },
    () => answer(JSON.stringify(USERS)),
  )
  server.registerTool(
    'echo',
    {
      description: 'Says the same again.',
      inputSchema: z.object({ text: z.string().max(ECHO_MAX_CHARS) }),
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    ({ text }) => answer(text),
  )
}

/** A new instance: SDK hosts want one for each connection or request. */
export function createSecureServer({ root, clock }: SecureServerOptions): McpServer {
  const server = new McpServer({ name: 'secure-server', version: '1.0.0' }, { capabilities: { tools: {} } })
  addReaders(server, clock)
  server.registerTool(
    'write_file',
    {
      description: `Writes a text of at most ${FILE_MAX_BYTES} bytes to a file below the notes folder.`,
      inputSchema: z.object({ path: z.string().min(1).max(1024), content: z.string().max(FILE_MAX_BYTES) }),
      annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
    },
    async ({ path, content }) => {
      try {
        return answer(`Wrote ${await writeBelow(root, path, content)} bytes to ${path}.`)
      } catch (error) {
        if (error instanceof WriteRefused) return refuse(error.message)
        console.error(error)
        return refuse('The file could not be written.')
      }
    },
  )
  return server
}
