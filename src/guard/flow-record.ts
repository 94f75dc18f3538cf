/** What has entered the conversations of whom, and what lies in which store: labels that expire, kept where all replicas see them. */
import { nameOf, ownerOf, type Principal } from '../core/principal.ts'
import type { Clock } from '../core/time.ts'
import { KEYS } from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import { remember } from '../trust/remember.ts'

/** A label that was written so lately is not written again; it is written to last so much longer. */
const SLACK_MS = 60_000
const WRITTEN_MAX = 10_000

/** Who has conversations, or where things lie between them. */
export interface Holder {
  readonly kind: 'person' | 'store'
  readonly name: string
}

/**
 * Revision 2026-07-28 knows no conversation, older ones know sessions that a client opens and drops as it likes, and a second client is a second memory
 * of one agent's. So all conversations of a principal are one, and all keys of one owner are one person.
 */
export function personOf(principal: Principal): Holder {
  const owner = ownerOf(principal)
  return { kind: 'person', name: owner === undefined ? nameOf(principal) : `owner#${owner}` }
}

/** A record for each label: so a union is a write, atomic on any store, and each label expires by itself. */
export class FlowRecord {
  readonly #store: Store
  readonly #clock: Clock
  readonly #writtenAt = new Map<string, number>()

  constructor(store: Store, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  /** Sorted. @throws Fault `FAULT_STORE` */
  async labelsOf({ kind, name }: Holder): Promise<readonly string[]> {
    const prefix = KEYS.flowOf(kind, name)
    const stored = await this.#store.list(prefix)
    return stored.map(({ key }) => key.slice(prefix.length))
  }

  /** Resolves when all replicas see it. @throws Fault `FAULT_STORE`, and then what carries the labels must not go on. */
  async add({ kind, name }: Holder, labels: Iterable<string>, rememberMs: number): Promise<void> {
    const now = this.#clock()
    const slackMs = Math.min(SLACK_MS, rememberMs / 2)
    const writing: Promise<unknown>[] = []
    for (const label of labels) {
      const key = KEYS.flow(kind, name, label)
      if (now - (this.#writtenAt.get(key) ?? Number.NEGATIVE_INFINITY) < slackMs) continue
      const written = this.#store.put(key, true, { expiresAt: now + rememberMs + slackMs })
      writing.push(written.then(() => remember(this.#writtenAt, key, now, WRITTEN_MAX)))
    }
    await Promise.all(writing)
  }
}
