/** A gateway on the configuration of the quickstart, on a copy of its data. */
import { cp, mkdtemp, readFile, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { type GatewayProcess, startGateway } from '../fixtures/gateway-process.ts'

const EXAMPLES = join(import.meta.dirname, '../../examples')
const written = z.object({ access: z.record(z.string(), z.unknown()) })

export interface Quickstart {
  readonly gateway: GatewayProcess
  /** What the `files` server may show. */
  readonly data: string
  stop(): Promise<void>
}

export async function startQuickstart(): Promise<Quickstart> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'portcullis-quickstart-')))
  const data = join(folder, 'data')
  await cp(join(EXAMPLES, 'quickstart/data'), data, { recursive: true })
  const { access } = written.parse(parse(await readFile(join(EXAMPLES, 'quickstart/portcullis.yaml'), 'utf8')))
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true })
  try {
    const gateway = await startGateway({
      servers: {
        files: { command: ['mcp-server-filesystem', data] },
        secure: { command: ['node', join(EXAMPLES, 'secure-server/main.ts'), '--root', join(folder, 'notes')] },
      },
      access,
    })
    return {
      gateway,
      data,
      async stop() {
        await gateway.stop()
        await remove()
      },
    }
  } catch (error) {
    await remove()
    throw error
  }
}
