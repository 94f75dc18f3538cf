/** A sandbox that runs: it is told what it is to be, says how far it has come, is watched, and is ended as a whole. */
import type { ChildProcess, StdioOptions } from 'node:child_process'
import { Server, Socket } from 'node:net'
import type { Alarm, Schedule } from '../bridge/alarm.ts'
import { HATCH_CHANNEL } from './hatch.ts'
import type { Confinement } from './sandbox.ts'
import { childrenOf, watchSandbox } from './watch.ts'

/** What bubblewrap says of itself is two short lines. */
const STATUS_MAX_CHARS = 4096

/** Standard input, output and error; options, filter, status; where there is a way out, the channel on which its port comes, and the program that opens it. */
export function streamsOf({ hatch }: Confinement): StdioOptions {
  const streams = Array<'pipe'>(HATCH_CHANNEL).fill('pipe')
  return hatch === undefined ? streams : [...streams, 'ipc', 'pipe']
}

export class Confined {
  /** It was made, and what ran in it has ended by itself. */
  hasRun = false
  readonly #confinement: Confinement
  readonly #schedule: Schedule
  readonly #onOver: (what: string) => void
  #pid: number | undefined
  #watch: Alarm | undefined
  #status = ''
  #closePort: () => void = () => undefined

  constructor(confinement: Confinement, spawned: ChildProcess, schedule: Schedule, onOver: (what: string) => void) {
    this.#confinement = confinement
    this.#schedule = schedule
    this.#onOver = onOver
    const [, , , options, filter, status, , program] = spawned.stdio as readonly unknown[]
    if (!(options instanceof Socket && filter instanceof Socket && status instanceof Socket)) return
    // A pipe that breaks is an exit that has not been told yet.
    for (const stream of [options, filter, status]) stream.on('error', () => undefined)
    options.end(confinement.options)
    filter.end(confinement.filter)
    status.setEncoding('latin1').on('data', (text: string) => this.#read(text))
    if (program instanceof Socket) this.#openPort(program, spawned)
  }

  /** SIGTERM to what runs in it. */
  terminate(): void {
    for (const pid of this.#pid === undefined ? [] : childrenOf(this.#pid)) kill(pid, 'SIGTERM')
  }

  /** The kernel ends all that is in it with its first process. */
  kill(): void {
    if (this.#pid !== undefined) kill(this.#pid, 'SIGKILL')
  }

  /** It has ended: its numbers may be somebody else's now. */
  close(): void {
    this.#watch?.close()
    this.#closePort()
    this.#pid = undefined
  }

  /** The port comes before the server runs, and whoever connects until it is here waits in its backlog. */
  #openPort(program: Socket, spawned: ChildProcess): void {
    const { hatch = Buffer.alloc(0), egress } = this.#confinement
    program.on('error', () => undefined).end(hatch)
    spawned.once('message', (_message, port) => {
      // There is one, and whoever holds the other end has gone: nothing that runs in there can say anything here.
      spawned.disconnect()
      if (egress !== undefined && port instanceof Server) this.#closePort = egress(port)
    })
  }

  /** `--json-status-fd`: `{ "child-pid": 5, …}` when it begins, `{ "exit-code": 0 }` when it was made and has ended. */
  #read(text: string): void {
    this.#status = (this.#status + text).slice(-STATUS_MAX_CHARS)
    this.hasRun ||= /"exit-code": *\d/.test(this.#status)
    const pid = /"child-pid": *(\d+)/.exec(this.#status)?.[1]
    if (pid === undefined || this.#watch !== undefined) return
    this.#pid = Number(pid)
    this.#watch = watchSandbox(this.#pid, this.#confinement, this.#schedule, this.#onOver)
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // ESRCH: it has ended.
  }
}
