/** One installation on SQLite, and on one Redis with one, two and three replicas. */
import { join } from 'node:path'
import { createClient } from '@redis/client'
import { freePort, type Load, start, startServer, which } from './children.ts'
import { startIssuer } from './issuer.ts'
import {
  BENCH_ACCESS,
  BODY,
  build,
  CLI,
  configure,
  HEADERS,
  LIMITS,
  type Setting,
  type Stack,
  scratch,
  settle,
  tokenFor,
  type Variant,
  variant,
} from './variants.ts'

const REPLICAS = [1, 2, 3]
const CREATE_KEY = 'keys create --name bench --role bench'.split(' ')

/** Long enough for what was charged ahead to be over. */
const IDLE_MS = 5_050
/** Out of step with the half seconds in which logs are looked at. */
const STEP_MS = 130
const LONE_CALLS = 21
const FRESH = 5

type Headers = Readonly<Record<string, string>>
type Counts = Omit<Lone, 'name'>

/** What Redis is asked for a call that is alone: medians. */
export interface Lone {
  readonly name: string
  readonly commands: number
  readonly roundTrips: number
}

export interface Replicated extends Setting {
  /** What a caller costs who has just called, and one who has not for a while. */
  lone(idleCalls: number): Promise<readonly Lone[]>
  /** What Redis was asked so far. */
  asked(): Promise<{ readonly commands: number; readonly reads: number }>
}

interface Gateway {
  readonly port: number
  readonly pid: number
  readonly command: ReturnType<typeof configure>['command']
}

export function replicated(load: Load): Promise<Replicated> {
  return build(async (stack) => {
    const upstream = stack.keep(await startServer('http-upstream.ts'))
    const url = `http://127.0.0.1:${upstream.port}/mcp`
    const redis = await startRedis(stack)
    const issuer = stack.keep(await startIssuer())
    const authentication = {
      issuers: [{ issuer: issuer.url, allowPrivate: true, roles: { claim: 'roles', map: { bench: 'bench' } } }],
      oauth: { accessToken: '1h' },
    }
    const settings = { servers: { bench: { url } }, access: BENCH_ACCESS, limits: LIMITS, authentication }
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
    const setting = await settle(stack, load, variants)
    const resource = `http://127.0.0.1:${first.port}/mcp/bench`
    const machine = machineOf(first)
    const bearer = (token: string): Headers => ({ authorization: `Bearer ${token}` })
    const callers = {
      'an API key': async () => ({ 'x-api-key': String(first.command(CREATE_KEY)['key']) }),
      'a token of another issuer': async () => bearer(issuer.token('ES256', resource).text),
      'a token of our own server': async () => bearer(await tokenFor(machine)),
    }
    return { ...setting, asked: redis.asked, lone: (idleCalls) => measureLone(callers, resource, redis.asked, idleCalls) }
  })
}

function machineOf({ port, command }: Gateway): Parameters<typeof tokenFor>[0] {
  const url = `http://127.0.0.1:${port}`
  const machine = command('clients add --name machine --grant client-credentials --role bench'.split(' '))
  return { url, resource: `${url}/mcp/bench`, machine: { id: String(machine['id']), secret: String(machine['client_secret']) } }
}

async function measureLone(
  callers: Readonly<Record<string, () => Promise<Headers>>>,
  url: string,
  asked: Replicated['asked'],
  idleCalls: number,
): Promise<readonly Lone[]> {
  const once = async (headers: Headers): Promise<Counts> => {
    const before = await asked()
    const response = await fetch(url, { method: 'POST', headers: { ...HEADERS, ...headers }, body: BODY })
    await response.text()
    if (response.status !== 200) throw new Error(`a call alone: ${response.status}`)
    const after = await asked()
    // The question itself is one of them.
    return { commands: after.commands - before.commands - 1, roundTrips: after.reads - before.reads - 1 }
  }
  const rows: Lone[] = []
  for (const [name, fresh] of Object.entries(callers)) {
    const all: readonly Headers[] = await Promise.all(Array.from({ length: FRESH }, fresh))
    const [first = {}] = all
    const [news, again, idle]: readonly [Counts[], Counts[], Counts[]] = [[], [], []]
    for (const headers of all) news.push(await once(headers))
    for (let call = 0; call < LONE_CALLS; call++) again.push(await once(first))
    for (let call = 0; call < idleCalls; call++) {
      await new Promise((resolve) => setTimeout(resolve, IDLE_MS + call * STEP_MS))
      idle.push(await once(first))
    }
    rows.push({ name: `${name}, for the first time`, ...medians(news) })
    rows.push({ name: `${name}, again`, ...medians(again) }, { name: `${name}, after 5 s`, ...medians(idle) })
  }
  return rows
}

function medians(calls: readonly Counts[]): Counts {
  const median = (numbers: readonly number[]): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? 0
  return { commands: median(calls.map(({ commands }) => commands)), roundTrips: median(calls.map(({ roundTrips }) => roundTrips)) }
}

async function gatewayOn(stack: Stack, settings: object, isFirst = true): Promise<Gateway & { readonly key: string }> {
  const port = await freePort()
  const { folder, file, command } = configure(stack, { ...settings, listen: `127.0.0.1:${port}` })
  const key = isFirst ? String(command(CREATE_KEY)['key']) : ''
  const { pid } = stack.keep(start('portcullis', [process.execPath, CLI, 'serve', '-c', file], { cwd: folder }))
  return { port, pid, key, command }
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
