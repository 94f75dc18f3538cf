/** The Store in Redis, for many replicas: records and cells as keys, logs as streams; each verb one command or one script. */
import type { Fault } from '../core/denial.ts'
import { canonical, type JsonValue } from '../core/json.ts'
import type { Clock } from '../core/time.ts'
import { Turn } from '../core/turn.ts'
import { checkInstant, checkKey } from './checks.ts'
import { checkCell, intervalUsOf, US_PER_MS } from './gcra.ts'
import { readyMark } from './mark.ts'
import { Outbox, type OutboxOptions } from './outbox.ts'
import { GroupedReads } from './reads.ts'
import type { RedisSettings } from './redis-connect.ts'
import { groupOf, RedisKeys } from './redis-keys.ts'
import { RedisLink } from './redis-link.ts'
import { RedisLogs } from './redis-logs.ts'
import { CHARGE, PUT, SWEEP, TAKE } from './redis-scripts.ts'
import type { Cell, Charge, Line, Mark, Page, PutOptions, Store, Stored, Stretch, Written } from './store.ts'

export interface RedisOptions {
  readonly clock: Clock
  /** When records are read: all that a turn asks for in one round trip. Default: one of its own. */
  readonly turn?: Turn
  /** Where lines wait while Redis is away. Default: nowhere, then an append fails. */
  readonly spool?: OutboxOptions['spool']
  /** Told of what refuses nothing: lines that wait, that were delivered, or that Redis has lost. */
  readonly onFault?: (fault: Fault) => void
  /** Milliseconds that only ever go forward. */
  readonly steady?: Clock
}

/** Nothing is asked yet: the first verb opens the way to it. */
export function openRedis(settings: RedisSettings, options: RedisOptions): Store {
  return new RedisStore(settings, options)
}

/** What was read: `<expires>|<JSON>`. */
const BAR = '|'
const PAGE_RECORDS = 1_000
/** What is past is kept this much longer, for processes whose clocks are behind. */
const RECORD_GRACE_MS = 60_000
/** Full cells likewise: a clock that is set back by less finds them, and gives no token twice. */
const CELL_GRACE_MS = 3_600_000
/** Once in so many writes so many members of an index are looked at: four a write, so what is dead in it is at most as much as what lives. */
const SWEEP_EVERY = 64
const SWEEP_BATCH = 256
/** Kinds of records are a dozen. */
const GROUPS_MAX = 1_000

class RedisStore implements Store {
  readonly #link: RedisLink
  readonly #keys: RedisKeys
  readonly #clock: Clock
  readonly #isCluster: boolean
  readonly #logs: RedisLogs
  readonly #outbox: Outbox
  readonly #reads: GroupedReads
  readonly #turn: Turn
  /** By what is read together: one MGET. */
  readonly #asked = new Map<string, { readonly keys: string[]; readonly found: Promise<readonly unknown[]> }>()
  readonly #groups = new Set<string>()
  readonly #sweeps = new Map<string, { writes: number; after: string }>()

  constructor(settings: RedisSettings, options: RedisOptions) {
    const { clock, turn = new Turn(), steady = () => performance.now() } = options
    this.#link = new RedisLink(settings, steady)
    this.#keys = new RedisKeys(settings.prefix)
    this.#clock = clock
    this.#isCluster = settings.kind === 'cluster'
    this.#logs = new RedisLogs(this.#link, this.#keys)
    this.#outbox = new Outbox(this.#logs, { spool: options.spool, steady, onFault: options.onFault ?? (() => undefined) })
    this.#turn = turn
    this.#reads = new GroupedReads(turn, (key) => this.#textOf(key))
  }

  get(key: string): Promise<JsonValue | undefined> {
    return this.#reads.get(key)
  }

