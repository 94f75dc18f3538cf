/** A sandbox looked into from outside: what all of its processes take together, which no limit of the kernel on single processes holds. */
import { existsSync, readdirSync, readFileSync, statfsSync, statSync } from 'node:fs'
import type { Alarm, Schedule } from '../bridge/alarm.ts'

/** How far a server can go past its bounds before it is ended: what it can take in this time. */
const WATCH_EVERY_MS = 250
/** Files in /tmp: each takes memory of the kernel even when it is empty. */
const TMP_FILES_MAX = 65_536

export interface Bounds {
  readonly memoryBytes: number
  readonly processes: number
}

/**
 * @param pid the first process of the sandbox, as we see it.
 * @param onOver what went over which bound. Called once.
 */
export function watchSandbox(pid: number, bounds: Bounds, schedule: Schedule, onOver: (what: string) => void): Alarm {
  const alarm = schedule(() => {
    const over = findOver(pid, bounds)
    if (over === undefined) alarm.refresh()
    else if (over !== GONE) onOver(over)
  }, WATCH_EVERY_MS)
  return alarm
}

const GONE = 'gone'

function findOver(pid: number, bounds: Bounds): string | undefined {
  // The sandbox's own file system: its /proc lists its own processes and no other. Until it is made there is none, or still ours.
  const root = `/proc/${pid}/root`
  try {
    const inside = statSync(`${root}/proc`, { throwIfNoEntry: false })
    if (inside === undefined) return existsSync(`/proc/${pid}`) ? undefined : GONE
    return inside.dev === statSync('/proc').dev ? undefined : findOverIn(root, bounds)
  } catch {
    return existsSync(`/proc/${pid}`) ? 'out of sight' : GONE
  }
}

function findOverIn(root: string, { memoryBytes, processes }: Bounds): string | undefined {
  let bytes = 0
  let count = 0
  for (const name of readdirSync(`${root}/proc`)) {
    if (!/^\d+$/.test(name)) continue
    const { threads, anonymous } = statusOf(`${root}/proc/${name}/status`)
    count += threads
    bytes += anonymous
  }
  // First, for hundreds of processes take memory, too: then they are the reason.
  if (count > processes) return `over ${processes} processes and threads`
  if (bytes > memoryBytes) return `over ${memoryBytes} bytes of memory`
  const { files, ffree } = statfsSync(`${root}/tmp`)
  return files - ffree > TMP_FILES_MAX ? `over ${TMP_FILES_MAX} files in /tmp` : undefined
}

/** What is not backed by a file (proc_pid_status(5)): the programs and libraries themselves are shared with the rest of the machine. */
function statusOf(file: string): { readonly threads: number; readonly anonymous: number } {
  let text = ''
  try {
    text = readFileSync(file, 'latin1')
  } catch {
    // It has ended since.
  }
  const kib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0)
  const threads = Number(/^Threads:\s+(\d+)/m.exec(text)?.[1] ?? 0)
  return { threads, anonymous: (kib('RssAnon') + kib('RssShmem')) * 1024 }
}

/** The processes that the first one of a sandbox has started, as we see them: it passes no signal on. */
export function childrenOf(pid: number): readonly number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ').filter(Boolean).map(Number)
  } catch {
    return []
  }
}
