/** The example server with the guard in its process: `node guarded.ts --config portcullis.yaml --root ./notes [--stdio]`. Without it: main.ts. */
import { mkdir, realpath } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { createGuard, guardServer } from '../../src/index.ts' // in your project: from 'portcullis'
import { createSecureServer } from './server.ts'

const { values } = parseArgs({
  options: {
    config: { type: 'string', default: 'portcullis.yaml' },
    root: { type: 'string', default: './notes' },
    stdio: { type: 'boolean', default: false },
  },
})
await mkdir(values.root, { recursive: true })
const root = await realpath(values.root)
const guard = createGuard(values.config)
const served = guardServer(guard, createSecureServer({ root, clock: Date.now }), { server: 'secure' })
if (values.stdio) {
  await served.serveStdio()
  await guard.close()
} else {
  console.log(await served.listen())
  process.once('SIGTERM', () => void guard.close())
}
