/** What is remembered of one principal: plain values, about 6 KiB. */
import { type Baseline, createBaseline } from './anomaly-baseline.ts'
import { networkOf } from './anomaly-network.ts'

/** A network from which a principal came on so many days is one of its own. */
export const OWN_AFTER_DAYS = 2
export const HOURS = 24

interface Network {
  lastDay: number
  days: number
}

export interface Profile {
  readonly firstAt: number
  lastAt: number
  lastDay: number
  /** On how many days it did something, and in which hours of the day on how many days. */
  days: number
  readonly hours: number[]
  /** Hours of the last day, as bits; calls of the last hour. */
  today: number
  readonly tools: Map<string, number>
  readonly networks: Map<string, Network>
  /** Networks of the last hour. */
  readonly recent: Map<string, number>
  /** The most networks in an hour that are usual. */
  roaming: number
  roamingDay: number
  readonly calls: Baseline
  readonly bytes: Baseline
  /** What came from where in this hour. */
  readonly places: Map<string, { calls: number; bytes: number }>
  placesHour: number
  /** Under the law that is in force: denials in its first hours, and when it began. */
  denials: number
  deniedUnder: number
  readonly denied: Baseline
  readonly events: string[]
}

export function createProfile(at: number): Profile {
  return {
    firstAt: at,
    lastAt: at,
    lastDay: 0,
    days: 0,
    hours: new Array<number>(HOURS).fill(0),
    today: 0,
    tools: new Map(),
    networks: new Map(),
    recent: new Map(),
    roaming: 1,
    roamingDay: 0,
    calls: createBaseline(),
    bytes: createBaseline(),
    places: new Map(),
    placesHour: 0,
    denials: 0,
    deniedUnder: 0,
    denied: createBaseline(),
    events: [],
  }
}

export function isOwn(profile: Profile, place: string): boolean {
  return isOwnNetwork(profile, networkOf(place.replace(/\/\d+$/, '')) ?? place)
}

export function isOwnNetwork({ networks }: Profile, name: string): boolean {
  return (networks.get(name)?.days ?? 0) >= OWN_AFTER_DAYS
}
