/** What is told of what is far from usual, and what is done about it: the `anomalies:` section. */
import { z } from 'zod'
import { ANOMALY_KINDS, type AnomalyKind, REACTIONS, type Reaction, SENSITIVITIES, type Sensitivity } from '../core/anomaly.ts'
import type { Path } from './source.ts'
import { span, word } from './values.ts'

const reaction = z.enum(REACTIONS, { error: `expected one of ${REACTIONS.join(', ')}` })

export const anomalySettings = z.strictObject({
  sensitivity: z
    .enum(['off', ...SENSITIVITIES], { error: `expected off, ${SENSITIVITIES.join(', ')}` })
    .prefault('standard')
    .describe('How far from usual is far. `high` tells more, and more that is nothing.'),
  reactions: z
    .partialRecord(z.enum(ANOMALY_KINDS), reaction, { error: `expected a map of ${ANOMALY_KINDS.join(', ')}` })
    .prefault({})
    .describe(
      'What is done beside telling: step_up, approval or block, for the credential at the address where it was seen. Default: alert, nothing else.',
    ),
  block: span('1m', '7d').prefault('15m').describe('For how long.'),
  // What may stand in `@requires("acr:…")`, and in a challenge (RFC 9470).
  stepUp: word(/^[\x21\x23-\x2b\x2d-\x5b\x5d-\x7e]{1,200}$/, 'an authentication context class, such as phr')
    .optional()
    .describe('The `acr` that a token must have after step_up.'),
})

type Settings = z.output<typeof anomalySettings>

export interface AnomalyConfig {
  readonly sensitivity: Sensitivity
  readonly reactions: Readonly<Partial<Record<AnomalyKind, Reaction>>>
  readonly blockMs: number
  readonly stepUp?: string
}

/** @returns undefined when nothing is looked for. */
export function settleAnomalies({ sensitivity, reactions, block, stepUp }: Settings): AnomalyConfig | undefined {
  if (sensitivity === 'off') return undefined
  return { sensitivity, reactions, blockMs: block, ...(stepUp === undefined ? {} : { stepUp }) }
}

export function contradictingAnomalies({ sensitivity, reactions, stepUp }: Settings): readonly { path: Path; expected: string }[] {
  const wanted = Object.entries(reactions)
  const found: { path: Path; expected: string }[] = []
  if (sensitivity === 'off' && wanted.length > 0)
    found.push({ path: ['reactions'], expected: 'expected no reactions where sensitivity is off: nothing would be seen' })
  for (const [kind, told] of wanted)
    if (told === 'step_up' && stepUp === undefined)
      found.push({ path: ['reactions', kind], expected: 'expected anomalies.stepUp beside it: the acr that a token must have then' })
  return found
}
