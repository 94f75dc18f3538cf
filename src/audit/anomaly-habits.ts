/** What a principal usually does: which tools, at which hours, how often, how much, from where. And what is far from it. */
import type { DenialCode } from '../core/denial.ts'
import type { AuditEvent } from '../core/event.ts'
import { type Baseline, countIn, isKnown } from './anomaly-baseline.ts'
import { countSince, keepLast, note, obtain } from './anomaly-bounds.ts'
import { networkOf } from './anomaly-network.ts'
import { createProfile, HOURS, isOwn, isOwnNetwork, OWN_AFTER_DAYS, type Profile } from './anomaly-profile.ts'
import type { Raise } from './anomaly-state.ts'
import { AFTER_POLICY_MS, DAY_MS, HOUR_MS, NETWORKS_MS, type Thresholds } from './anomaly-thresholds.ts'

/** Principals whose habits are remembered, about 6 KiB each. Those that are learned stay before those that came and went. */
export const PROFILES_MAX = 5_000
const TOOLS_MAX = 256
const NETWORKS_MAX = 32
const PLACES_MAX = 16
const ROLES_MAX = 1_000
const EVIDENCE_MAX = 10
/** Days of work without which hours tell nothing. */
const DAYS_MIN = 4
/** One day in an hour is an exception, two are a habit. */
const USUAL_AFTER_DAYS = 2
/** Calls in an unusual hour: one alone may be a clock. */
const HOUR_CALLS_MIN = 3
/** A tool that a server has only just listed is new to everybody for so long. */
const NEW_TOOL_MS = 3 * DAY_MS
/** What so many others use, whatever their roles, is no news. */
const POPULAR = 5
/** Tools of all servers together. */
const ALL_TOOLS_MAX = 10_000
/** Who is used to many networks may come from so many times as many. */
const ROAMING_FACTOR = 2
/** Who has not been there for so long gives way first. */
const GONE_MS = 30 * DAY_MS

interface Tool {
  listedAt: number
  readonly users: string[]
}

export interface HabitState {
  readonly profiles: Map<string, Profile>
  /** By roles: which tool is used by whom, a few names each. */
  readonly peers: Map<string, Map<string, string[]>>
  /** Tools of everybody: when a server first listed them, and who uses them, a few names each. */
  readonly tools: Map<string, Tool>
  lawAt: number
  law: string
}

export function createHabitState(): HabitState {
  return { profiles: new Map(), peers: new Map(), tools: new Map(), lawAt: Number.NEGATIVE_INFINITY, law: '' }
}

/** Refusals that say that somebody tried what he may not. */
const DENIED: ReadonlySet<string> = new Set([
  'forbidden',
  'insufficient_scope',
  'not_found',
  'approval_required',
  'step_up_required',
] satisfies DenialCode[])

/** One ended call of an identified principal. */
export function takeCall(state: HabitState, event: AuditEvent, who: string, place: string, limits: Thresholds, raise: Raise): void {
  const { at } = event
  const day = Math.floor(at / DAY_MS)
  const isWorth = ({ firstAt, lastAt }: Profile): boolean => lastAt - firstAt > DAY_MS && at - lastAt < GONE_MS
  const profile = obtain(state.profiles, who, PROFILES_MAX, () => createProfile(at), isWorth)
  const isSettled = at - profile.firstAt >= limits.learnMs
  const seen: Seen = { event, who, place, profile, isSettled, limits, raise: (raised) => raise({ ...raised, subject: who }) }
  keepLast(profile.events, event.id, EVIDENCE_MAX)
  const isDenied = event.denial !== undefined && DENIED.has(event.denial)
  countIn(profile.denied, at, isDenied ? 1 : 0, { deviations: limits.deviations, factor: limits.factor, least: 1 }, isSettled)
  if (isDenied) lookAtDenials(state, seen)
  if (event.outcome === 'denied') return
  lookAtTool(state, seen)
  lookAtAmounts(seen)
  lookAtHour(seen, day)
  lookAtNetwork(seen, day)
  profile.lastAt = at
  profile.lastDay = day
}

