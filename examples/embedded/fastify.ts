/** The same in a Fastify application, beside its other routes. The guard reads bodies itself, so its routes stand in a scope without parsers. */
import Fastify from 'fastify'
import { createGuard, guardServer } from '../../src/index.ts' // in your project: from 'portcullis'
import { createSecureServer } from '../secure-server/server.ts'
import { world } from './world.ts'

const guard = createGuard(`${import.meta.dirname}/portcullis.yaml`)
const served = guardServer(guard, createSecureServer(world), { server: 'secure' })

const app = Fastify({ forceCloseConnections: 'idle', keepAliveTimeout: 5_000 })
app.register((scope) => {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('*', (_request, _payload, done) => done(null))
  for (const path of ['/mcp', '/.well-known/oauth-protected-resource/*'])
    scope.all(path, (request, reply) => {
      reply.hijack()
      served.listener(request.raw, reply.raw)
    })
})
app.get('/', () => 'secure server')

const { port, host } = guard.listen
console.log(`${await app.listen({ port, host })}/mcp`)
process.once('SIGTERM', async () => {
  const closed = app.close() // nobody new comes
  await guard.close() // what is under way is answered
  await closed
})
