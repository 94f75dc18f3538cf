/** A made-up journal: weeks of honest work of several kinds, attacks among it, and for each event which attack it belongs to. The same seed makes the same journal. */
import type { AnomalyKind } from '../src/core/anomaly.ts'
import type { AuditEvent, Entry } from '../src/core/event.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
/** A Monday, 00:00 UTC. */
const START_AT = Date.UTC(2026, 0, 5)

/** What is different from one world to the next. Detectors are tuned on `TUNED` and `BUSY`; of the others only scores are looked at. */
export interface World {
  readonly days: number
  readonly people: number
  readonly crons: number
  readonly builders: number
  /** How busy everybody is, times what is usual. */
  readonly pace: number
  /** How large answers are, times what is usual. */
  readonly weight: number
  /** How bold attackers are, times what is usual. */
  readonly boldness: number
  /** Attacks of each kind. */
  readonly attacks: number
}

export const TUNED: World = { days: 35, people: 24, crons: 12, builders: 3, pace: 1, weight: 1, boldness: 1, attacks: 5 }
/** Twice as busy, and full of builds. */
export const BUSY: World = { ...TUNED, pace: 2, builders: 6, crons: 20 }
export const HELD_OUT: World = { days: 42, people: 36, crons: 18, builders: 4, pace: 1.6, weight: 0.5, boldness: 0.7, attacks: 6 }

/** Another world again. */
export const UNSEEN: World = { days: 49, people: 16, crons: 24, builders: 6, pace: 2.2, weight: 1.5, boldness: 0.8, attacks: 5 }

/** One attack: `expected` is what has to be told of it. */
export interface Attack {
  readonly id: string
  readonly kind: AttackKind
  readonly expected: AnomalyKind
}

const ATTACKS = {
  'brute force': 'credential_burst',
  spraying: 'credential_spread',
  'low and slow': 'credential_spread',
  'many guessers': 'credential_spread',
  'stolen key': 'many_networks',
  'stolen session at night': 'unusual_hour',
  exfiltration: 'exfiltration',
  'slow poisoning': 'exfiltration',
  harvesting: 'unusual_volume',
  'odd tool': 'first_use',
  'probing after a policy change': 'denied_after_policy',
  'broken by a policy': 'denied_after_policy',
} as const satisfies Readonly<Record<string, AnomalyKind>>
export type AttackKind = keyof typeof ATTACKS

export interface Labelled {
  readonly events: readonly AuditEvent[]
  readonly attacks: readonly Attack[]
  /** By event id: the attack that it is part of. */
  readonly attackOf: ReadonlyMap<string, string>
}

interface Who {
  readonly name: string
  readonly kind: 'user' | 'service'
  readonly roles: readonly string[]
  readonly tools: readonly string[]
  readonly places: readonly string[]
  /** First and last hour of a day; of a service all of it. */
  readonly hours: readonly [number, number]
  readonly bytes: number
}

type Random = () => number

