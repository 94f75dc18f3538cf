/** Over stdio nothing is skipped: who starts this puts a key into its environment, `MCP_API_KEY`. */
import { createGuard, guardServer } from '../../src/index.ts' // in your project: from 'portcullis'
import { createNotesServer } from './notes.ts'

const guard = createGuard(`${import.meta.dirname}/portcullis.yaml`)
await guardServer(guard, createNotesServer(), { server: 'notes' }).serveStdio()
await guard.close()
