/** Approvals: asked for once for a call, settled by people, spent once, gone in time. */
import { Denial, Fault } from '../core/denial.ts'
import type { Entry } from '../core/event.ts'
import type { Seal } from '../core/seal.ts'
import type { Clock } from '../core/time.ts'
import { KEYS } from '../store/keys.ts'
import type { Store, Stored } from '../store/store.ts'
import { type Bound, digestOf } from './bound.ts'
import { type Approval, type Found, read, type Word, write } from './record.ts'

/** What nobody settled is kept so much longer, so that some process sees it and writes down that its time is over. */
const KEPT_MS = 24 * 60 * 60_000
/** Two people at one approval are rare, three rarer: more collisions than this are a broken store. */
const ATTEMPTS = 16

export interface ApprovalsParts {
  readonly store: Store
  /** `keyring.key('approvals')` */
  readonly seal: Seal
  readonly clock: Clock
  readonly newId: () => string
  readonly expiresMs: number
  /** At once for one caller. */
  readonly pending: number
  readonly fourEyes: boolean
  readonly tell: (entry: Entry) => Promise<void>
}

/** Who asks beside what the call is bound to. */
export type Asking = Pick<Approval, 'people' | 'policies'>

/** A person who settles. */
export interface Person {
  /** As history names them: `local#alice`, `cli:alice`. */
  readonly name: string
  /** What they are called here: compared with who asks. */
  readonly subject: string
  /** What else they may be called where they ask. */
  readonly aliases?: readonly string[]
}

export class Approvals {
  readonly #parts: ApprovalsParts
  /** The law in force, and those before it: until all that was asked under these is void. */
  #enacted: { readonly law: string; readonly before: ReadonlySet<string> } | undefined

  constructor(parts: ApprovalsParts) {
    this.#parts = parts
  }

  /** What there is for this very call. */
  async find(bound: Bound): Promise<Found | undefined> {
    const key = KEYS.approval(bound.principal, digestOf(bound))
    const stored = await this.#parts.store.get(key)
    if (stored === undefined) return undefined
    const found = this.#read(key, stored)
    return this.#isOver(found.approval) ? undefined : found
  }

  /**
   * Asks for one. Who asks for the same again is told of the same.
   * @throws Denial `rate_limited` when too many wait for one caller.
   */
  async request(bound: Bound, asking: Asking): Promise<{ readonly approval: Approval; readonly isNew: boolean }> {
    const digest = digestOf(bound)
    const key = KEYS.approval(bound.principal, digest)
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const stored = await this.#parts.store.get(key)
      const before = stored === undefined ? undefined : this.#read(key, stored)
      if (before !== undefined) {
        if (!this.#isOver(before.approval)) return { approval: before.approval, isNew: false }
        await this.#end(before)
        continue
      }
      const approval = this.#draft(bound, digest, asking)
      if (!(await this.#put(key, approval))) continue
      await this.#checkRoom(key, approval)
      await this.#tell('approval.requested', approval).catch(async (cause: unknown) => {
        await this.#withdraw(key)
        throw cause
      })
      return { approval, isNew: true }
    }
    throw new Fault('FAULT_APPROVAL', 'The approval is being asked for and settled by others all the time')
  }

