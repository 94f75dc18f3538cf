/** People: local users with a password, and those who sign in elsewhere. */
import { randomBytes } from 'node:crypto'
import { Fault } from '../core/denial.ts'
import type { Entry } from '../core/event.ts'
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import type { Secret } from '../core/secret.ts'
import type { Clock } from '../core/time.ts'
import { KEYS } from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import { flawOfPassword, Passwords } from './passwords.ts'

/** Lower case, so that no two look alike; the name is the subject of tokens, and is never given to somebody else. */
const NAME = /^[a-z0-9][a-z0-9._@-]{0,63}$/
const ROLE = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/
/** 128 bits and more, in a form that can be typed. */
const RANDOM_BYTES = 18
const ATTEMPTS = 16
/** Between the name of a provider and a subject there; no local name has it. */
export const FOREIGN = '|'

/** What may be shown of a local user. Instants are milliseconds since the epoch. */
export interface UserView {
  readonly name: string
  readonly roles: readonly string[]
  readonly status: 'active' | 'disabled'
  readonly createdAt: number
  readonly passwordChangedAt: number
}

interface UserRecord extends UserView {
  readonly hash: string
}

/** Who is signed in, as tokens say it. */
export interface Account {
  readonly subject: string
  readonly name: string
  readonly roles: readonly string[]
  /** Of a local user: whoever signed in before did so with another password. Milliseconds since the epoch. */
  readonly passwordChangedAt?: number
}

/** What another provider said of somebody. */
export interface ForeignUser {
  readonly provider: string
  readonly subject: string
  readonly name?: string
  readonly roles: readonly string[]
}

export class Accounts {
  readonly #store: Store
  readonly #clock: Clock
  readonly #passwords: Passwords

  constructor(store: Store, clock: Clock) {
    this.#store = store
    this.#clock = clock
    this.#passwords = new Passwords()
  }

  /** @throws Fault `FAULT_USER` when the name is taken or no name, a role is none, or the password is weak. */
  async add(name: string, password: Secret, roles: readonly string[]): Promise<UserView> {
    if (!NAME.test(name)) throw fault(`${name} cannot be a user: lower-case letters, digits, ".", "_", "@" and "-"`)
    checkRoles(roles)
    const now = this.#clock()
    const hash = await this.#hash(password, name)
    const record: UserRecord = { name, roles, status: 'active', createdAt: now, passwordChangedAt: now, hash }
    if (!(await this.#store.put(KEYS.user(name), { ...record }, { onlyIfAbsent: true }))) throw fault(`There is a user ${name} already`)
    return viewOf(record)
  }

  async list(): Promise<readonly UserView[]> {
    const views: UserView[] = []
    let page = await this.#store.list(KEYS.users)
    while (page.length > 0) {
      views.push(...page.map(({ key, value }) => viewOf(readUser(value, key))))
      page = await this.#store.list(KEYS.users, { after: page.at(-1)?.key ?? '' })
    }
    return views
  }

  /** @throws Fault `FAULT_USER` when there is no such user or the password is weak. */
  async setPassword(name: string, password: Secret): Promise<UserView> {
    const hash = await this.#hash(password, name)
    return this.#change(name, (user) => ({ ...user, hash, passwordChangedAt: this.#clock() }))
  }

  setRoles(name: string, roles: readonly string[]): Promise<UserView> {
    checkRoles(roles)
    return this.#change(name, (user) => ({ ...user, roles }))
  }

  /** Signs in no more, gets no token any more, and those that were issued open nothing at this gateway from their next call on. */
  setStatus(name: string, status: UserView['status']): Promise<UserView> {
    return this.#change(name, (user) => ({ ...user, status }))
  }

  /** @returns undefined for a wrong password, an unknown and a disabled user, in the same time. @throws Denial `rate_limited` */
  async signIn(name: string, password: string): Promise<Account | undefined> {
    const found = NAME.test(name) ? await this.#store.get(KEYS.user(name)) : undefined
    const user = found === undefined ? undefined : readUser(found, name)
    const isRight = await this.#passwords.isRight(password, user?.hash)
    return isRight && user?.status === 'active' ? accountOf(user) : undefined
  }

  /** Remembers who signed in elsewhere, so that their tokens can be renewed. @param expiresAt milliseconds since the epoch */
  async welcome(user: ForeignUser, expiresAt: number): Promise<Account> {
    await this.#store.put(KEYS.foreignUser(user.provider, user.subject), { ...user }, { expiresAt })
    return foreignAccount(user)
  }

  /** Who the subject of a token is now; undefined when they may have no more tokens. */
  async find(subject: string): Promise<Account | undefined> {
    const at = subject.indexOf(FOREIGN)
    if (at === -1) {
      const found = NAME.test(subject) ? await this.#store.get(KEYS.user(subject)) : undefined
      const user = found === undefined ? undefined : readUser(found, subject)
      return user?.status === 'active' ? accountOf(user) : undefined
    }
    const found = await this.#store.get(KEYS.foreignUser(subject.slice(0, at), subject.slice(at + 1)))
    return isForeign(found) ? foreignAccount(found) : undefined
  }

  async #hash(password: Secret, name: string): Promise<string> {
    const flaw = flawOfPassword(password.reveal(), name)
    if (flaw !== undefined) throw fault(flaw)
    return this.#passwords.hash(password.reveal())
  }

  /** Compare-and-set: of two changes at once neither is lost. */
  async #change(name: string, change: (before: UserRecord) => UserRecord): Promise<UserView> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const found = await this.#store.get(KEYS.user(name))
      if (found === undefined) throw fault(`There is no user ${name}`)
      const after = change(readUser(found, name))
      if (await this.#store.put(KEYS.user(name), { ...after }, { onlyIf: found })) return viewOf(after)
    }
    throw fault(`User ${name} is being changed by others; try again`)
  }
}

/** What history says of a local user who was made or changed, and by whom. */
export function userEntry(type: 'user.created' | 'user.changed', { name, roles }: UserView, detail: string, by: string): Entry {
  return { type, kind: 'user', roles, detail: `${name}: ${detail}`, by }
}

/** A password that nobody can guess, for a first user. */
export function randomPassword(): string {
  return randomBytes(RANDOM_BYTES).toString('base64url')
}

function accountOf({ name, roles, passwordChangedAt }: UserRecord): Account {
  return { subject: name, name, roles, passwordChangedAt }
}

function foreignAccount({ provider, subject, name, roles }: ForeignUser): Account {
  return { subject: `${provider}${FOREIGN}${subject}`, name: name ?? subject, roles }
}

function viewOf({ hash: _hash, ...view }: UserRecord): UserView {
  return view
}

function checkRoles(roles: readonly string[]): void {
  const wrong = roles.find((role) => !ROLE.test(role))
  if (wrong !== undefined) throw fault(`${wrong} cannot be a role`)
}

function readUser(value: JsonValue, name: string): UserRecord {
  if (!isUser(value)) throw new Fault('FAULT_STORE', `The record of user ${name} is damaged`)
  return value
}

function isUser(value: JsonValue): value is JsonObject & UserRecord {
  return (
    isObject(value) &&
    typeof value['name'] === 'string' &&
    typeof value['hash'] === 'string' &&
    Array.isArray(value['roles']) &&
    (value['status'] === 'active' || value['status'] === 'disabled')
  )
}

function isForeign(value: JsonValue | undefined): value is JsonObject & ForeignUser {
  return isObject(value) && typeof value['provider'] === 'string' && typeof value['subject'] === 'string' && Array.isArray(value['roles'])
}

function fault(message: string): Fault {
  return new Fault('FAULT_USER', message)
}
