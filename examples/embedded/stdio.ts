/** Over stdio nothing is skipped: who starts this puts a key into its environment, `MCP_API_KEY`. */
import { createGuard, guardServer } from '../../src/index.ts' // in your project: from 'portcullis'
import { createSecureServer } from '../secure-server/server.ts'
import { world } from './world.ts'

const guard = createGuard(`${import.meta.dirname}/portcullis.yaml`)
await guardServer(guard, createSecureServer(world), { server: 'secure' }).serveStdio()
await guard.close()
