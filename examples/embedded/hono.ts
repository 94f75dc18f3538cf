/** The SDK's stock handler, guarded as what it is, from `Request` to `Response`, in a Hono application. */
import { serve } from '@hono/node-server'
import { getConnInfo } from '@hono/node-server/conninfo'
import { createMcpHandler } from '@modelcontextprotocol/server'
import { Hono } from 'hono'
import { createGuard, guardFetch } from '../../src/index.ts' // in your project: from 'portcullis'
import { createSecureServer } from '../secure-server/server.ts'
import { world } from './world.ts'

const guard = createGuard(`${import.meta.dirname}/portcullis.yaml`)
const guarded = guardFetch(
  guard,
  createMcpHandler(() => createSecureServer(world)),
  { server: 'secure' },
)

const app = new Hono()
for (const path of ['/mcp', '/.well-known/oauth-protected-resource/*'])
  app.all(path, (context) => guarded(context.req.raw, getConnInfo(context).remote)) // who guesses keys is known by address
app.get('/', (context) => context.text('secure server'))

const { port, host } = guard.listen
const server = serve({ fetch: app.fetch, port, hostname: host }, ({ port: bound }) => console.log(`http://${host}:${bound}/mcp`))
process.once('SIGTERM', async () => {
  server.close() // nobody new comes
  await guard.close() // what is under way is answered
})
