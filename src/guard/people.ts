/** How people come to hear that they must approve, where they can, and that their time is over. */
import { setTimeout as after } from 'node:timers/promises'
import type { Approvals } from '../approval/approvals.ts'
import { createNotifier } from '../approval/notify.ts'
import type { Approval } from '../approval/record.ts'
import type { Config } from '../config/config.ts'
import type { Fault } from '../core/denial.ts'
import type { Clock } from '../core/time.ts'
import { createGuardedFetch } from '../net/fetch.ts'

/** How often it is looked for approvals that nobody gave in time. */
const SWEEP_MS = 10_000

export interface PeopleParts {
  readonly config: Pick<Config, 'adminUrl' | 'approval'>
  readonly approvals: Approvals
  readonly clock: Clock
  readonly onFault: (fault: Fault) => void
}

export interface People {
  /** The page of an approval, where there is one. */
  pageOf(id: string): string | undefined
  /** @param url where the pages are. */
  showAt(url: string): void
  notify(approval: Approval): void
  close(): Promise<void>
}

export function openPeople({ config, approvals, clock, onFault }: PeopleParts): People {
  const { adminUrl, approval } = config
  const stop = new AbortController()
  const sweeping = setInterval(() => void approvals.sweep().catch(() => undefined), SWEEP_MS).unref()
  let pages = adminUrl
  const pageOf = (id: string): string | undefined => (pages === undefined ? undefined : `${pages}/approvals/${id}`)
  const told = approval.notify
  const fetch = told && createGuardedFetch({ allowPrivate: told.allowPrivate ? [new URL(told.webhook).origin] : false })
  // A process does not live on for a notice.
  const wait = (ms: number): Promise<unknown> => after(ms, undefined, { ref: false, signal: stop.signal })
  const notify = told && fetch && createNotifier({ ...told, fetch, clock, onFault, wait })
  return {
    pageOf,
    showAt: (url) => {
      pages = url
    },
    notify: (asked) => void notify?.(asked, pageOf(asked.id)).catch(() => undefined),
    close: async () => {
      clearInterval(sweeping)
      stop.abort()
      await fetch?.close()
    },
  }
}