/** mulberry32: small, fast, and the same everywhere. */
function randomOf(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

class Writer {
  readonly random: Random
  readonly world: World
  readonly attacks: Attack[] = []
  readonly #drafts: { at: number; entry: Entry; attack: string | undefined }[] = []

  constructor(seed: number, world: World) {
    this.random = randomOf(seed)
    this.world = world
  }

  write(at: number, entry: Entry, attack?: string): void {
    if (at >= START_AT && at < START_AT + this.world.days * DAY_MS) this.#drafts.push({ at: Math.floor(at), entry, attack })
  }

  begin(kind: AttackKind): string {
    const id = `${kind} ${this.attacks.filter((attack) => attack.kind === kind).length + 1}`
    this.attacks.push({ id, kind, expected: ATTACKS[kind] })
    return id
  }

  pick<T>(from: readonly [T, ...T[]] | readonly T[]): T {
    const picked = from[Math.floor(this.random() * from.length)]
    if (picked === undefined) throw new RangeError('nothing to pick from')
    return picked
  }

  between(low: number, high: number): number {
    return low + this.random() * (high - low)
  }

  /** Log-normal around a median. */
  about(median: number, spread: number): number {
    const normal = Math.sqrt(-2 * Math.log(1 - this.random())) * Math.cos(2 * Math.PI * this.random())
    return median * Math.exp(spread * normal)
  }

  chance(probability: number): boolean {
    return this.random() < probability
  }

  address(): string {
    return `${Math.floor(this.between(20, 200))}.${Math.floor(this.between(0, 250))}.${Math.floor(this.between(0, 250))}.${Math.floor(this.between(1, 250))}`
  }

  end(): Labelled {
    const attackOf = new Map<string, string>()
    const events = this.#drafts
      .toSorted((left, right) => left.at - right.at)
      .map(({ at, entry, attack }, index): AuditEvent => {
        const id = `e${index}`
        if (attack !== undefined) attackOf.set(id, attack)
        return { ...entry, id, at, node: 'made-up', seq: index + 1, previous: '' }
      })
    return { events, attacks: this.attacks, attackOf }
  }
}

const SHARED_TOOLS = Array.from({ length: 14 }, (_, at) => `read_${at}`)
/** A deploy brings them on this day. */
const NEW_TOOLS = ['new_search', 'new_report']
const DEPLOY_DAY = 16
const ADMIN_TOOLS = ['delete_user', 'export_all', 'rotate_keys', 'run_sql', 'grant_role', 'read_salaries', 'dump_logs', 'read_secrets']

export function makeJournal(seed: number, world: World): Labelled {
  const writer = new Writer(seed, world)
  const people = Array.from({ length: world.people }, (_, at) => aPerson(writer, at))
  const crons = Array.from({ length: world.crons }, (_, at) => aCron(writer, at))
  const builders = Array.from({ length: world.builders }, (_, at) => aBuilder(writer, at))
  // The last few are new: they come in the middle.
  const newcomers = Math.ceil(world.people / 8)
  for (const [at, who] of people.entries()) {
    const from = at >= world.people - newcomers ? Math.floor(writer.between(10, world.days - 10)) : 0
    workAsPerson(writer, who, from)
  }
  for (const [at, who] of crons.entries()) workAsCron(writer, who, at)
  for (const who of builders) workAsBuilder(writer, who)
  for (const name of NEW_TOOLS)
    writer.write(START_AT + DEPLOY_DAY * DAY_MS, { type: 'definition.pinned', resource: { kind: 'tool', server: 'srv', name } })
  makeNoise(writer)
  const lawAt = changeLaw(writer)
  attack(writer, { people: people.slice(0, world.people - newcomers), crons, lawAt })
  return writer.end()
}

function aPerson(writer: Writer, at: number): Who {
  const first = Math.round(writer.between(6, 10))
  const admin = at % 8 === 7
  const tools = SHARED_TOOLS.filter(() => writer.chance(0.4))
  return {
    name: `https://id.example#person-${at}`,
    kind: 'user',
    roles: [admin ? 'admin' : 'user'],
    tools: [...(tools.length === 0 ? SHARED_TOOLS.slice(0, 3) : tools), ...(admin ? ADMIN_TOOLS.slice(0, 4) : [])],
    places: ['198.18.0.9', writer.address(), writer.address()],
    hours: [first, first + 9],
    bytes: writer.about(12_000, 0.5) * writer.world.weight,
  }
}

function aCron(writer: Writer, at: number): Who {
  return {
    name: `key#cron${at}`,
    kind: 'service',
    roles: ['service'],
    tools: [`job_${at}`, `job_${at}_check`],
    places: [`10.${at}.0.5`],
    hours: [0, 24],
    bytes: writer.about(40_000, 1) * writer.world.weight,
  }
}

function aBuilder(writer: Writer, at: number): Who {
  return {
    name: `key#ci${at}`,
    kind: 'service',
    roles: ['ci'],
    tools: SHARED_TOOLS.slice(0, 4),
    places: Array.from({ length: 8 }, () => writer.address()),
    hours: [7, 20],
    bytes: writer.about(6_000, 0.3) * writer.world.weight,
  }
}

function call(writer: Writer, who: Who, at: number, said: Partial<Entry> & { readonly tool?: string } = {}, label?: string): void {
  const { tool = writer.pick(who.tools), ...rest } = said
  const entry: Entry = {
    type: 'call.ended',
    outcome: 'permitted',
    call: 'c',
    principal: who.name,
    kind: who.kind,
    roles: who.roles,
    method: 'tools/call',
    action: 'call',
    resource: { kind: 'tool', server: 'srv', name: tool },
    address: who.places[0] ?? '10.0.0.1',
    bytes: Math.round(writer.about(who.bytes, 0.8)),
    ...rest,
  }
  writer.write(at, entry, label)
}

const isWeekend = (day: number): boolean => day % 7 >= 5
/** Two public holidays, and a fortnight away for some. */
const HOLIDAYS = new Set([18, 19])

function workAsPerson(writer: Writer, who: Who, from: number): void {
  const { world } = writer
  const awayFrom = writer.chance(0.3) ? writer.between(8, world.days - 8) : Number.POSITIVE_INFINITY
  const travels = writer.chance(0.15) ? Math.floor(writer.between(10, world.days - 3)) : -1
  const hotel = writer.address()
  for (let day = from; day < world.days; day++) {
    if (HOLIDAYS.has(day) || (day >= awayFrom && day < awayFrom + 10) || writer.chance(0.04)) continue
    if (isWeekend(day) && !writer.chance(0.04)) continue
    const [first, last] = isWeekend(day) ? [who.hours[0] + 2, who.hours[0] + 4] : who.hours
    const until = last + (writer.chance(0.06) ? 2 : 0)
    const home = who.places[writer.chance(0.4) ? 1 : 0] ?? ''
    for (let hour = first; hour < until; hour++) {
      const calls = Math.round(writer.about(7, 0.7) * world.pace * (day > DEPLOY_DAY ? 1.2 : 1))
      const address = day >= travels && day < travels + 3 && travels >= 0 ? hotel : writer.chance(0.08) ? (who.places[2] ?? '') : home
      for (let nth = 0; nth < calls; nth++) {
        const at = START_AT + day * DAY_MS + hour * HOUR_MS + writer.random() * HOUR_MS
        // A deploy brings two tools, which everybody tries; now and then somebody tries what others use.
        const tool =
          day >= DEPLOY_DAY && writer.chance(0.05) ? writer.pick(NEW_TOOLS) : writer.chance(0.004) ? writer.pick(SHARED_TOOLS) : undefined
        const denied = writer.chance(0.01) ? ({ outcome: 'denied', denial: 'forbidden', bytes: 0 } as const) : {}
        call(writer, who, at, { address, ...denied, ...(tool === undefined ? {} : { tool }) })
      }
      // Who reads a long document.
      if (writer.chance(0.01))
        call(writer, who, START_AT + day * DAY_MS + hour * HOUR_MS + 1, { address, bytes: Math.round(writer.about(1_500_000, 0.6)) })
    }
  }
}

function workAsCron(writer: Writer, who: Who, number: number): void {
  const everyMs = [5, 15, 60, 24 * 60][number % 4] ?? 60
  const isMonthly = number % 6 === 5
  for (let at = START_AT + number * 1_000; at < START_AT + writer.world.days * DAY_MS; at += everyMs * MINUTE_MS) {
    call(writer, who, at + writer.random() * 20_000)
    const day = Math.floor((at - START_AT) / DAY_MS)
    // The end of the month is four times as large.
    if (isMonthly && day % 28 === 27) for (let extra = 0; extra < 3; extra++) call(writer, who, at + 1_000 + extra)
  }
}

function workAsBuilder(writer: Writer, who: Who): void {
  for (let day = 0; day < writer.world.days; day++) {
    const builds = Math.round(writer.about(isWeekend(day) || HOLIDAYS.has(day) ? 1 : 7, 0.5))
    for (let build = 0; build < builds; build++) {
      const startedAt = START_AT + day * DAY_MS + writer.between(who.hours[0], who.hours[1]) * HOUR_MS
      const address = writer.pick(who.places)
      const calls = Math.round(writer.about(40, 0.6) * writer.world.pace)
      for (let nth = 0; nth < calls; nth++) call(writer, who, startedAt + nth * 1_500, { address })
    }
  }
}

function failure(writer: Writer, at: number, address: string, said: Partial<Entry> = {}, label?: string): void {
  const entry: Entry = { type: 'call.ended', outcome: 'denied', denial: 'invalid_token', call: 'c', method: 'tools/call', address, ...said }
  writer.write(at, entry, label)
}

/** People mistype, agents hold on to keys that have ended, scanners knock. */
function makeNoise(writer: Writer): void {
  const { days } = writer.world
  for (let hour = 0; hour < days * 24; hour++) {
    const at = (): number => START_AT + (hour + writer.random()) * HOUR_MS
    for (let knocks = Math.floor(writer.between(0, 4)); knocks > 0; knocks--) failure(writer, at(), writer.address())
    if (writer.chance(0.05)) {
      const key = `cron${Math.floor(writer.between(0, writer.world.crons))}`
      for (let nth = 0, from = at(); nth < 3; nth++) failure(writer, from + nth * 9_000, '198.18.0.9', { key })
    }
  }
  // A revoked key in a forgotten script, every minute for two days.
  for (let minute = 0; minute < 2 * 24 * 60; minute++)
    failure(writer, START_AT + 9 * DAY_MS + minute * MINUTE_MS, '10.200.0.1', { key: 'old', isStale: true })
  // A key was rotated and two hosts were forgotten: each tries every two minutes for an hour.
  for (let minute = 0; minute < 60; minute += 2)
    for (const host of ['10.0.0.5', '10.0.0.6'])
      failure(writer, START_AT + 22 * DAY_MS + 10 * HOUR_MS + minute * MINUTE_MS, host, { key: 'cron0' })
}

/** The law changes now and then. @returns when. */
function changeLaw(writer: Writer): readonly number[] {
  const times: number[] = []
  for (let day = 3; day < writer.world.days - 1; day += 4) times.push(START_AT + day * DAY_MS + 11 * HOUR_MS)
  for (const at of times) writer.write(at, { type: 'policy.loaded', law: `law-${at}`, detail: '' })
  return times
}

interface Victims {
  readonly people: readonly Who[]
  readonly crons: readonly Who[]
  readonly lawAt: readonly number[]
}

function attack(writer: Writer, victims: Victims): void {
  const { world } = writer
  for (let nth = 0; nth < world.attacks; nth++) {
    const day = (): number => START_AT + Math.floor(writer.between(15, world.days - 3)) * DAY_MS
    guess(writer, victims, day)
    steal(writer, victims, day)
    takeAway(writer, victims, day)
    poison(writer, victims, nth)
    probe(writer, victims, nth)
  }
}

function guess(writer: Writer, { crons }: Victims, day: () => number): void {
  const { boldness } = writer.world
  const keyOf = (): string => writer.pick(crons).name.slice(4)
  const at = (): number => day() + writer.between(0, 20) * HOUR_MS

  const force = writer.begin('brute force')
  const [source, key, from] = [writer.address(), keyOf(), at()]
  for (let nth = 0; nth < 40 * boldness; nth++) failure(writer, from + nth * 4_000, source, { key }, force)

  const spray = writer.begin('spraying')
  const [sprayer, since] = [writer.address(), at()]
  for (let nth = 0; nth < 30 * boldness; nth++) failure(writer, since + nth * 6 * MINUTE_MS, sprayer, { key: `guess${nth}` }, spray)

  const slow = writer.begin('low and slow')
  const [aim, begunAt] = [keyOf(), at()]
  for (let nth = 0; nth < 24 * boldness; nth++) failure(writer, begunAt + nth * 25 * MINUTE_MS, writer.address(), { key: aim }, slow)

  const crowd = writer.begin('many guessers')
  const crowdAt = at()
  for (let nth = 0; nth < 150 * boldness; nth++) failure(writer, crowdAt + writer.random() * HOUR_MS, writer.address(), {}, crowd)
}

function steal(writer: Writer, { people, crons }: Victims, day: () => number): void {
  const { boldness } = writer.world
  // A key that is in use all the time.
  const busy = writer.pick(crons.filter((_, at) => at % 4 < 2))
  const key = writer.begin('stolen key')
  const [elsewhere, keyAt] = [writer.address(), day() + writer.between(0, 5) * HOUR_MS]
  for (let nth = 0; nth < 20 * boldness; nth++) call(writer, busy, keyAt + nth * 40_000, { address: elsewhere }, key)

  const person = writer.pick(people)
  const night = writer.begin('stolen session at night')
  const [abroad, nightAt] = [writer.address(), day() + ((person.hours[0] + 17 + writer.between(0, 2)) % 24) * HOUR_MS]
  for (let nth = 0; nth < 20 * boldness; nth++) call(writer, person, nightAt + nth * 60_000, { address: abroad }, night)
}

function takeAway(writer: Writer, { people }: Victims, day: () => number): void {
  const { boldness, weight } = writer.world
  const thief = writer.pick(people)
  const [home = ''] = thief.places
  const out = writer.begin('exfiltration')
  const outAt = day() + (thief.hours[0] + 4) * HOUR_MS
  for (let nth = 0; nth < 60 * boldness; nth++)
    call(writer, thief, outAt + nth * 20_000, { address: home, bytes: Math.round(writer.about(2_500_000, 0.4)) }, out)

  const harvest = writer.begin('harvesting')
  const reader = writer.pick(people)
  const harvestAt = day() + (reader.hours[0] + 3) * HOUR_MS
  for (let nth = 0; nth < 700 * boldness; nth++)
    call(writer, reader, harvestAt + nth * 4_000, { address: reader.places[0] ?? '', bytes: Math.round(900 * weight) }, harvest)
}

/** A little more every day, from one that nobody else is poisoning. */
function poison(writer: Writer, { crons }: Victims, number: number): void {
  const patient = crons.filter((_, at) => at % 4 === 1)[number]
  if (patient === undefined) return
  const slow = writer.begin('slow poisoning')
  const rate = writer.between(0.18, 0.28)
  for (let since = 0; since < writer.world.days - 12; since++) {
    const extra = Math.min(96 * patient.bytes * ((1 + rate) ** since - 1), 4e9)
    for (let nth = 0; nth < 24; nth++) {
      const at = START_AT + (12 + since) * DAY_MS + (nth + writer.random()) * HOUR_MS
      call(writer, patient, at, { bytes: Math.round(extra / 24) }, slow)
    }
  }
}

function probe(writer: Writer, { people, crons, lawAt }: Victims, number: number): void {
  const { boldness } = writer.world
  const users = people.filter(({ roles }) => roles.includes('user'))
  const later = lawAt.slice(3)
  const lawOf = (nth: number): number => later[nth % later.length] ?? 0
  const denied = { outcome: 'denied', denial: 'forbidden', bytes: 0 } as const

  const probing = writer.begin('probing after a policy change')
  const [prober, lawOne] = [writer.pick(users), lawOf(number)]
  for (let nth = 0; nth < 25 * boldness; nth++)
    call(writer, prober, lawOne + (2 + nth * 1.5) * MINUTE_MS, { ...denied, tool: writer.pick(ADMIN_TOOLS) }, probing)

  const broken = writer.begin('broken by a policy')
  const [job, lawTwo] = [writer.pick(crons.filter((_, index) => index % 4 === 0)), lawOf(number + 1)]
  for (let nth = 0; nth < 24; nth++) call(writer, job, lawTwo + (nth + 1) * 5 * MINUTE_MS, denied, broken)

  const odd = writer.begin('odd tool')
  const curious = writer.pick([...users, ...crons])
  const oddAt = lawOf(number) - 2 * DAY_MS + writer.between(-1, 3) * HOUR_MS
  for (let nth = 0; nth < 3; nth++)
    call(writer, curious, oddAt + nth * MINUTE_MS, { tool: writer.pick(ADMIN_TOOLS.slice(4)), address: curious.places[0] ?? '' }, odd)
}
