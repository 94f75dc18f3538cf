/** A server as a child of ours: started without a shell and with a clean environment, spoken to in lines, ended with everything it started. */
import { isUtf8 } from 'node:buffer'
import { type ChildProcess, spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import type { Alarm, Schedule } from '../bridge/alarm.ts'
import { Confined, streamsOf } from './confined.ts'
import { LineReader } from './lines.ts'
import { confine, type SandboxSpec } from './sandbox.ts'

/** The names a child inherits; everything else of our environment stays with us (ST-14). */
const INHERITED = ['PATH', 'HOME', 'LANG', 'TMPDIR'] as const
/** After its stdin was closed a server has this long to end by itself (stdio "Shutdown"). */
export const STDIN_GRACE_MS = 2_000
/** Then it gets SIGTERM, and this long again before SIGKILL. */
export const TERM_GRACE_MS = 2_000
/** After the end, this long for what is still in its pipe to be read. */
const DRAIN_MS = 250
/** Unsent bytes at which a child counts as stuck and takes no more requests. */
const BACKLOG_MAX_BYTES = 16 * 1024 * 1024

/** Of what a child says first, as much may stand in an event. */
const FIRST_TEXT_MAX_BYTES = 256

/** Where lines go. */
export interface Wire {
  send(line: string): void
  /** It does not read what it is sent. */
  readonly isStuck: boolean
  close(): Promise<void>
}

export interface ChildSpec {
  /** Program and arguments, passed as they are: there is no shell. Never a secret: arguments are visible to every user. */
  readonly command: readonly string[]
  readonly cwd?: string
  readonly env: Readonly<Record<string, string>>
  /** Absent: it may do whatever we may. */
  readonly sandbox?: SandboxSpec
  /** A longer line is skipped. */
  readonly maxLineBytes: number
}

export interface ChildHandlers {
  /** One line, parsed; not yet known to be a message. */
  onValue(value: unknown, bytes: number): void
  /** A line that is no JSON. */
  onNoise(): void
  /** A line over the cap was skipped; `id` is the number in its first or last `"id"`, if there is one. */
  onTooLong(id: number | undefined): void
  onText(chunk: Buffer): void
  /** It went over a bound of its sandbox and is ended. */
  onOver(what: string): void
  /** Called once, after the last value. `wanted`: we closed it. */
  onExit(reason: string, wanted: boolean): void
}

interface Pipes {
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
}

/** Children alive, so that none outlives the gateway. */
const LIVE = new Set<Child>()
/** SIGKILL, at once, to every server of this process and all that it started. */
export function killChildren(): void {
  for (const child of LIVE) child.kill()
}

export class Child implements Wire {
  readonly #handlers: ChildHandlers
  readonly #schedule: Schedule
  readonly #spawned: ChildProcess
  readonly #pipes: Pipes
  readonly #confined: Confined | undefined
  readonly #scratch: string | undefined
  #lines: string[] = []
  #unsent = 0
  #isWanted = false
  #exited = false
  #isUnmade = false
  #reason = ''
  /** What it says first to stderr: where there is no sandbox, why. */
  #firstText: string | undefined
  readonly #ended: Promise<void>
  #settle: () => void = () => {}

  /** Starts it. A failure to start is an exit. @throws Fault `FAULT_SANDBOX` when it cannot be had: then nothing was started. */
  constructor(spec: ChildSpec, environment: Readonly<Record<string, string | undefined>>, handlers: ChildHandlers, schedule: Schedule) {
    this.#handlers = handlers
    this.#schedule = schedule
    this.#ended = new Promise((resolve) => {
      this.#settle = resolve
    })
    const env = environmentOf(spec, environment)
    const launch = spec.sandbox === undefined ? undefined : confine({ ...spec, env }, spec.sandbox)
    const [program = '', ...rest] = launch?.command ?? spec.command
    this.#spawned = spawn(program, rest, {
      ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
      env: launch?.env ?? env,
      stdio: launch?.confinement === undefined ? 'pipe' : streamsOf(launch.confinement),
      // A group of its own, so that it can be ended together with all that it started.
      detached: true,
      shell: false,
      windowsHide: true,
    })
    this.#pipes = pipesOf(this.#spawned)
    this.#scratch = launch?.scratch
    if (launch?.confinement !== undefined)
      this.#confined = new Confined(launch.confinement, this.#spawned, schedule, (what) => this.#over(what))
    this.#listen(spec)
    if (LIVE.size === 0) process.on('exit', killChildren)
    LIVE.add(this)
  }

  get pid(): number | undefined {
    return this.#spawned.pid
  }

  /** It has ended before it began: there is no such program, or no sandbox for it. */
  get isUnmade(): boolean {
    return this.#isUnmade
  }

  /** It does not read what it is sent: nothing more should be asked of it. */
  get isStuck(): boolean {
    return this.#unsent + this.#pipes.stdin.writableLength > BACKLOG_MAX_BYTES
  }

  /** Sends one line, without its end. Lines of one turn of the event loop go out in one write. */
  send(line: string): void {
    if (this.#exited || this.#isWanted) return
    this.#unsent += line.length
    if (this.#lines.push(line) === 1) setImmediate(this.#flush)
  }

  /** Ends it: closes its stdin, waits, SIGTERM, waits, SIGKILL; in each case for the whole group. Resolves when it is gone. */
  close(): Promise<void> {
    if (this.#isWanted || this.#exited) return this.#ended
    this.#flush()
    this.#isWanted = true
    this.#pipes.stdin.end()
    const alarm: Alarm = this.#schedule(() => {
      if (this.#confined === undefined) this.#signal('SIGTERM')
      else this.#confined.terminate()
      const last = this.#schedule(() => this.kill(), TERM_GRACE_MS)
      void this.#ended.then(() => last.close())
    }, STDIN_GRACE_MS)
    return this.#ended.then(() => void alarm.close())
  }

  /** SIGKILL, at once, to the whole group. */
  kill(): void {
    this.#confined?.kill()
    this.#signal('SIGKILL')
  }

  readonly #flush = (): void => {
    if (this.#lines.length === 0) return
    const text = `${this.#lines.join('\n')}\n`
    this.#lines = []
    this.#unsent = 0
    if (this.#pipes.stdin.writable) this.#pipes.stdin.write(text)
  }

  #listen({ command: [program = ''], maxLineBytes }: ChildSpec): void {
    const { stdin, stdout, stderr } = this.#pipes
    const reader = new LineReader(maxLineBytes, {
      onLine: (line) => this.#parse(line),
      onTooLong: (head, tail) => this.#handlers.onTooLong(idAtEdge(head, tail)),
      onEndless: () => {
        this.#reason = 'a line without end'
        this.kill()
      },
    })
    stdout.on('data', (chunk: Buffer) => reader.read(chunk))
    stderr.on('data', (chunk: Buffer) => {
      this.#firstText ??= chunk.toString('utf8', 0, FIRST_TEXT_MAX_BYTES)
      this.#handlers.onText(chunk)
    })
    // A pipe that breaks is an exit that has not been told yet; without a listener it would be our end.
    for (const stream of [stdin, stdout, stderr]) stream.on('error', () => undefined)
    this.#spawned.on('error', (error: NodeJS.ErrnoException) => {
      if (this.#spawned.pid !== undefined) return
      this.#isUnmade = true
      this.#finish(`${program} cannot be started: ${error.code ?? error.name}`)
    })
    this.#spawned.on('exit', (code, signal) => {
      const how = signal === null ? this.#howEnded(code) : `signal ${signal}`
      // The leader is gone; what it started may still hold the pipe.
      this.kill()
      const reason = this.#reason === '' ? how : this.#reason
      const late = this.#schedule(() => this.#finish(reason), DRAIN_MS)
      this.#spawned.on('close', () => {
        late.close()
        this.#finish(reason)
      })
    })
  }

  #howEnded(code: number | null): string {
    // Without its exit code there has not been a sandbox that it could have ended in.
    this.#isUnmade = this.#confined?.hasRun === false && code !== 0 && !this.#isWanted
    return this.#isUnmade ? `the sandbox could not be made: ${this.#firstText?.trim() ?? `exit code ${code}`}` : `exit code ${code}`
  }

  #over(what: string): void {
    this.#reason = what
    this.#handlers.onOver(what)
    this.kill()
  }

  #parse(line: Buffer): void {
    let value: unknown
    try {
      if (!isUtf8(line)) throw new SyntaxError('not UTF-8')
      value = JSON.parse(line.toString('utf8'))
    } catch {
      this.#handlers.onNoise()
      return
    }
    this.#handlers.onValue(value, line.length)
  }

  #finish(reason: string): void {
    if (this.#exited) return
    this.#exited = true
    LIVE.delete(this)
    if (LIVE.size === 0) process.off('exit', killChildren)
    this.#confined?.close()
    if (this.#scratch !== undefined) rmSync(this.#scratch, { recursive: true, force: true })
    this.#lines = []
    const { stdin, stdout, stderr } = this.#pipes
    for (const stream of [stdin, stdout, stderr]) stream.destroy()
    this.#handlers.onExit(reason, this.#isWanted)
    this.#settle()
  }

  #signal(signal: NodeJS.Signals): void {
    const pid = this.#spawned.pid
    if (pid === undefined) return
    try {
      process.kill(-pid, signal)
    } catch {
      // ESRCH: nobody of the group is left.
    }
  }
}

function pipesOf({ stdin, stdout, stderr }: ChildProcess): Pipes {
  if (stdin === null || stdout === null || stderr === null) throw new TypeError('a child without pipes')
  return { stdin, stdout, stderr }
}

function environmentOf(spec: ChildSpec, environment: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const env: Record<string, string> = {}
  for (const name of INHERITED) {
    const value = environment[name]
    if (value !== undefined) env[name] = value
  }
  return { ...env, ...spec.env }
}

/** Writers put `id` first or last; there it is certainly the message's own: no brace stands between it and the outermost one. */
function idAtEdge(head: string, tail: string): number | undefined {
  const match = /^\{(?:"jsonrpc":"2\.0",)?"id":(\d{1,15}),/.exec(head) ?? /,"id":(\d{1,15})\}\s*$/.exec(tail)
  return match?.[1] === undefined ? undefined : Number(match[1])
}
