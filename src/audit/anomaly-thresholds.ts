/** How far from usual is far: every number of the detectors, by sensitivity, with its reason. */
import type { AnomalyKind, Sensitivity, Severity } from '../core/anomaly.ts'

const MINUTE_MS = 60_000
export const HOUR_MS = 60 * MINUTE_MS
export const DAY_MS = 24 * HOUR_MS

export interface Thresholds {
  /** Bad credentials from one address, or for one key, in `BURST_MS`. People mistype a few times. */
  readonly burst: number
  /** Addresses that present bad credentials for one key, and keys that are tried from one address, in `SPREAD_MS`. */
  readonly spread: number
  /** Addresses that present bad credentials at all, in `CROWD_MS`. */
  readonly crowd: number
  /** A principal is only learned from for so long. */
  readonly learnMs: number
  /** Of principals with the same roles, how many others must use a tool for it to be no news. */
  readonly peers: number
  /** An hour is usual where one so near to it was worked in. */
  readonly nearHours: number
  /** Median absolute deviations (as standard deviations) above the median. */
  readonly deviations: number
  /** Times the median: honest work doubles from one day to the next. */
  readonly factor: number
  /** Less than this in an hour is never much. */
  readonly leastCalls: number
  readonly leastBytes: number
  /** Denials of one principal within `AFTER_POLICY_MS` of another law. */
  readonly denials: number
  /** Networks from which one credential is used in `NETWORKS_MS`: of a service, of a person, of one that is still learned. */
  readonly networks: { readonly service: number; readonly user: number; readonly learning: number }
}

const MIB = 1024 * 1024

export const THRESHOLDS: Readonly<Record<Sensitivity, Thresholds>> = {
  low: {
    burst: 20,
    spread: 20,
    crowd: 200,
    learnMs: 14 * DAY_MS,
    peers: 1,
    nearHours: 3,
    deviations: 14,
    factor: 8,
    leastCalls: 500,
    leastBytes: 64 * MIB,
    denials: 20,
    networks: { service: 3, user: 4, learning: 8 },
  },
  standard: {
    burst: 10,
    spread: 8,
    crowd: 50,
    learnMs: 7 * DAY_MS,
    peers: 2,
    nearHours: 2,
    deviations: 8,
    factor: 4,
    leastCalls: 240,
    leastBytes: 6 * MIB,
    denials: 8,
    networks: { service: 2, user: 3, learning: 6 },
  },
  high: {
    burst: 5,
    spread: 4,
    crowd: 20,
    learnMs: 3 * DAY_MS,
    peers: 3,
    nearHours: 1,
    deviations: 5,
    factor: 2.5,
    leastCalls: 60,
    leastBytes: MIB,
    denials: 4,
    networks: { service: 2, user: 2, learning: 4 },
  },
}

export const BURST_MS = 5 * MINUTE_MS
export const SPREAD_MS = 24 * HOUR_MS
export const CROWD_MS = 60 * MINUTE_MS
export const AFTER_POLICY_MS = 2 * HOUR_MS
export const NETWORKS_MS = 60 * MINUTE_MS

/** The same of the same subject is told once in this time: people stop reading what repeats itself. */
export const QUIET_MS: Readonly<Record<AnomalyKind, number>> = {
  credential_burst: HOUR_MS,
  credential_spread: 12 * HOUR_MS,
  first_use: DAY_MS,
  unusual_hour: 12 * HOUR_MS,
  unusual_volume: 12 * HOUR_MS,
  exfiltration: 12 * HOUR_MS,
  denied_after_policy: AFTER_POLICY_MS,
  many_networks: 12 * HOUR_MS,
}

export const SEVERITIES: Readonly<Record<AnomalyKind, Severity>> = {
  credential_burst: 'medium',
  credential_spread: 'medium',
  first_use: 'low',
  unusual_hour: 'low',
  unusual_volume: 'medium',
  exfiltration: 'high',
  denied_after_policy: 'medium',
  many_networks: 'high',
}
