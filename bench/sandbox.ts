/** What a sandbox costs: a server's start to its first answer, and a call over its pipes, beside the same server without one. */
import { join } from 'node:path'
import { systemSchedule } from '../src/bridge/alarm.ts'
import { Child } from '../src/upstream/child.ts'
import { Egress } from '../src/upstream/egress.ts'
import type { SandboxSpec } from '../src/upstream/sandbox.ts'
import { type Confined, median } from './report.ts'
import { BODY } from './variants.ts'

const MIB = 1024 * 1024

interface Variant {
  readonly name: string
  readonly sandbox?: SandboxSpec
  readonly env?: Readonly<Record<string, string>>
}

interface Started {
  readonly child: Child
  ask(): Promise<unknown>
}

const SERVERS = join(import.meta.dirname, 'servers')
const SANDBOX: SandboxSpec = {
  read: [SERVERS],
  write: [],
  network: 'none',
  memoryBytes: 256 * MIB,
  processes: 64,
  files: 256,
  hidden: [],
}

function start({ sandbox, env = {} }: Variant): Started {
  let answered: (value: unknown) => void = () => undefined
  const spec = {
    command: [process.execPath, join(SERVERS, 'stdio-upstream.ts')],
    env,
    maxLineBytes: MIB,
    ...(sandbox === undefined ? {} : { sandbox }),
  }
  const handlers = {
    onValue: (value: unknown) => answered(value),
    onNoise: () => undefined,
    onTooLong: () => undefined,
    onText: (chunk: Buffer) => void process.stderr.write(chunk),
    onOver: () => undefined,
    onExit: () => undefined,
  }
  const child = new Child(spec, { PATH: process.env['PATH'] }, handlers, systemSchedule)
  return {
    child,
    ask: () =>
      new Promise((resolve) => {
        answered = resolve
        child.send(BODY)
      }),
  }
}

interface Measured {
  readonly startMs: number
  readonly callUs: number
}

async function measure(variant: Variant, calls: number): Promise<Measured> {
  const startedAt = performance.now()
  const { child, ask } = start(variant)
  await ask()
  const startMs = performance.now() - startedAt
  const spans: number[] = []
  for (let call = 0; call < calls; call++) {
    const askedAt = performance.now()
    await ask()
    spans.push(performance.now() - askedAt)
  }
  await child.close()
  return { startMs, callUs: median(spans) * 1_000 }
}

/** Every round visits all, and begins with another one each time. */
export async function measureSandbox(quick: boolean): Promise<readonly Confined[]> {
  const egress = new Egress({ hosts: ['example.com'], clock: Date.now, onRefused: () => undefined })
  const withHosts = { ...SANDBOX, egress: egress.serve }
  const variants: readonly Variant[] = [
    { name: 'no sandbox' },
    { name: 'sandbox', sandbox: SANDBOX },
    // What a server in another language pays; then what Node.js adds, which loads its HTTP client at once when it is told of a proxy.
    { name: 'sandbox with hosts', sandbox: withHosts, env: { NODE_USE_ENV_PROXY: '0' } },
    { name: '  and Node.js with its proxy', sandbox: withHosts },
  ]
  const rounds: Measured[][] = []
  for (let round = 0; round < (quick ? 7 : 21); round++) {
    const measured: Measured[] = []
    for (let turn = 0; turn < variants.length; turn++) {
      const index = (round + turn) % variants.length
      measured[index] = await measure(variants[index] ?? { name: '' }, quick ? 300 : 2_000)
    }
    rounds.push(measured)
  }
  egress.close()
  const of = (index: number, read: (one: Measured, base: Measured) => number): number =>
    median(rounds.map((round) => (round[index] === undefined || round[0] === undefined ? Number.NaN : read(round[index], round[0]))))
  return variants.map(({ name }, index) => ({
    name,
    startMs: of(index, ({ startMs }) => startMs),
    addedMs: of(index, ({ startMs }, base) => startMs - base.startMs),
    callUs: of(index, ({ callUs }) => callUs),
  }))
}
