/** Guarded in five lines, on node:http: one long-lived server for all callers, in both eras. `node node-http.ts`, then http://127.0.0.1:3000/mcp. */
import { createGuard, guardServer } from '../../src/index.ts' // in your project: from 'portcullis'
import { createSecureServer } from '../secure-server/server.ts'
import { world } from './world.ts'

const guard = createGuard(`${import.meta.dirname}/portcullis.yaml`)
const served = guardServer(guard, createSecureServer(world), { server: 'secure' })
console.log(await served.listen())
process.once('SIGTERM', () => void guard.close())
