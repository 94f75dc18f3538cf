/** Starts and ends the processes that are measured, and reads what they cost. */
import { type ChildProcess, execFileSync, fork, type SpawnOptions, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { Job, Run } from './load.ts'

export const ROOT = join(import.meta.dirname, '..')
/** What does not answer by then will not. */
const START_MS = 20_000

export interface Child {
  readonly pid: number
  readonly process: ChildProcess
  end(): Promise<void>
}

function watch(child: ChildProcess, name: string): Child {
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  let isEnding = false
  child.once('exit', (code) => {
    if (!isEnding) console.error(`${name} ended by itself, code ${code}`)
  })
  return {
    pid: child.pid ?? 0,
    process: child,
    async end() {
      isEnding = true
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), 5_000)
      await exited
      clearTimeout(timer)
    },
  }
}

export function start(name: string, command: readonly string[], options: SpawnOptions = {}): Child {
  const [program = '', ...args] = command
  return watch(spawn(program, args, { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'], ...options }), name)
}

/** Starts one of `servers/`, which prints its port. */
export async function startServer(file: string, ...args: readonly string[]): Promise<Child & { readonly port: number }> {
  const child = start(file, [process.execPath, join(import.meta.dirname, 'servers', file), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const port = await new Promise<number>((resolve, reject) => {
    child.process.stdout?.once('data', (chunk: Buffer) => resolve(Number(chunk.toString())))
    child.process.once('exit', () => reject(new Error(`${file} did not start`)))
  })
  return { ...child, port }
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => (typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no port'))))
    })
  })
}

/** Waits until a request is answered with a result. */
export async function waitFor(name: string, load: Load, job: Omit<Job, 'connections' | 'ms' | 'requests'>): Promise<void> {
  const giveUpAt = performance.now() + START_MS
  for (;;) {
    const run = await load.run({ ...job, connections: 1, ms: START_MS, requests: 1 })
    if (run.failed === 0) return
    if (performance.now() > giveUpAt) throw new Error(`${name} does not answer: ${run.failure}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

export interface Load {
  run(job: Job): Promise<Run>
  end(): Promise<void>
}

export function startLoad(): Load {
  const child = fork(join(import.meta.dirname, 'load.ts'))
  const { end } = watch(child, 'load.ts')
  return {
    run(job) {
      return new Promise((resolve, reject) => {
        const onExit = (): void => reject(new Error('the load generator ended'))
        child.once('exit', onExit)
        child.once('message', (run: Run) => {
          child.off('exit', onExit)
          resolve(run)
        })
        child.send(job)
      })
    },
    end,
  }
}

const procFile = (pid: number, file: string): string | undefined => {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1')
  } catch {
    return undefined
  }
}

function threadsOf(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    return []
  }
}

/** CPU time that a process has used, microseconds: to the nanosecond where the kernel says so of each thread. Undefined where there is no /proc. */
export function cpuUs(pid: number): number | undefined {
  const threads = threadsOf(pid).map((thread) => Number(procFile(pid, `task/${thread}/schedstat`)?.split(' ')[0]))
  if (threads.length > 0 && threads.every(Number.isFinite)) return threads.reduce((sum, ns) => sum + ns, 0) / 1000
  const text = procFile(pid, 'stat')
  if (text === undefined) return undefined
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  // utime and stime, in ticks of 10 ms (proc(5)).
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

/** Resident memory, MiB. */
export function residentMib(pid: number): number | undefined {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(procFile(pid, 'status') ?? '')
  return match === null ? undefined : Number(match[1]) / 1024
}

/** Where a program is, or undefined. */
export function which(program: string): string | undefined {
  for (const folder of (process.env['PATH'] ?? '').split(':').concat('/usr/sbin')) {
    try {
      execFileSync(join(folder, program), ['-v'], { stdio: 'ignore' })
      return join(folder, program)
    } catch {
      // Not here.
    }
  }
  return undefined
}
