/** Which buckets a call takes from: those of who asks, and those of what is asked for. */
import { type Guard, inherited, moreGenerous, type RateConfig, type Roles, type Bucket as Shape } from '../config/limits.ts'
import type { Call } from '../core/call.ts'
import { countedAs } from '../core/cidr.ts'
import type { Obligation } from '../core/decision.ts'
import { following } from '../core/following.ts'
import { isCovered, type Pattern, parsePattern } from '../core/pattern.ts'
import { nameOf, ownerOf, type Principal } from '../core/principal.ts'
import { parseRate } from '../core/time.ts'
import { type Bucket, createLimit, type Limit } from './bucket.ts'
import { Crowd } from './crowd.ts'
import { Holder } from './holder.ts'
import { personOf } from './person.ts'

/** Addresses whose /64 is remembered, tools whose rows are. */
const KNOWN_MAX = 10_000

/** Who asks, as it is counted. */
export interface Caller {
  /** All keys of one owner are one person. */
  readonly person: Holder
  /** What he alone is counted by. */
  readonly own: readonly Bucket[]
  /** His, and his tenant's. */
  readonly buckets: readonly Bucket[]
  readonly holders: readonly Holder[]
}

/** A row of `limits.tools`. */
export interface ToolRow {
  readonly name: string
  readonly pattern: Pattern
  readonly bucket?: Bucket
  readonly concurrency?: number
  /** Calls at once of all that the row covers. */
  underway: number
}

/** A role's row, and what is counted by it. */
interface RoleRow {
  readonly shape: Shape
  readonly limit: Limit
}

/** What follows from who inherits from whom. */
interface ByRoles {
  readonly rows: ReadonlyMap<string, RoleRow>
  readonly callers: WeakMap<Principal, Caller>
}

const newCrowd = (): Crowd<Holder> => new Crowd((name, isShared) => new Holder(name, isShared))

export class Cells {
  readonly #rates: RateConfig
  readonly #address: Limit
  readonly #principal: Limit | undefined
  readonly #key: Limit | undefined
  readonly #tenant: Limit | undefined
  readonly #server: Limit | undefined
  readonly #global: Bucket | undefined
  readonly #methods: Readonly<Record<keyof RateConfig['methods'], Limit>>
  /** Another law may say otherwise who inherits from whom. */
  readonly #byRoles: () => ByRoles
  readonly #roleRows = new Map<string, RoleRow>()
  readonly #tools: readonly ToolRow[]
  readonly #rowsOf = new Map<string, readonly ToolRow[]>()
  readonly #owed = new Map<string, Limit | undefined>()
  readonly #addresses = newCrowd()
  readonly #people = newCrowd()
  readonly #tenants = newCrowd()
  readonly #servers = newCrowd()
  readonly #places = new Map<string, string>()

