/** A sandbox that runs: it is told what it is to be, says how far it has come, is watched, and is ended as a whole. */
import { Socket } from 'node:net'
import type { Alarm, Schedule } from '../bridge/alarm.ts'
import type { Confinement } from './sandbox.ts'
import { childrenOf, watchSandbox } from './watch.ts'

/** What bubblewrap says of itself is two short lines. */
const STATUS_MAX_CHARS = 4096

export class Confined {
  /** It was made, and what ran in it has ended by itself. */
  hasRun = false
  readonly #confinement: Confinement
  readonly #schedule: Schedule
  readonly #onOver: (what: string) => void
  #pid: number | undefined
  #watch: Alarm | undefined
  #status = ''

  /** @param streams the child's descriptors from 3 on: options, filter, status. */
  constructor(confinement: Confinement, streams: readonly unknown[], schedule: Schedule, onOver: (what: string) => void) {
    this.#confinement = confinement
    this.#schedule = schedule
    this.#onOver = onOver
    const [options, filter, status] = streams
    if (!(options instanceof Socket && filter instanceof Socket && status instanceof Socket)) return
    // A pipe that breaks is an exit that has not been told yet.
    for (const stream of [options, filter, status]) stream.on('error', () => undefined)
    options.end(confinement.options)
    filter.end(confinement.filter)
    status.setEncoding('latin1').on('data', (text: string) => this.#read(text))
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
    this.#pid = undefined
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