interface Seen {
  readonly event: AuditEvent
  readonly who: string
  readonly place: string
  readonly profile: Profile
  readonly isSettled: boolean
  readonly limits: Thresholds
  readonly raise: (raised: Omit<Parameters<Raise>[0], 'subject'>) => void
}

/** Many refusals in the first hours of another law: it broke somebody's work, or somebody tries what it opened. */
function lookAtDenials({ lawAt }: HabitState, { event: { at }, profile, limits, raise }: Seen): void {
  if (at - lawAt >= AFTER_POLICY_MS) return
  if (profile.deniedUnder !== lawAt) {
    profile.deniedUnder = lawAt
    profile.denials = 0
  }
  profile.denials++
  const usual = isKnown(profile.denied) ? (profile.denied.level * AFTER_POLICY_MS) / HOUR_MS : 0
  const limit = Math.max(limits.denials, Math.round(usual))
  if (profile.denials > limit)
    raise({
      kind: 'denied_after_policy',
      seen: profile.denials,
      limit,
      baseline: profile.denied.median,
      windowMs: AFTER_POLICY_MS,
      events: profile.events,
    })
}

/** A tool that a principal never used, and of those with its roles hardly anybody. */
function lookAtTool(state: HabitState, { event, who, profile, isSettled, limits, raise }: Seen): void {
  const { resource, roles = [], at, id } = event
  if (resource?.kind !== 'tool' || event.method !== 'tools/call') return
  const tool = `${resource.server}/${resource.name}`
  const isFirst = !profile.tools.has(tool)
  if (isFirst && profile.tools.size < TOOLS_MAX) profile.tools.set(tool, at)
  if (!isFirst) return
  const { listedAt, users: all } = toolOf(state, tool)
  const popular = all.filter((name) => name !== who).length >= POPULAR
  if (all.length <= POPULAR && !all.includes(who)) all.push(who)
  const ofRole = obtain(
    state.peers,
    roles.join(' '),
    ROLES_MAX,
    () => new Map<string, string[]>(),
    () => true,
  )
  const users = ofRole.get(tool) ?? []
  const others = users.filter((name) => name !== who).length
  if (users.length <= limits.peers && !users.includes(who) && ofRole.size < TOOLS_MAX) ofRole.set(tool, [...users, who])
  const isNew = at - listedAt < NEW_TOOL_MS
  if (isSettled && others < limits.peers && !popular && !isNew)
    raise({ kind: 'first_use', seen: 1, limit: 0, baseline: others, windowMs: limits.learnMs, events: [id] })
}

/** A server lists a tool for the first time. */
export function noteTool(state: HabitState, { resource, at }: AuditEvent): void {
  if (resource?.kind === 'tool') toolOf(state, `${resource.server}/${resource.name}`).listedAt = at
}

function toolOf(state: HabitState, name: string): Tool {
  return obtain(
    state.tools,
    name,
    ALL_TOOLS_MAX,
    () => ({ listedAt: Number.NEGATIVE_INFINITY, users: [] }),
    ({ users }) => users.length > 1,
  )
}

/** How many calls and bytes in this hour. */
function lookAtAmounts(seen: Seen): void {
  const { event, place, profile, isSettled, limits } = seen
  const { at, bytes = 0 } = event
  const hour = Math.floor(at / HOUR_MS)
  if (hour !== profile.placesHour) {
    profile.places.clear()
    profile.placesHour = hour
  }
  const from = obtain(
    profile.places,
    place,
    PLACES_MAX,
    () => ({ calls: 0, bytes: 0 }),
    () => false,
  )
  from.calls++
  from.bytes += bytes
  const { deviations, factor, leastCalls, leastBytes } = limits
  countIn(profile.calls, at, 1, { deviations, factor, least: leastCalls }, isSettled)
  countIn(profile.bytes, at, bytes, { deviations, factor, least: leastBytes }, isSettled)
  if (!isSettled) return
  compare(seen, 'unusual_volume', profile.calls, 'calls')
  compare(seen, 'exfiltration', profile.bytes, 'bytes')
}