  /** @param roles `access.roles` in force. */
  constructor(rates: RateConfig, roles: () => Roles) {
    const { address, principal, key, tenant, server, global, methods, tools } = rates
    const own = (name: string, shape: Shape, title: string): Limit => createLimit(`limits.${name}`, shape, title)
    this.#rates = rates
    this.#address = own('address', address, 'address')
    this.#principal = principal.bucket && own('principal', principal.bucket, 'principal')
    this.#key = key && own('key', key, 'key')
    this.#tenant = tenant && createLimit('limits.tenant', tenant)
    this.#server = server && createLimit('limits.server', server)
    this.#global = global && new Holder('all', false).bucketOf(createLimit('limits.global', global))
    this.#methods = {
      apiKey: own('methods.apiKey', methods.apiKey, 'method'),
      oauth: own('methods.oauth', methods.oauth, 'method'),
      anonymous: own('methods.anonymous', methods.anonymous, 'method'),
    }
    this.#byRoles = following(roles, (known) => ({
      rows: new Map(Object.entries(inherited(rates.roles, known)).map(([name, shape]) => [name, this.#roleRow(name, shape)])),
      callers: new WeakMap(),
    }))
    this.#tools = Object.entries(tools).flatMap(([text, guard]) => toolRow(text, guard))
  }

  ofAddress(address: string, nowUs: number): Bucket {
    return this.#addresses.of(this.#placeOf(address), nowUs).bucketOf(this.#address)
  }

  /** @param address of a caller without a credential: it is all that tells him from others. */
  ofCaller(principal: Principal, address: string | undefined, nowUs: number): Caller {
    if (principal.kind === 'anonymous') return this.#count(principal, personOf(principal, address && this.#placeOf(address)), nowUs)
    const { callers } = this.#byRoles()
    const known = callers.get(principal)
    if (known?.holders.every((holder) => !holder.isGone) === true) return known
    const caller = this.#count(principal, nameOf(principal), nowUs)
    // Who shares a place may have one of his own the next time.
    if (caller.holders.every((holder) => !holder.isShared)) callers.set(principal, caller)
    return caller
  }

  rowsOf({ action, resource }: Call): readonly ToolRow[] {
    if (this.#tools.length === 0 || action !== 'call' || resource.kind !== 'tool') return NO_ROWS
    const name = `${resource.server}/${resource.name}`
    const known = this.#rowsOf.get(name)
    if (known !== undefined) return known
    const rows = this.#tools.filter(({ pattern }) => isCovered(pattern, resource.server, resource.name))
    if (this.#rowsOf.size >= KNOWN_MAX) this.#rowsOf.clear()
    this.#rowsOf.set(name, rows)
    return rows
  }

  /** What many callers share: the server, and everything. */
  addShared(buckets: Bucket[], server: string, nowUs: number): void {
    if (this.#server !== undefined) buckets.push(this.#servers.of(server, nowUs).bucketOf(this.#server))
    if (this.#global !== undefined) buckets.push(this.#global)
  }

  /** What a permit asks for in return: `@limit("60/m")`, counted for each who makes use of it. */
  addOwed(buckets: Bucket[], obligations: readonly Obligation[], { person }: Caller): void {
    for (const { policy, value } of obligations) {
      const limit = this.#limitOwed(policy, value)
      if (limit !== undefined) buckets.push(person.bucketOf(limit))
    }
  }

  /** A law that is loaded anew may name other rates: then they are other buckets. */
  #limitOwed(policy: string, value: string): Limit | undefined {
    const name = `@limit ${policy} ${value}`
    if (this.#owed.has(name)) return this.#owed.get(name)
    const rate = parseRate(value)
    const limit = rate && createLimit(name, { ...rate, burst: rate.count }, 'policy')
    if (this.#owed.size >= KNOWN_MAX) this.#owed.clear()
    this.#owed.set(name, limit)
    return limit
  }

  #count(principal: Principal, name: string, nowUs: number): Caller {
    const caller = this.#people.of(name, nowUs)
    const person = ownerOf(principal) === undefined ? caller : this.#people.of(personOf(principal, undefined), nowUs)
    const role = this.#roleOf(principal)
    const own = [
      ...(this.#principal === undefined ? [] : [person.bucketOf(this.#principal)]),
      ...(role === undefined ? [] : [person.bucketOf(role)]),
      ...(this.#key === undefined || principal.issuer !== 'key' ? [] : [caller.bucketOf(this.#key)]),
      caller.bucketOf(this.#methods[methodOf(principal)]),
    ]
    const tenant = this.#tenant === undefined || principal.tenant === undefined ? undefined : this.#tenants.of(principal.tenant, nowUs)
    if (tenant === undefined || this.#tenant === undefined) return { person, own, buckets: own, holders: [person, caller] }
    return { person, own, buckets: [...own, tenant.bucketOf(this.#tenant)], holders: [person, caller, tenant] }
  }

  /** The same row under another law is the same bucket: what was taken from it stays taken. */
  #roleRow(name: string, shape: Shape): RoleRow {
    const id = `${name} ${shape.count} ${shape.perMs} ${shape.burst}`
    const row = this.#roleRows.get(id) ?? { shape, limit: createLimit(`limits.roles.${name}`, shape, 'role') }
    this.#roleRows.set(id, row)
    return row
  }

  /** The most generous role counts, whatever their order. */
  #roleOf({ roles }: Principal): Limit | undefined {
    const { rows } = this.#byRoles()
    let best: RoleRow | undefined
    for (const role of roles) {
      const row = rows.get(role)
      if (row !== undefined && (best === undefined || moreGenerous(best.shape, row.shape) !== best.shape)) best = row
    }
    return best?.limit
  }

  /** IPv4 addresses are places; of IPv6 the /64 is one. */
  #placeOf(address: string): string {
    if (!address.includes(':')) return address
    const known = this.#places.get(address)
    if (known !== undefined) return known
    const place = countedAs(address)
    if (this.#places.size >= KNOWN_MAX) this.#places.clear()
    this.#places.set(address, place)
    return place
  }

  /** What one principal may be answered in a minute, bytes. */
  get responseBytesPerMinute(): number {
    return this.#rates.responseBytesPerMinute
  }
}

const NO_ROWS: readonly ToolRow[] = []

/** A row is one bucket for all that it covers: other spellings of a name, or names that nobody has, bring no fresh ones. */
function toolRow(text: string, { bucket, concurrency }: Guard): readonly ToolRow[] {
  const pattern = parsePattern(text)
  if (pattern === undefined) return []
  const name = `limits.tools.${text}`
  return [
    {
      name,
      pattern,
      underway: 0,
      ...(bucket === undefined ? {} : { bucket: new Holder('all', false).bucketOf(createLimit(name, bucket)) }),
      ...(concurrency === undefined ? {} : { concurrency }),
    },
  ]
}

function methodOf({ kind, issuer }: Principal): keyof RateConfig['methods'] {
  if (kind === 'anonymous') return 'anonymous'
  return issuer === 'key' ? 'apiKey' : 'oauth'
}
