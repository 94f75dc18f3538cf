/** An anomaly in one sentence, for people. */
import type { Anomaly, AnomalyKind } from '../core/anomaly.ts'
import { howLarge } from '../core/time.ts'

type Told = Pick<Anomaly, 'kind' | 'subject' | 'seen' | 'limit' | 'baseline' | 'windowMs'>

const SENTENCES: Readonly<Record<AnomalyKind, (told: Told) => string>> = {
  credential_burst: ({ seen, limit }) => `${seen} bad credentials in 5 minutes, more than ${limit}`,
  credential_spread: ({ subject, seen, limit, windowMs }) =>
    subject === '*'
      ? `bad credentials from ${seen} addresses in an hour, more than ${limit}`
      : `bad credentials from or for ${seen} others in ${windowMs / 3_600_000} hours, more than ${limit}`,
  first_use: () => 'its first use of this tool, which hardly anybody with its roles uses',
  unusual_hour: ({ seen }) => `${seen} calls in an hour of the day in which it hardly ever works`,
  unusual_volume: ({ seen, limit, baseline = 0 }) => `${seen} calls in an hour; usual are ${Math.round(baseline)}, told above ${limit}`,
  exfiltration: ({ seen, limit, baseline = 0 }) =>
    `${howLarge(seen)} answered in an hour; usual are ${howLarge(Math.round(baseline))}, told above ${howLarge(limit)}`,
  denied_after_policy: ({ seen, limit }) => `${seen} denials in the first hours of another law, more than ${limit}`,
  many_networks: ({ seen, limit }) => `used from ${seen} networks in an hour, one of them not its own; more than ${limit}`,
}

export function sentenceOf(told: Told): string {
  return SENTENCES[told.kind](told)
}
