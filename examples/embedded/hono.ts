/** The SDK's stock handler, guarded as what it is, from `Request` to `Response`, in a Hono application. */
import { serve } from '@hono/node-server'
import { createMcpHandler } from '@modelcontextprotocol/server'
import { Hono } from 'hono'
import { createGuard, guardFetch } from '../../src/index.ts' // in your project: from 'portcullis'
import { createNotesServer } from './notes.ts'

const guard = createGuard(`${import.meta.dirname}/portcullis.yaml`)
const guarded = guardFetch(guard, createMcpHandler(createNotesServer), { server: 'notes' })

const app = new Hono()
app.all('/mcp', (context) => guarded(context.req.raw))
app.all('/.well-known/oauth-protected-resource/*', (context) => guarded(context.req.raw))
app.get('/', (context) => context.text('notes'))

const { port, host } = guard.listen
const server = serve({ fetch: app.fetch, port, hostname: host }, ({ port: bound }) => console.log(`http://${host}:${bound}/mcp`))
process.once('SIGTERM', async () => {
  server.close() // nobody new comes
  await guard.close() // what is under way is answered
})
