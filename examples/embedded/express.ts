/** The same in an Express application, beside its other routes. Nothing in front of the guard may read the body. */
import express from 'express'
import { createGuard, guardServer } from '../../src/index.ts' // in your project: from 'portcullis'
import { createSecureServer } from '../secure-server/server.ts'
import { world } from './world.ts'

const guard = createGuard(`${import.meta.dirname}/portcullis.yaml`)
const served = guardServer(guard, createSecureServer(world), { server: 'secure' })

const app = express()
app.use(['/mcp', '/.well-known/oauth-protected-resource'], served.listener)
app.get('/', (_request, response) => void response.send('secure server'))

const { port, host } = guard.listen
const server = app.listen(port, host, () => {
  const address = server.address()
  console.log(`http://${host}:${typeof address === 'object' ? address?.port : port}/mcp`)
})
process.once('SIGTERM', async () => {
  server.close() // nobody new comes
  await guard.close() // what is under way is answered
})
