/** What is remembered of an API key: everything but the key. */
import { Fault } from '../core/denial.ts'
import type { Entry } from '../core/event.ts'
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { type Pattern, parsePattern } from '../core/pattern.ts'
import { nameOf, type Principal, SERVICE_ROLE } from '../core/principal.ts'
import { isEqual } from '../core/secret.ts'
import { when } from '../core/time.ts'

export type KeyStatus = 'active' | 'revoked'

/** Secrets that were rotated away and are still known as such: a year of rotations each month. */
const FORMER_MAX = 12

/** The keyed hash of a secret that is still good for a while. */
export interface Overlap {
  readonly hash: string
  /** Milliseconds since the epoch; from then on the old secret is refused. */
  readonly until: number
}

/** The record as it lies in the store. Instants are milliseconds since the epoch. */
export interface KeyRecord {
  readonly id: string
  readonly name: string
  readonly owner?: string
  readonly roles: readonly string[]
  /** Allow-list, a ceiling; absent: the roles alone say what it may do. */
  readonly allow?: readonly string[]
  readonly createdAt: number
  readonly createdBy: string
  readonly expiresAt: number
  /** How long a secret of this key lives: rotation gives the next one as long. */
  readonly lifetimeMs: number
  readonly status: KeyStatus
  readonly rotatedAt?: number
  readonly revokedAt?: number
  /** Keyed hash of the secret in use. */
  readonly hash: string
  readonly previous?: Overlap
  /** Keyed hashes of secrets that were good once, newest first: they open nothing, but whoever still has one is not guessing. */
  readonly former?: readonly string[]
  /** Counts the changes, so that whoever remembers something of the record can tell that it is the same. */
  readonly version: number
}

/** How often and when a key was last used: a record of its own, so that counting never touches the key's. */
export interface KeyUse {
  readonly uses: number
  readonly lastUsedAt: number
}

/** Of a key that nobody used. */
export const NO_USE: KeyUse = { uses: 0, lastUsedAt: 0 }

export interface KeyRequest {
  readonly name: string
  readonly owner?: string
  /** Empty beside an allow-list: then the list is all that the key may do. */
  readonly roles: readonly string[]
  /** Ceiling; empty or absent: none, its roles say it all. */
  readonly allow?: readonly Pattern[]
  readonly expiresMs?: number
  /** Who makes it: `cli`. */
  readonly createdBy: string
}

/** What may be shown of a key. */
export type KeyView = Omit<KeyRecord, 'hash' | 'previous' | 'former' | 'version' | 'lifetimeMs' | 'status'> & {
  readonly status: KeyStatus | 'expired'
  /** Until when the secret before the rotation still works, if it does. */
  readonly overlapUntil?: number
  readonly uses: number
  readonly lastUsedAt?: number
}

/** @throws Fault `FAULT_STORE` when it is not what we wrote: a damaged record denies. */
export function readRecord(value: JsonValue, id: string): KeyRecord {
  if (!isObject(value) || !isRecord(value) || value.id !== id) throw new Fault('FAULT_STORE', `The record of key ${id} is damaged`)
  return value
}

function isRecord(value: JsonObject): value is JsonObject & KeyRecord {
  return (
    typeof value['hash'] === 'string' &&
    typeof value['expiresAt'] === 'number' &&
    typeof value['version'] === 'number' &&
    (value['status'] === 'active' || value['status'] === 'revoked') &&
    typeof value['lifetimeMs'] === 'number' &&
    typeof value['name'] === 'string' &&
    Array.isArray(value['roles']) &&
    (value['allow'] === undefined || Array.isArray(value['allow'])) &&
    (value['previous'] === undefined || isObject(value['previous'])) &&
    (value['former'] === undefined || Array.isArray(value['former']))
  )
}

export function readUse(value: JsonValue | undefined): KeyUse {
  if (!isObject(value) || typeof value['uses'] !== 'number' || typeof value['lastUsedAt'] !== 'number') return NO_USE
  return { uses: value['uses'], lastUsedAt: value['lastUsedAt'] }
}

