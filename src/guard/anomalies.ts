/** What is done about what is far from usual: held against one principal at one address, for a time, so that its owner goes on working elsewhere. */
import { placeOf, type Sighting } from '../audit/anomaly.ts'
import { AnomalyWatch } from '../audit/anomaly-watch.ts'
import { sentenceOf } from '../audit/anomaly-words.ts'
import type { Sink } from '../audit/sinks.ts'
import type { AnomalyConfig } from '../config/anomalies.ts'
import type { AnomalyKind, Reaction } from '../core/anomaly.ts'
import type { Call } from '../core/call.ts'
import { Fault } from '../core/denial.ts'
import type { AuditEvent, Entry } from '../core/event.ts'
import type { Finding } from '../core/finding.ts'
import { nameOf, type Principal } from '../core/principal.ts'
import type { Clock } from '../core/time.ts'
import { refused } from '../limit/refusal.ts'
import type { PolicyFile } from '../policy/load.ts'
import type { Store } from '../store/store.ts'
import { remember } from '../trust/remember.ts'

/** Pairs of a principal and an address against which something is held at once. */
const HELD_MAX = 10_000

/** What the law reads of each reaction that it has a part in. */
const LABELS = { step_up: 'anomaly/step-up', approval: 'anomaly/approval' } as const satisfies Partial<Record<Reaction, string>>

interface Held {
  readonly reaction: Exclude<Reaction, 'alert'>
  readonly kind: AnomalyKind
  readonly until: number
}

export interface AnomaliesOptions {
  readonly config: AnomalyConfig
  readonly store: Pick<Store, 'read'>
  readonly clock: Clock
  /** In `profile: observe` nothing is held against anybody. */
  readonly isObserving: boolean
  readonly onFault: (fault: Fault) => void
}

export class Anomalies {
  readonly #options: AnomaliesOptions
  readonly #watch: AnomalyWatch
  readonly #held = new Map<string, Held>()
  #write: ((entry: Entry) => Promise<void>) | undefined

  constructor(options: AnomaliesOptions) {
    const { config, store, clock, onFault } = options
    this.#options = options
    this.#watch = new AnomalyWatch({
      sensitivity: config.sensitivity,
      store,
      clock,
      onAnomaly: (sighting) => this.#react(sighting),
      onPast: (event) => this.#recall(event),
      onFault: (cause) => onFault(new Fault('FAULT_STORE', 'What is usual could not be learned from the journal', { cause })),
    })
  }

  /** Is told what the journal has written. */
  get sink(): Sink {
    return this.#watch
  }

  /** From now on anomalies are written down; what was usual is learned behind the back of the calls. */
  start(node: string, write: (entry: Entry) => Promise<void>): void {
    this.#write = write
    this.#watch.learn(node)
  }

  /** Resolves when every event so far has been looked at. */
  settled(): Promise<void> {
    return this.#watch.settled()
  }

  /** Whether anything is held against anybody: most of the time nothing is. */
  get isHolding(): boolean {
    return this.#held.size > 0
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
    const pair = pairOf(nameOf(principal), placeOf(origin.address))
    const held = this.#held.get(pair)
    if (held === undefined || held.until > this.#options.clock()) return held
    this.#held.delete(pair)
    return undefined
  }

  #react({ anomaly, event, place }: Sighting): void {
    const { config, clock, isObserving } = this.#options
    const who = event.principal ?? (event.key === undefined ? undefined : `key#${event.key}`)
    const wanted = isObserving || who === undefined ? 'alert' : (config.reactions[anomaly.kind] ?? 'alert')
    const held = wanted === 'alert' ? {} : { until: clock() + config.blockMs }
    const told = { ...anomaly, reaction: wanted, ...held }
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
    this.#hold(entry)
    void this.#write?.(entry).catch(() => undefined)
  }

  /** What was held before a restart is held after it. */
  #recall(event: AuditEvent): void {
    if (event.type === 'anomaly.detected') this.#hold(event)
  }

  #hold({ anomaly, principal, address = '' }: Entry): void {
    if (anomaly === undefined || principal === undefined || this.#options.isObserving) return
    const { reaction, kind, until = 0 } = anomaly
    if (reaction === 'alert' || until <= this.#options.clock()) return
    remember(this.#held, pairOf(principal, address), { reaction, kind, until }, HELD_MAX)
  }
}

function pairOf(who: string, place: string): string {
  return `${place} ${who}`
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
