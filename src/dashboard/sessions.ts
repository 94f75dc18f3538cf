/** Who is signed in: a random id in the browser, its digest in the store, and the account asked anew at each visit. */
import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { isObject } from '../core/json.ts'
import { sha256 } from '../core/secret.ts'
import { KEYS } from '../store/keys.ts'
import type { DashboardParts } from './parts.ts'

/** A working day. */
const SESSION_MS = 8 * 60 * 60_000
const ID_BYTES = 32
const ID = /^[A-Za-z0-9_-]{43}$/

export interface Person {
  readonly subject: string
  readonly name: string
  readonly roles: readonly string[]
  readonly isApprover: boolean
  readonly isAdmin: boolean
}

/** Somebody with an account here, as these pages see them; undefined for one who has nothing to do here. */
export function personOf(
  { subject, name, roles }: Pick<Person, 'subject' | 'name' | 'roles'>,
  { isApprover, isAdmin }: Pick<DashboardParts, 'isApprover' | 'isAdmin'>,
): Person | undefined {
  const person = { subject, name, roles, isApprover: isApprover(roles), isAdmin: isAdmin(roles) }
  return person.isApprover || person.isAdmin ? person : undefined
}

type SessionParts = Pick<DashboardParts, 'store' | 'clock' | 'accounts' | 'isApprover' | 'isAdmin' | 'isSecure'>

export class Sessions {
  readonly #parts: SessionParts
  /** `__Host-`: of this host alone, over https, for no sub-domain to set (RFC 6265bis §4.1.3.2). */
  readonly #cookie: string

  constructor(parts: SessionParts) {
    this.#parts = parts
    this.#cookie = `${parts.isSecure ? '__Host-' : ''}portcullis-admin`
  }

  /** What the browser brings, whether or not anybody is signed in under it. */
  idOf({ headers }: IncomingMessage): string | undefined {
    const found = (headers.cookie ?? '').split(/;\s*/).filter((pair) => pair.startsWith(`${this.#cookie}=`))
    const id = found[0]?.slice(this.#cookie.length + 1)
    return found.length === 1 && id !== undefined && ID.test(id) ? id : undefined
  }

  /** An id for a browser: forms are bound to it, and it is another one once somebody signs in. */
  newId(): string {
    return randomBytes(ID_BYTES).toString('base64url')
  }

  /** Sent by a link from elsewhere, by a form from nowhere but here. */
  cookieOf(id: string): string {
    return `${this.#cookie}=${id}; Path=/; HttpOnly; SameSite=Lax${this.#parts.isSecure ? '; Secure' : ''}`
  }

  async open(id: string, subject: string): Promise<void> {
    const { store, clock } = this.#parts
    await store.put(KEYS.adminSession(sha256(id)), { subject, at: clock() }, { expiresAt: clock() + SESSION_MS })
  }

  /** Undefined also when the account has been disabled since, has another password, or has lost its right. */
  async find(id: string): Promise<Person | undefined> {
    const { store, accounts } = this.#parts
    const session = await store.get(KEYS.adminSession(sha256(id)))
    if (!isObject(session) || typeof session['subject'] !== 'string' || typeof session['at'] !== 'number') return undefined
    const account = await accounts.find(session['subject'])
    if (account === undefined || (account.passwordChangedAt ?? 0) > session['at']) return undefined
    return personOf(account, this.#parts)
  }

  async end(id: string): Promise<void> {
    await this.#parts.store.take(KEYS.adminSession(sha256(id)))
  }
}
