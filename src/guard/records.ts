/** What an installation remembers, opened without its law: most commands need no more, and the law takes longest to read. */
import { Approvals } from '../approval/approvals.ts'
import { createJournal, type Journal } from '../audit/journal.ts'
import { Metrics } from '../audit/metrics.ts'
import type { Sink } from '../audit/sinks.ts'
import type { Config } from '../config/config.ts'
import { createKeyring, type Keyring, openKeyring } from '../config/keyfile.ts'
import { IN_MEMORY } from '../config/store.ts'
import type { Fault } from '../core/denial.ts'
import type { Entry } from '../core/event.ts'
import { createIds } from '../core/id.ts'
import type { Seal } from '../core/seal.ts'
import { createKeyedHash } from '../core/secret.ts'
import type { Clock } from '../core/time.ts'
import { Turn } from '../core/turn.ts'
import { ApiKeys } from '../identity/api-key.ts'
import { Living } from '../store/living.ts'
import type { Store } from '../store/store.ts'
import { openStore } from './open-store.ts'
import { sinksOf } from './sinks.ts'

/** The memory of an installation. It can be opened without the law, so that a key can be revoked while a policy is broken. */
export interface Records {
  readonly store: Store
  /** What of a turn of the event loop is done together. */
  readonly turn: Turn
  readonly keyring: Keyring
  /** Seals what must not be read in a copy of the store. */
  readonly seal: Seal
  readonly journal: Journal
  readonly keys: ApiKeys
  /** Counted only where somebody may read it: with an admin listener. */
  readonly metrics?: Metrics
  readonly approvals: Approvals
  /** Who else is there; absent where the store is not in files. */
  readonly living?: Living
  close(): Promise<void>
}

export interface HouseOptions {
  /** Who writes into the journal: `gateway`, `cli`. */
  readonly node: string
  /** Told of what refuses nothing: a sink that fails, a policy that was not taken. */
  readonly onFault: (fault: Fault) => void
  readonly clock?: Clock
  /** Milliseconds that only ever go forward; those of the process unless told. */
  readonly steady?: Clock
  /** Whether an installation may begin with this. Default: it may. */
  readonly isFirst?: boolean
  /** Whether events may wait on this machine while the store is away: for who stays. Default: no. */
  readonly spools?: boolean
  /** Whether history may also be written to our standard output; not where that says something else. Default: it may. */
  readonly stdout?: boolean
  /** An entry as it is written down: without what callers put into it that must not be. Default: as it is. */
  readonly tidy?: (entry: Entry) => Entry
}

/**
 * @param listen more who are told of every event, made once there is a store.
 * @throws Fault when the store or the key file cannot be opened.
 */
export function openRecords(
  config: Config,
  { node, onFault, clock = Date.now, stdout = true, spools = false, isFirst, tidy }: HouseOptions,
  listen: (store: Store) => readonly Sink[] = () => [],
): Records {
  const metrics = config.admin === undefined ? undefined : new Metrics({ servers: Object.keys(config.servers) })
  const turn = new Turn()
  const store = openStore(config, { clock, turn, onFault, spools })
  const keyring = config.keyFile === undefined ? createKeyring() : openKeyring(config.keyFile, isFirst)
  const seal = config.sealing.records()
  const { checkpointMs, retainMs } = config.audit
  const written = createJournal({
    store,
    clock,
    ids: createIds(clock),
    node,
    sinks: [...sinksOf(config, stdout, clock, onFault), ...(metrics === undefined ? [] : [metrics]), ...listen(store)],
    turn,
    checkpointMs,
    retainMs,
    signingKey: keyring.signingKey(),
    headHash: createKeyedHash(keyring.key('journal-head')),
    onFault,
  })
  const journal = tidy === undefined ? written : tidied(written, tidy)
  const { prefix, expiresMs } = config.authentication.apiKeys
  const keys = new ApiKeys({ store, hashKey: keyring.key('api-key'), clock, prefix, expiresMs })
  const { notify: _notify, approvers: _approvers, ...asking } = config.approval
  const approvals = new Approvals({
    ...asking,
    store,
    seal,
    clock,
    newId: createIds(clock),
    tell: (entry) => journal.write(entry),
  })
  const living = config.redis === undefined && config.store !== IN_MEMORY ? new Living(config.store) : undefined
  const close = async (): Promise<void> => {
    await keys.flush()
    await journal.close()
    living?.leave()
    await store.close()
  }
  return {
    ...(living !== undefined && { living }),
    store,
    turn,
    keyring,
    seal,
    journal,
    keys,
    approvals,
    close,
    ...(metrics !== undefined && { metrics }),
  }
}

/** The same journal, but for what is written into it. */
function tidied(journal: Journal, tidy: (entry: Entry) => Entry): Journal {
  return {
    node: journal.node,
    get isFailing() {
      return journal.isFailing
    },
    write: (entry, isDone) => journal.write(tidy(entry), isDone),
    checkpoint: () => journal.checkpoint(),
    close: () => journal.close(),
    reopen: () => journal.reopen(),
    lost: () => journal.lost(),
    waiting: () => journal.waiting(),
  }
}
