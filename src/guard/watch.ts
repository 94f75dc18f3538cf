/** Files are read again when they change: the law (`access:` and the policies) whole or not at all, and with it who is turned away, without a restart. */
import { glob, stat } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import type { Config } from '../config/config.ts'
import { differing } from '../config/sections.ts'
import { Denial, Fault } from '../core/denial.ts'
import { blockEntry, unblockEntry } from '../limit/blocks.ts'
import type { House } from './create.ts'
import { doubtfulPolicies } from './law.ts'

/** How often files are looked at. What was written is read once two looks have seen the same: editors write a file in several steps. */
const LOOK_MS = 500
/** An entry of a folder that a pattern leads through takes some 20 µs: a large tree is looked through less often, so that looking takes two hundredths of the time at most. */
const ENTRY_MS = 1

export interface LawOptions {
  /** Told of a law that was not taken (the one before stays in force), and of what is law now and may not be what was meant. */
  readonly onFault: (fault: Fault) => void
  /** Told in a sentence that another law is in force. */
  readonly onLaw?: (sentence: string) => void
  /** Reads the configuration again, so that its `access:` is law as soon as it is written, and its `limits.block` holds. Absent: the policies alone are read again. */
  readonly reread?: ((before: Config) => Config) | undefined
}

export interface Watcher {
  /** Reads the law again now. Answers whether all of it is in force. */
  reload(): Promise<boolean>
  close(): void
}

export function watchLaw(house: House, { onFault, onLaw, reread }: LawOptions): Watcher {
  const { config, law, journal, access, enact, approvals } = house
  let written = config
  let isRefused = false
  let told = { restart: '', empty: emptyOf(config) }

  const tell = (next: typeof told): void => {
    if (next.restart !== '' && next.restart !== told.restart)
      onFault(new Fault('FAULT_CONFIG', `${next.restart}: written otherwise than it runs; restart to have it in force`))
    if (next.empty !== '' && next.empty !== told.empty) onFault(new Fault('FAULT_POLICY', `access.policies: ${next.empty}`))
    told = next
  }
  const read = async (): Promise<boolean> => {
    const before = law.revision
    try {
      written = reread?.(written) ?? written
      enact(written.access)
    } catch (error) {
      isRefused = true
      const { code, message } = error instanceof Fault ? error : new Fault('FAULT_POLICY', Denial.from(error).detail, { cause: error })
      onFault(new Fault(code, `${message}; not taken, the law before stays in force, revision ${before}`))
      await journal.write({ type: 'policy.rejected', law: before, detail: message })
      return false
    }
    await block(house, written.limits.rates.block)
    tell({ restart: differing(config.sections, written.sections).join(', '), empty: emptyOf(written) })
    if (law.revision !== before) onLaw?.(`another law is in force, revision ${law.revision}`)
    else if (isRefused) onLaw?.(`what is written is the law in force again, revision ${before}`)
    isRefused = false
    if (law.revision === before) return true
    await approvals.enacted(law.revision, before).catch((error: unknown) => onFault(new Fault('FAULT_STORE', Denial.from(error).detail)))
    await journal.write({ type: 'policy.loaded', law: law.revision, detail: `was ${before}` })
    return true
  }
  const reload = (): Promise<boolean> => {
    // Who asks is told again what is still so.
    told = { restart: '', empty: '' }
    return read()
  }
  const own = reread === undefined || config.file === undefined ? [] : [config.file]
  // Also what was written and not taken: it may be mended where it is wrong.
  const files = (): readonly string[] => [...new Set([...own, ...access().policies, ...written.access.policies])]
  return { reload, close: watchFiles(files, { reload: read, onFault }) }
}

/** First the deed: a journal that is away must not leave the door open. */
async function block({ limits: { blocks }, journal }: House, next: readonly string[]): Promise<void> {
  const before = blocks.fixed
  blocks.fix(next)
  for (const cidr of blocks.fixed) if (!before.includes(cidr)) await journal.write(blockEntry(cidr, undefined, 'limits.block'))
  for (const cidr of before) if (!blocks.fixed.includes(cidr)) await journal.write(unblockEntry(cidr, 'limits.block'))
}

function emptyOf(config: Config): string {
  return doubtfulPolicies(config)
    .map(({ told }) => told)
    .join(', ')
}

export interface Watching {
  /** What is done when something has changed and nothing changes any more; and once at the start, because nobody looked before. */
  readonly reload: () => Promise<unknown>
  readonly onFault: (fault: Fault) => void
}

/**
 * Looks at files by their paths, again and again: what the system tells of changes, it tells of the folder that was there at first, whatever stands at
 * its path by now, and of folders elsewhere it tells nothing.
 * @param files paths, or patterns of them.
 * @returns what ends it.
 */
export function watchFiles(files: () => readonly string[], { reload, onFault }: Watching): () => void {
  const stop = new AbortController()
  const look = async (): Promise<void> => {
    let seen: string | undefined
    let isDue = false
    while (!stop.signal.aborted) {
      const { now, entries } = await fingerprintOf(files()).catch(() => NOTHING)
      if (now !== seen) isDue = true
      else if (isDue && !stop.signal.aborted) {
        isDue = false
        await reload().catch((error: unknown) => onFault(new Fault('FAULT_STORE', Denial.from(error).detail)))
      }
      seen = now
      await wait(LOOK_MS + entries * ENTRY_MS, undefined, { ref: false, signal: stop.signal })
    }
  }
  // It ends by being stopped, and by nothing else.
  look().catch(() => undefined)
  return () => stop.abort()
}

interface Fingerprint {
  readonly now: string
  /** How many entries of folders were looked at. */
  readonly entries: number
}

const NOTHING: Fingerprint = { now: 'nothing that can be read', entries: 0 }

/** Which files there are, and what changes when one is written, replaced, or reached by another link. */
async function fingerprintOf(patterns: readonly string[]): Promise<Fingerprint> {
  let entries = 0
  const exclude = (): boolean => {
    entries++
    return false
  }
  const lines: string[] = []
  for (const pattern of patterns) {
    const itself = await lineOf(pattern)
    if (itself !== undefined) lines.push(itself)
    else for await (const path of glob(pattern, { exclude })) lines.push((await lineOf(path)) ?? path)
  }
  return { now: lines.sort().join('\n'), entries }
}

async function lineOf(path: string): Promise<string | undefined> {
  const found = await stat(path, { bigint: true }).catch(() => undefined)
  return found && `${path} ${found.dev} ${found.ino} ${found.size} ${found.mtimeNs} ${found.ctimeNs}`
}
