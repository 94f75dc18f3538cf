/** One installation on SQLite, and on one Redis with one, two and three replicas. */
import { join } from 'node:path'
import { createClient } from '@redis/client'
import { freePort, type Load, start, startServer, which } from './children.ts'
import {
  BENCH_ACCESS,
  build,
  CLI,
  configure,
  LIMITS,
  type Setting,
  type Stack,
  scratch,
  settle,
  type Variant,
  variant,
} from './variants.ts'

const REPLICAS = [1, 2, 3]

export interface Replicated extends Setting {
  /** What Redis was asked so far. */
  asked(): Promise<{ readonly commands: number; readonly reads: number }>
}

interface Gateway {
  readonly port: number
  readonly pid: number
}

export function replicated(load: Load): Promise<Replicated> {
  return build(async (stack) => {
    const upstream = stack.keep(await startServer('http-upstream.ts'))
    const url = `http://127.0.0.1:${upstream.port}/mcp`
    const redis = await startRedis(stack)
    const settings = { servers: { bench: { url } }, access: BENCH_ACCESS, limits: LIMITS }
    const file = await gatewayOn(stack, settings)
    const shared = { ...settings, store: `redis://127.0.0.1:${redis.port}`, keyFile: join(scratch(stack), 'bench.key') }
    const first = await gatewayOn(stack, shared)
    const replicas: readonly Gateway[] = [first, await gatewayOn(stack, shared, false), await gatewayOn(stack, shared, false)]
    const variants: Variant[] = [variant('SQLite, one process', file.port, '/mcp/bench', file.pid, { 'x-api-key': file.key })]
    for (const count of REPLICAS) {
      const [lead, ...others] = replicas.slice(0, count)
      if (lead === undefined) continue
      const one = variant(`Redis, ${count} of 3 replicas`, lead.port, '/mcp/bench', lead.pid, { 'x-api-key': first.key })
      const ports = [lead, ...others].map(({ port }) => port)
      variants.push({ ...one, request: { ...one.request, ports }, others: others.map(({ pid }) => pid) })
    }
    return { ...(await settle(stack, load, variants)), asked: redis.asked }
  })
}

async function gatewayOn(stack: Stack, settings: object, isFirst = true): Promise<Gateway & { readonly key: string }> {
  const port = await freePort()
  const { folder, file, command } = configure(stack, { ...settings, listen: `127.0.0.1:${port}` })
  const key = isFirst ? String(command(['keys', 'create', '--name', 'bench', '--role', 'bench'])['key']) : ''
  const { pid } = stack.keep(start('portcullis', [process.execPath, CLI, 'serve', '-c', file], { cwd: folder }))
  return { port, pid, key }
}

/** Everything on its disk every second, as docs/storage.md advises. */
async function startRedis(stack: Stack): Promise<{ readonly port: number } & Pick<Replicated, 'asked'>> {
  const program = which('redis-server')
  if (program === undefined) throw new Error('redis-server is not installed: apt-get install redis-server')
  const port = await freePort()
  const folder = scratch(stack)
  stack.keep(
    start('redis', [
      program,
      '--port',
      String(port),
      '--dir',
      folder,
      '--save',
      '',
      '--appendonly',
      'yes',
      '--logfile',
      join(folder, 'log'),
    ]),
  )
  const client = createClient({ RESP: 2, socket: { port, reconnectStrategy: 100 } })
  client.on('error', () => undefined)
  await client.connect()
  stack.add(() => client.destroy())
  return {
    port,
    asked: async () => {
      const info = String(await client.sendCommand(['INFO', 'stats']))
      const countOf = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1])
      return { commands: countOf('total_commands_processed'), reads: countOf('total_reads_processed') }
    },
  }
}