  async put(key: string, value: JsonValue, { expiresAt, onlyIfAbsent = false, onlyIf }: PutOptions = {}): Promise<boolean> {
    // Both conditions at once can never hold.
    if (onlyIfAbsent && onlyIf !== undefined) return false
    const now = Math.floor(this.#clock())
    const group = groupOf(checkKey(key))
    const expires = expiresAt === undefined ? undefined : checkInstant(expiresAt)
    const ttl = expires === undefined ? '' : String(Math.max(1, expires - now + RECORD_GRACE_MS))
    const condition = onlyIfAbsent ? 'absent' : onlyIf === undefined ? '' : 'if'
    const words = [key, `${expires ?? ''}${BAR}${canonical(value)}`, String(now), ttl, condition]
    await this.#note(group)
    if (onlyIf !== undefined) words.push(canonical(onlyIf))
    const written = await this.#link.run(PUT, [this.#keys.record(key), this.#keys.index(group)], words)
    return written === 1
  }

  async take(key: string): Promise<JsonValue | undefined> {
    const group = groupOf(checkKey(key))
    const found = await this.#link.run(TAKE, [this.#keys.record(key), this.#keys.index(group)], [key])
    const live = this.#liveOf(found)
    return live === undefined ? undefined : (JSON.parse(live.text) as JsonValue) // what `put` wrote
  }

  async list(prefix: string, { after = '', limit = PAGE_RECORDS }: Page = {}): Promise<readonly Stored[]> {
    checkKey(prefix)
    checkKey(after)
    const groups = prefix.includes('/') ? [groupOf(prefix)] : await this.#allGroups()
    const found: Stored[] = []
    for (const group of groups) found.push(...(await this.#listGroup(group, prefix, after, limit)))
    if (groups.length === 1) return found
    return found.sort((left, right) => Buffer.compare(Buffer.from(left.key), Buffer.from(right.key))).slice(0, limit)
  }

  async charge(cells: readonly Cell[], now: number): Promise<Charge> {
    if (cells.length === 0) return { allowed: true, waitMs: 0, refusedBy: -1, remaining: [] }
    for (const cell of cells) checkCell(cell)
    const [first, ...rest] = cells.map(({ key }) => this.#keys.cell(checkKey(key)))
    const words = cells.flatMap((cell) => [String(intervalUsOf(cell)), String(cell.burst), String(cell.cost)])
    // Along with what else this turn asks and writes.
    await new Promise<void>((resolve) => this.#turn.writes(resolve))
    const answer = await this.#link.run(
      CHARGE,
      [first ?? '', ...rest],
      [String(Math.floor(now * US_PER_MS)), String(CELL_GRACE_MS), ...words],
    )
    const [allowed, waitUs, refusedBy = -1, ...remaining] = Array.isArray(answer) ? answer.map(Number) : []
    return { allowed: allowed === 1, waitMs: Math.ceil((waitUs ?? 0) / US_PER_MS), refusedBy, remaining }
  }

  async append(log: string, lines: readonly JsonValue[] | Written, mark?: Mark): Promise<void> {
    const texts = 'texts' in lines ? lines.texts : lines.map((line) => JSON.stringify(line))
    const ready = mark && readyMark(mark)
    await this.#outbox.append({ log: checkKey(log), texts, mark: ready })
  }

  async read(log: string, stretch: Stretch = {}): Promise<readonly Line[]> {
    this.#outbox.checkDelivered(checkKey(log))
    return this.#logs.read(log, stretch)
  }

  marks(log: string): Promise<readonly Mark[]> {
    return this.#logs.marks(log)
  }

  trim(log: string, before: string): Promise<void> {
    return this.#logs.trim(checkKey(log), before)
  }

  async close(): Promise<void> {
    await this.#outbox.close()
    this.#link.close()
  }

  /** Asked for in one turn, read by one command; in a Cluster by one for each group, because a group is in one place. */
  async #textOf(key: string): Promise<string | undefined> {
    const together = this.#isCluster ? groupOf(checkKey(key)) : checkKey(key) && ''
    const asked = this.#asked.get(together) ?? this.#ask(together)
    const at = asked.keys.push(this.#keys.record(key)) - 1
    return this.#liveOf((await asked.found)[at])?.text
  }

  #ask(together: string): { readonly keys: string[]; readonly found: Promise<readonly unknown[]> } {
    const keys: string[] = []
    const found = Promise.resolve().then(async () => {
      this.#asked.delete(together)
      const answer = await this.#link.send(keys[0] ?? '', 'MGET', ...keys)
      return Array.isArray(answer) ? answer : []
    })
    const asked = { keys, found }
    this.#asked.set(together, asked)
    return asked
  }

  #liveOf(found: unknown): { readonly text: string; readonly expiresAt?: number } | undefined {
    if (typeof found !== 'string') return undefined
    const bar = found.indexOf(BAR)
    const text = found.slice(bar + 1)
    if (bar === 0) return { text }
    const expiresAt = Number(found.slice(0, bar))
    return expiresAt > this.#clock() ? { text, expiresAt } : undefined
  }

  /** In front of the first record of a group, so that no record is in a group that nobody knows of. */
  async #note(group: string): Promise<void> {
    if (!this.#groups.has(group)) {
      await this.#link.send(this.#keys.groups, 'SADD', this.#keys.groups, group)
      if (this.#groups.size >= GROUPS_MAX) this.#groups.clear()
      this.#groups.add(group)
    }
    const sweep = this.#sweeps.get(group) ?? { writes: 0, after: '' }
    if (this.#sweeps.size >= GROUPS_MAX) this.#sweeps.clear()
    this.#sweeps.set(group, sweep)
    if (++sweep.writes % SWEEP_EVERY === 0) void this.#sweep(group, sweep).catch(() => undefined)
  }

  async #allGroups(): Promise<readonly string[]> {
    const found = await this.#link.send(this.#keys.groups, 'SMEMBERS', this.#keys.groups)
    return Array.isArray(found) ? found.map(String) : []
  }

  /** Records may end between the index and them, so it goes on until there are enough. */
  async #listGroup(group: string, prefix: string, after: string, limit: number): Promise<readonly Stored[]> {
    const found: Stored[] = []
    let from = after
    while (found.length < limit) {
      const wanted = limit - found.length
      const members = await this.#members(group, prefix, from, wanted)
      const [first, ...rest] = members.map((member) => this.#keys.record(member))
      if (first === undefined) break
      const answer = await this.#link.send(first, 'MGET', first, ...rest)
      for (const [at, key] of members.entries()) {
        const live = this.#liveOf(Array.isArray(answer) ? answer[at] : undefined)
        if (live === undefined) continue
        const { text, ...expiry } = live
        found.push({ key, value: JSON.parse(text) as JsonValue, ...expiry }) // what `put` wrote
      }
      from = members.at(-1) ?? ''
      if (members.length < wanted) break
    }
    return found
  }

  /** In the order of their bytes. No byte of UTF-8 is as high as 0xff. */
  async #members(group: string, prefix: string, after: string, count: number): Promise<readonly string[]> {
    const index = this.#keys.index(group)
    const isInside = Buffer.compare(Buffer.from(after), Buffer.from(prefix)) >= 0 && after !== ''
    const from = isInside ? `(${after}` : `[${prefix}`
    const to = Buffer.concat([Buffer.from(`(${prefix}`), Buffer.of(0xff)])
    const found = await this.#link.send(index, 'ZRANGEBYLEX', index, from, to, 'LIMIT', '0', String(count))
    return Array.isArray(found) ? found.map(String) : []
  }

  async #sweep(group: string, sweep: { after: string }): Promise<void> {
    const members = await this.#members(group, '', sweep.after, SWEEP_BATCH)
    sweep.after = members.length < SWEEP_BATCH ? '' : (members.at(-1) ?? '')
    if (members.length === 0) return
    await this.#link.run(SWEEP, [this.#keys.index(group), ...members.map((member) => this.#keys.record(member))], members)
  }
}
