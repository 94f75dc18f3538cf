/** What pages are made of: a table of routes, and what each visit knows. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Approvals } from '../approval/approvals.ts'
import type { Fault } from '../core/denial.ts'
import type { Entry } from '../core/event.ts'
import type { Secret } from '../core/secret.ts'
import type { Clock } from '../core/time.ts'
import type { Accounts } from '../oauth/accounts.ts'
import type { Attempts } from '../oauth/attempts.ts'
import type { Form } from '../oauth/pages.ts'
import type { Store } from '../store/store.ts'
import type { Person } from './sessions.ts'

export interface DashboardParts {
  readonly approvals: Approvals
  readonly accounts: Accounts
  readonly attempts: Attempts
  readonly store: Store
  readonly clock: Clock
  /** Whether one who has these roles may approve. */
  readonly isApprover: (roles: readonly string[]) => boolean
  /** Digest of the law in force: what was asked for under another one can be used no more. */
  readonly lawOf: () => string
  /** Signs what comes back from the webhook; absent where there is none. */
  readonly secret?: Secret
  /** 32 bytes: `keyring.key('admin-pages')`. */
  readonly pagesKey: Uint8Array
  /** Whether people reach it by https. */
  readonly isSecure: boolean
  readonly addressOf: (request: IncomingMessage) => string | undefined
  readonly tell: (entry: Entry) => Promise<void>
  readonly onFault: (fault: Fault) => void
}

/** One visit to a page. */
export interface Visit {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly path: string
  readonly query: URLSearchParams
  /** Of the path. */
  readonly parts: readonly string[]
  /** Who is signed in; nobody where that is not asked for. */
  readonly person: Person
  /** Of the browser. */
  readonly id: string | undefined
  /** A form of this page, or of another, good in the browser of that id only. */
  readonly formFor: (id: string, action?: string) => Form
}

export interface Route {
  readonly path: RegExp
  /** For people who are not signed in, too. */
  readonly isOpen?: boolean
  /** A signed request may come in place of a form. */
  readonly isHooked?: boolean
  readonly get?: (visit: Visit) => void | Promise<void>
  readonly post?: (visit: Visit, form: URLSearchParams) => void | Promise<void>
}
