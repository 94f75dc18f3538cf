/** What is done about what is far from usual: held against one principal at one address, for a time, so that its owner goes on working elsewhere. */
import type { Sighting } from '../audit/anomaly.ts'
import { placeOf } from '../audit/anomaly-network.ts'
import { QUIET_MS } from '../audit/anomaly-thresholds.ts'
import { AnomalyWatch } from '../audit/anomaly-watch.ts'
import { sentenceOf } from '../audit/anomaly-words.ts'
import type { Sink } from '../audit/sinks.ts'
import type { AnomalyConfig } from '../config/anomalies.ts'
import type { Config } from '../config/config.ts'
import type { Anomaly, Reaction } from '../core/anomaly.ts'
import type { Call } from '../core/call.ts'
import { Fault } from '../core/denial.ts'
import type { Entry } from '../core/event.ts'
import type { Finding } from '../core/finding.ts'
import { nameOf, type Principal } from '../core/principal.ts'
import type { Clock } from '../core/time.ts'
import { refused } from '../limit/refusal.ts'
import type { PolicyFile } from '../policy/load.ts'
import { KEYS } from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import { type Held, Reactions } from './reactions.ts'

/** What the law reads of each reaction that it has a part in. */
const LABELS = { step_up: 'anomaly/step-up', approval: 'anomaly/approval' } as const satisfies Partial<Record<Reaction, string>>

export interface AnomaliesOptions {
  readonly config: AnomalyConfig
  readonly store: Pick<Store, 'read' | 'append' | 'marks' | 'put'>
  readonly clock: Clock
  /** In `profile: observe` nothing is held against anybody. */
  readonly isObserving: boolean
  readonly onFault: (fault: Fault) => void
}

export class Anomalies {
  readonly #options: AnomaliesOptions
  readonly #looking: AnomalyWatch
  /** What is held against whom. */
  readonly reactions: Reactions
  #write: ((entry: Entry) => Promise<void>) | undefined

  constructor(options: AnomaliesOptions) {
    const { config, store, clock, onFault } = options
    this.#options = options
    this.reactions = new Reactions({ store, clock, onFault })
    this.#looking = new AnomalyWatch({
      sensitivity: config.sensitivity,
      store,
      clock,
      onAnomaly: (sighting) => this.#react(sighting),
      onFault: (cause) => onFault(new Fault('FAULT_STORE', 'What is usual could not be learned from the journal', { cause })),
    })
  }

  /** Is told what the journal has written. */
  get sink(): Sink {
    return this.#looking
  }

  /** From now on anomalies are written down; what was usual is learned behind the back of the calls. */
  watch(node: string, write: (entry: Entry) => Promise<void>): void {
    this.#write = write
    this.#looking.learn(node)
  }

  /** Resolves when every event of this process so far has been looked at. */
  settled(): Promise<void> {
    return this.#looking.settled()
  }

  /** Looks at what other processes did, without waiting for the time to do so. */
  async look(): Promise<void> {
    await Promise.all([this.#looking.look(), this.reactions.look()])
  }

  /** Whether anything is held against anybody: most of the time nothing is. */
  get isHolding(): boolean {
    return this.reactions.isHolding && !this.#options.isObserving
  }

  /** @throws Denial `rate_limited` for a principal that is blocked at this address */
  check(principal: Principal, call: Call): void {
    const held = this.#heldAgainst(principal, call)
    if (held?.reaction !== 'block') return
    const now = this.#options.clock()
    throw refused(`${nameOf(principal)} is blocked at this address: ${held.kind} (anomalies.reactions)`, held.until - now)
  }

  /** What the law is to know of it. */
  findingsOf(principal: Principal, call: Call): readonly Finding[] {
    const held = this.#heldAgainst(principal, call)
    if (held === undefined || held.reaction === 'block') return []
    return [{ label: LABELS[held.reaction], detector: `anomaly/${held.kind}`, pointer: '' }]
  }

  #heldAgainst(principal: Principal, { origin }: Call): Held | undefined {
    return this.reactions.of(nameOf(principal), placeOf(origin.address))
  }

  #react({ anomaly, event, place }: Sighting): void {
    const { config, clock, isObserving } = this.#options
    const who = event.principal ?? (event.key === undefined ? undefined : `key#${event.key}`)
    const wanted = isObserving || who === undefined ? 'alert' : (config.reactions[anomaly.kind] ?? 'alert')
    const until = clock() + config.blockMs
    const told: Anomaly = { ...anomaly, reaction: wanted, ...(wanted === 'alert' ? {} : { until }) }
    const { kind, roles, resource } = event
    const entry: Entry = {
      type: 'anomaly.detected',
      anomaly: told,
      detail: sentenceOf(told),
      by: 'gateway',
      ...(who === undefined ? {} : { principal: who }),
      ...(kind === undefined ? {} : { kind }),
      ...(roles === undefined ? {} : { roles }),
      ...(place === '' ? {} : { address: place }),
      ...(anomaly.kind === 'first_use' && resource !== undefined ? { resource } : {}),
    }
    // First the deed: a journal that is away must not leave the door open.
    if (who !== undefined && wanted !== 'alert')
      void this.reactions.add({ principal: who, place, reaction: wanted, kind: anomaly.kind, until })
    void this.#tell(entry, told)
  }

  /** Every process sees it, and the first of them tells. Where the store cannot say who was first, all do. */
  async #tell(entry: Entry, { kind, subject }: Anomaly): Promise<void> {
    const { store, clock } = this.#options
    const claim = store.put(KEYS.anomalyTold(kind, subject), true, { onlyIfAbsent: true, expiresAt: clock() + QUIET_MS[kind] })
    if (await claim.catch(() => true)) await this.#write?.(entry).catch(() => undefined)
  }
}

/** Undefined where nothing is looked for. */
export function openAnomalies(
  { anomalies, profile }: Pick<Config, 'anomalies' | 'profile'>,
  store: AnomaliesOptions['store'],
  clock: Clock,
  onFault: AnomaliesOptions['onFault'],
): Anomalies | undefined {
  if (anomalies === undefined) return undefined
  return new Anomalies({ config: anomalies, store, clock, isObserving: profile === 'observe', onFault })
}

/** The law that goes with the configured reactions; none where the law has no part in them. */
export function lawOf({ reactions, stepUp }: AnomalyConfig): readonly PolicyFile[] {
  const wanted = new Set(Object.values(reactions))
  const policies: string[] = []
  if (wanted.has('approval')) policies.push(policyOf('approval', 'approval', 'context.approved'))
  if (wanted.has('step_up') && stepUp !== undefined) {
    const has = `principal.hasTag("acr") && principal.getTag("acr").contains(${JSON.stringify(stepUp)})`
    policies.push(policyOf('step_up', `acr:${stepUp}`, has))
  }
  return policies.length === 0 ? [] : [{ path: 'anomalies', text: policies.join('\n') }]
}

function policyOf(reaction: keyof typeof LABELS, remedy: string, unless: string): string {
  return `@id("anomalies.${reaction}")
@requires(${JSON.stringify(remedy)})
forbid (
  principal,
  action in [Action::"call", Action::"get", Action::"complete", Action::"read", Action::"listen"],
  resource
)
when { context.findings.contains("${LABELS[reaction]}") }
unless { ${unless} };
`
}
