/** Files are read again when they change, and policies whole or not at all, without a restart. */
import { watch } from 'node:fs'
import { dirname } from 'node:path'
import { Denial, Fault } from '../core/denial.ts'
import { type House, readLaw } from './create.ts'

/** Editors write a file in several steps; the law is read once they are done. */
const SETTLE_MS = 100

export interface Watcher {
  /** Reads the law again now. Answers whether the new one is in force. */
  reload(): Promise<boolean>
  close(): void
}

/** @param onFault told why a law was not taken; the one before stays in force. */
export function watchLaw(house: House, onFault: (fault: Fault) => void): Watcher {
  const reload = async (): Promise<boolean> => {
    const before = house.law.revision
    try {
      house.law.replace(readLaw(house.config))
    } catch (error) {
      const fault = error instanceof Fault ? error : new Fault('FAULT_POLICY', Denial.from(error).detail, { cause: error })
      onFault(fault)
      await house.journal.write({ type: 'policy.rejected', law: before, detail: fault.message })
      return false
    }
    if (house.law.revision !== before)
      await house.journal.write({ type: 'policy.loaded', law: house.law.revision, detail: `was ${before}` })
    return true
  }
  return { reload, close: watchFolders(foldersOf(house.config.access.policies), { recursive: true, reload, onFault }) }
}

export interface Watching {
  readonly recursive: boolean
  /** Which of the files in the folders matter; others may be written all the time. Default: all. */
  readonly concerns?: (file: string) => boolean
  /** What is done when something has changed and nothing changes any more. */
  readonly reload: () => Promise<unknown>
  readonly onFault: (fault: Fault) => void
}

/** @returns what ends it. */
export function watchFolders(folders: readonly string[], { recursive, concerns, reload, onFault }: Watching): () => void {
  let timer: NodeJS.Timeout | undefined
  const soon = (): void => {
    clearTimeout(timer)
    timer = setTimeout(
      () => void reload().catch((error: unknown) => onFault(new Fault('FAULT_STORE', Denial.from(error).detail))),
      SETTLE_MS,
    ).unref()
  }
  const watchers = folders.flatMap((folder) => {
    try {
      const changed = (_event: string, file: string | null): void => {
        if (file === null || concerns?.(file) !== false) soon()
      }
      return [watch(folder, { recursive, persistent: false }, changed).on('error', soon)]
    } catch (error) {
      onFault(new Fault('FAULT_WATCH', `${folder} cannot be watched, so changes in it need SIGHUP: ${Denial.from(error).detail}`))
      return []
    }
  })
  return () => {
    clearTimeout(timer)
    for (const watcher of watchers) watcher.close()
  }
}

/** The fixed part of each glob: what is below it may change. */
function foldersOf(globs: readonly string[]): readonly string[] {
  return [...new Set(globs.map((glob) => dirname(glob.replace(/[*?[{].*$/s, 'x'))))]
}