function compare({ profile, raise }: Seen, kind: 'unusual_volume' | 'exfiltration', usual: Baseline, unit: 'calls' | 'bytes'): void {
  if (!isKnown(usual) || usual.count <= usual.level) return
  // Whoever works as always from a place of his own while somebody else takes what is his is not the one it is about.
  let worst = ''
  let most = Number.NEGATIVE_INFINITY
  for (const [place, amounts] of profile.places) {
    const over = amounts[unit] - (isOwn(profile, place) ? usual.median : 0)
    if (over > most) [worst, most] = [place, over]
  }
  raise({
    kind,
    seen: usual.count,
    limit: Math.round(usual.level),
    baseline: usual.median,
    windowMs: HOUR_MS,
    events: profile.events,
    place: worst,
  })
}

/** An hour of the day in which it hardly ever worked, nor near it. */
function lookAtHour({ event, profile, isSettled, limits, raise }: Seen, day: number): void {
  const hour = Math.floor(event.at / HOUR_MS) % HOURS
  if (day !== profile.lastDay) {
    profile.days++
    profile.today = 0
  }
  if ((profile.today & (1 << hour)) === 0) {
    profile.today |= 1 << hour
    profile.hours[hour] = (profile.hours[hour] ?? 0) + 1
  }
  if (!isSettled || profile.days < DAYS_MIN || profile.calls.count < HOUR_CALLS_MIN) return
  let days = 0
  for (let near = -limits.nearHours; near <= limits.nearHours; near++) {
    const count = profile.hours[(hour + near + HOURS) % HOURS] ?? 0
    // Today's own hours are not a habit yet.
    const isToday = (profile.today & (1 << ((hour + near + HOURS) % HOURS))) !== 0
    days = Math.max(days, isToday ? count - 1 : count)
  }
  if (days >= USUAL_AFTER_DAYS) return
  raise({
    kind: 'unusual_hour',
    seen: profile.calls.count,
    limit: 0,
    baseline: days,
    windowMs: HOUR_MS,
    events: profile.events,
  })
}

/** One credential from a network that is not its own, while it is used from others. */
function lookAtNetwork({ event, profile, isSettled, limits, raise }: Seen, day: number): void {
  const { at, kind } = event
  const name = event.address === undefined ? undefined : networkOf(event.address)
  if (name === undefined) return
  const network = obtain(
    profile.networks,
    name,
    NETWORKS_MAX,
    () => ({ lastDay: 0, days: 0 }),
    ({ days }) => days >= OWN_AFTER_DAYS,
  )
  if (network.lastDay !== day) {
    network.lastDay = day
    network.days++
  }
  note(profile.recent, name, at, NETWORKS_MAX)
  const seen = countSince(profile.recent, at - NETWORKS_MS)
  const base = isSettled ? (kind === 'service' ? limits.networks.service : limits.networks.user) : limits.networks.learning
  const limit = profile.roaming > 1 ? Math.max(base, profile.roaming * ROAMING_FACTOR) : base
  if (network.days < OWN_AFTER_DAYS && seen >= limit)
    raise({ kind: 'many_networks', seen, limit: limit - 1, baseline: profile.roaming, windowMs: NETWORKS_MS, events: profile.events })
  // One more a day, and once it is known only of its own networks, or a thief would make himself at home.
  const own = isSettled ? [...profile.recent.keys()].filter((recent) => isOwnNetwork(profile, recent)).length : seen
  if (own > profile.roaming && profile.roamingDay !== day) {
    profile.roaming++
    profile.roamingDay = day
  }
}
