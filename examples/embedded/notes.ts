/** The server of these examples, on SDK v2: notes, kept apart by who asks. */
import { McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod'
import { audit, currentPrincipal } from '../../src/index.ts'

const NOTE_MAX_CHARS = 4096
/** More than that, and the oldest owner's notes give way. */
const OWNERS_MAX = 1000

/** By `issuer#subject`: a subject alone is unique only with its issuer. */
export const notes = new Map<string, string>()

export function nameOfCaller(): string {
  const { issuer, subject } = currentPrincipal()
  return `${issuer}#${subject}`
}

export function keep(owner: string, text: string): void {
  notes.delete(owner)
  notes.set(owner, text)
  const [oldest] = notes.keys()
  if (notes.size > OWNERS_MAX && oldest !== undefined) notes.delete(oldest)
}

export function createNotesServer(): McpServer {
  const server = new McpServer({ name: 'notes', version: '1.0.0' }, { capabilities: { tools: {} } })
  server.registerTool('read_note', { description: 'What you have written.', annotations: { readOnlyHint: true } }, () => ({
    content: [{ type: 'text', text: notes.get(nameOfCaller()) ?? '' }],
  }))
  server.registerTool(
    'write_note',
    { description: 'Writes your note anew.', inputSchema: z.object({ text: z.string().max(NOTE_MAX_CHARS) }) },
    async ({ text }) => {
      keep(nameOfCaller(), text)
      await audit(`${text.length} characters`)
      return { content: [{ type: 'text', text: 'written' }] }
    },
  )
  return server
}