  /** Of many who try at once exactly one spends it, and only while it is what was found. */
  async spend({ key, stored, approval }: Found): Promise<boolean> {
    if (approval.status !== 'approved' || this.#isOver(approval)) return false
    return this.#remove(key, stored)
  }

  /** All that wait or stand, oldest first. */
  async list(): Promise<readonly Approval[]> {
    const found = await this.#all(KEYS.approvals)
    return found.map(({ approval }) => approval).filter((approval) => !this.#isOver(approval))
  }

  async get(id: string): Promise<Approval | undefined> {
    return (await this.list()).find((approval) => approval.id === id)
  }

  /**
   * One person's word. A no ends it; so many who say yes as it needs approve it, and it stands as long again.
   * @throws Fault `FAULT_APPROVAL` when there is none that waits, or this person cannot say so.
   */
  async settle(id: string, says: Word['says'], person: Person): Promise<Approval> {
    const { clock, expiresMs } = this.#parts
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const found = (await this.#all(KEYS.approvals)).find(({ approval }) => approval.id === id)
      if (found === undefined || this.#isOver(found.approval)) throw fault(`${id}: there is no such approval, or its time is over`)
      checkSettling(found.approval, says, person)
      const now = clock()
      const words = [...found.approval.words, { by: person.name, names: namesOf(person), says, at: now }]
      const isApproved = words.length >= found.approval.needs
      const status = says === 'deny' ? 'denied' : isApproved ? 'approved' : 'pending'
      const after: Approval = { ...found.approval, words, status, ...(status === 'pending' ? {} : { expiresAt: now + expiresMs }) }
      // A yes that is not on record must not be good for anything; a no must hold even when it cannot be written down.
      if (says === 'approve') await this.#tell('approval.approved', after, { by: person.name })
      if (!(await this.#put(found.key, after, found.stored))) continue
      if (says === 'deny') await this.#tell('approval.denied', after, { by: person.name })
      return after
    }
    throw fault(`${id}: is being settled by others; look again`)
  }

  /**
   * Another law is in force, or a process has begun under it. What was asked under the one before is void, and stays so when that comes back.
   * @throws Fault `FAULT_STORE`; then the next sweep does it.
   */
  enacted(law: string, before?: string): Promise<void> {
    this.#enacted = { law, before: new Set([...(this.#enacted?.before ?? []), ...(before === undefined ? [] : [before])]) }
    return this.#leave()
  }

  /** A server has said of tools what they are, and they are not what they were: what was asked of those is void, and stays so when they come back. */
  redefined(server: string, gone: ReadonlySet<string>): Promise<void> {
    return this.#void(
      ({ resource, definition }) => resource.server === server && gone.has(definition),
      'the server has defined the tool anew',
    )
  }

  /** Ends what nobody settled in time. */
  async sweep(): Promise<void> {
    await this.#leave()
    for (const found of await this.#all(KEYS.approvals)) if (this.#isOver(found.approval)) await this.#end(found)
  }

  async #leave(): Promise<void> {
    const { store } = this.#parts
    const due = this.#enacted
    if (due === undefined) return
    const known = await store.get(KEYS.law)
    const before = new Set([...due.before, ...(typeof known === 'string' && known !== due.law ? [known] : [])])
    if (before.size > 0) await this.#void(({ law }) => before.has(law), 'the policies have changed')
    if (known !== due.law) await store.put(KEYS.law, due.law)
    if (this.#enacted === due) this.#enacted = undefined
  }

  /** A no is left: it lets nothing through. */
  async #void(isMeant: (approval: Approval) => boolean, detail: string): Promise<void> {
    for (const { key, stored, approval } of await this.#all(KEYS.approvals)) {
      if (approval.status === 'denied' || !isMeant(approval)) continue
      if (await this.#remove(key, stored)) await this.#tell('approval.expired', approval, { detail: `void: ${detail}` })
    }
  }

  async #end({ key, stored, approval }: Found): Promise<void> {
    // Of many processes one gets to write it down.
    if (!(await this.#remove(key, stored)) || approval.status === 'denied') return
    await this.#tell('approval.expired', approval)
  }

  /** After it is written, so that of many at once none is overlooked: who is one too many goes again. */
  async #checkRoom(key: string, mine: Approval): Promise<void> {
    const { pending, clock } = this.#parts
    const waiting = (await this.#all(KEYS.approvalsOf(mine.principal)))
      .map(({ approval }) => approval)
      .filter((approval) => approval.status === 'pending' && !this.#isOver(approval))
    if (waiting.length <= pending) return
    await this.#withdraw(key)
    const first = Math.min(...waiting.map(({ expiresAt }) => expiresAt))
    const remedies = [{ kind: 'wait', ms: Math.max(first - clock(), 1_000) } as const]
    throw new Denial('rate_limited', { detail: `approval.pending (${pending}) is reached`, remedies })
  }

  /** What is not on record, or was one too many, was never asked for. */
  async #withdraw(key: string): Promise<void> {
    await this.#parts.store.take(key)
  }

  #draft(bound: Bound, digest: string, { people, policies }: Asking): Approval {
    const { newId, clock, expiresMs } = this.#parts
    const now = clock()
    const needs = this.#needs
    const begun = { id: newId(), digest, status: 'pending', words: [], createdAt: now, expiresAt: now + expiresMs } as const
    return { ...bound, ...begun, people, policies, needs }
  }

  get #needs(): number {
    return this.#parts.fourEyes ? 2 : 1
  }

  /** As many must say yes as the configuration wants by now, where that is more than it was: who asks, and has said yes, does not count any more. */
  #read(key: string, stored: Found['stored']): Found {
    const found = read(key, stored, this.#parts.seal)
    const { approval } = found
    const needs = this.#needs
    if (approval.needs >= needs || approval.status === 'denied') return found
    const words = approval.words.filter(({ names = [] }) => !names.some((one) => approval.people.includes(one)))
    return { ...found, approval: { ...approval, needs, words, status: words.length < needs ? 'pending' : approval.status } }
  }

  async #all(prefix: string): Promise<readonly Found[]> {
    const { store } = this.#parts
    const found: Found[] = []
    let page: readonly Stored[] = await store.list(prefix)
    while (page.length > 0) {
      found.push(...page.map(({ key, value }) => this.#read(key, value)))
      page = await store.list(prefix, { after: page.at(-1)?.key ?? '' })
    }
    return found.sort((left, right) => (left.approval.id < right.approval.id ? -1 : 1))
  }

  #put(key: string, approval: Approval, onlyIf?: Found['stored']): Promise<boolean> {
    const { store, seal } = this.#parts
    const expiresAt = approval.expiresAt + KEPT_MS
    return store.put(key, write(approval, key, seal), { expiresAt, ...(onlyIf === undefined ? { onlyIfAbsent: true } : { onlyIf }) })
  }

  /** The very record that was read, and no other that has come into its place: a sealed text is never the same twice. */
  #remove(key: string, stored: Found['stored']): Promise<boolean> {
    return this.#parts.store.put(key, null, { onlyIf: stored, expiresAt: this.#parts.clock() })
  }

  #isOver({ expiresAt }: Approval): boolean {
    return expiresAt <= this.#parts.clock()
  }

  #tell(type: Entry['type'], approval: Approval, more: Pick<Entry, 'by' | 'detail'> = {}): Promise<void> {
    const { id, principal, resource, method, policies, law, needs, words } = approval
    return this.#parts.tell({
      type,
      approval: id,
      principal,
      method,
      resource,
      policies,
      law,
      ...(needs > 1 && more.by !== undefined ? { detail: `${words.length} of ${needs}` } : {}),
      ...more,
    })
  }
}

/** Four eyes: two people, and neither of them the one who asks. Whoever asks may always say no. */
function checkSettling({ id, status, needs, words, people }: Approval, says: Word['says'], person: Person): void {
  if (status !== 'pending') throw fault(`${id}: is ${status} already`)
  if (says === 'deny' || needs === 1) return
  const names = namesOf(person)
  if (names.some((one) => people.includes(one))) throw fault(`${id}: who asks cannot approve it too`)
  // At the command line and on a page, here and signed in elsewhere: the same name is taken for the same person.
  if (words.some((word) => word.by === person.name || word.names?.some((one) => names.includes(one)) === true))
    throw fault(`${id}: you have approved it already; somebody else must too`)
}

const namesOf = ({ subject, aliases = [] }: Person): readonly string[] => [subject, ...aliases]

function fault(message: string): Fault {
  return new Fault('FAULT_APPROVAL', message)
}
