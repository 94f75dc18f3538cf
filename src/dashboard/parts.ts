/** What pages are made of: a table of routes, and what each visit knows. */

import type { KeyObject } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Approvals } from '../approval/approvals.ts'
import type { Fault } from '../core/denial.ts'
import type { Entry } from '../core/event.ts'
import type { KeyedHash, Secret } from '../core/secret.ts'
import type { Clock } from '../core/time.ts'
import type { Reactions } from '../guard/reactions.ts'
import type { ApiKeys } from '../identity/api-key.ts'
import type { Blocks } from '../limit/blocks.ts'
import type { Accounts } from '../oauth/accounts.ts'
import type { Attempts } from '../oauth/attempts.ts'
import type { Clients } from '../oauth/clients.ts'
import type { Form } from '../oauth/pages.ts'
import type { SignIns } from '../oauth/sign-in.ts'
import type { Engine } from '../policy/engine.ts'
import type { Store } from '../store/store.ts'
import type { Catalog } from './catalog.ts'
import type { Person } from './sessions.ts'

export interface DashboardParts {
  readonly approvals: Approvals
  readonly accounts: Accounts
  readonly attempts: Attempts
  /** Other providers where people may sign in; absent where there is none. */
  readonly signIns?: SignIns
  readonly store: Store
  readonly clock: Clock
  /** Whether one who has these roles may approve. */
  readonly isApprover: (roles: readonly string[]) => boolean
  /** Whether one who has these roles may see and change everything else. */
  readonly isAdmin: (roles: readonly string[]) => boolean
  readonly keys: ApiKeys
  readonly clients: Clients
  readonly blocks: Blocks
  /** What is held for being far from usual; absent where nothing is looked for. */
  readonly reactions?: Reactions
  /** What servers say of their tools, and what of it waits for a word; absent where nothing is held against anything. */
  readonly catalog?: Catalog
  readonly law: Engine
  /** For questions to the law: the servers, and the roles of callers without a credential, where they are let in. */
  readonly servers: readonly string[]
  readonly anonymousRoles?: readonly string[]
  /** Addresses that the configuration turns away. */
  /** What the journal is verified with: the public key of its checkpoints, and the hash that seals its ends. */
  readonly journalKey: KeyObject
  readonly headHash: KeyedHash
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
  /** Whom it is for: `anybody` is not even signed in. */
  readonly who: 'anybody' | 'person' | 'approver' | 'admin'
  /** For programs: who may not is told by status, not by page. */
  readonly isApi?: true
  /** A signed request may come in place of a form. */
  readonly isHooked?: boolean
  readonly get?: (visit: Visit) => void | Promise<void>
  readonly post?: (visit: Visit, form: URLSearchParams) => void | Promise<void>
}