/**
 * Which secret of a key this is the keyed hash of: the one in use, the one before it while that is still good, or one that was good once. Every
 * comparison is made, as many for each record, before any is looked at: what is wrong must not show in the time.
 */
export function secretBy(
  hash: string,
  { hash: current, previous, former = [] }: KeyRecord,
  now: number,
): 'current' | 'previous' | 'former' | undefined {
  const isCurrent = isEqual(hash, current)
  const isPrevious = isEqual(hash, previous?.hash ?? current)
  let isFormer = isPrevious
  for (let at = 0; at < FORMER_MAX; at++) if (isEqual(hash, former[at] ?? current)) isFormer = true
  if (isCurrent) return 'current'
  if (isPrevious && previous !== undefined && previous.until > now) return 'previous'
  return isFormer ? 'former' : undefined
}

/** The record as JSON: what is undefined is not in it. */
export function writeRecord(record: KeyRecord): JsonObject {
  return { ...record, previous: record.previous === undefined ? undefined : { ...record.previous } }
}

export function viewOf(record: KeyRecord, use: KeyUse, now: number): KeyView {
  const { hash: _hash, previous, former: _former, version: _version, lifetimeMs: _lifetime, status, ...rest } = record
  return {
    ...rest,
    status: status === 'active' && record.expiresAt <= now ? 'expired' : status,
    ...(status === 'active' && previous !== undefined && previous.until > now ? { overlapUntil: previous.until } : {}),
    uses: use.uses,
    ...(use.uses === 0 ? {} : { lastUsedAt: use.lastUsedAt }),
  }
}

/** The first record of a key. */
export function drafted(request: KeyRequest, made: Pick<KeyRecord, 'id' | 'hash' | 'lifetimeMs'> & { readonly now: number }): KeyRecord {
  const { name, owner, roles, allow = [], createdBy } = request
  const { id, hash, lifetimeMs, now } = made
  return {
    id,
    name,
    ...(owner === undefined ? {} : { owner }),
    roles: roles.length === 0 && allow.length > 0 ? [SERVICE_ROLE] : roles,
    ...(allow.length === 0 ? {} : { allow: allow.map(({ text }) => text) }),
    createdAt: now,
    createdBy,
    expiresAt: now + lifetimeMs,
    lifetimeMs,
    status: 'active',
    hash,
    version: 1,
  }
}

/** The record with another secret: that in use works on for so long, an older one no more. */
export function rotated(before: KeyRecord, hash: string, overlapMs: number, now: number): KeyRecord {
  const until = Math.min(now + overlapMs, before.expiresAt)
  const { previous: _ended, ...rest } = before
  return {
    ...rest,
    hash,
    rotatedAt: now,
    expiresAt: now + before.lifetimeMs,
    ...(until > now ? { previous: { hash: before.hash, until } } : {}),
    former: [before.hash, ...(before.former ?? [])].slice(0, FORMER_MAX),
  }
}

/** Who a key is. @throws Fault `FAULT_STORE` when its allow-list cannot be read: a ceiling that is skipped would be none. */
export function principalOf(record: Pick<KeyRecord, 'id' | 'name' | 'owner' | 'roles' | 'allow'>): Principal {
  return {
    kind: 'service',
    issuer: 'key',
    subject: record.id,
    actors: [],
    roles: record.roles,
    ...(record.allow === undefined ? {} : { grants: record.allow.map((text) => readPattern(text, record.id)) }),
    claims: { name: record.name, ...(record.owner === undefined ? {} : { owner: record.owner }) },
  }
}

/** What history says of a key that was made or changed, and by whom. */
export function keyEntry(type: 'key.created' | 'key.rotated' | 'key.revoked', key: KeyView, by: string): Entry {
  const allow = key.allow === undefined ? '' : `, allow ${key.allow.join(' ')}`
  const detail = `${key.name}${allow}, expires ${when(key.expiresAt)}`
  return { type, principal: nameOf(principalOf(key)), kind: 'service', roles: key.roles, detail, by }
}

function readPattern(text: string, id: string): Pattern {
  const pattern = parsePattern(text)
  if (pattern === undefined) throw new Fault('FAULT_STORE', `The allow-list of key ${id} is damaged`)
  return pattern
}
