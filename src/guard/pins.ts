/** What operators approved of servers' definitions, and what is withheld until they do: records in the store, and a log of their changes for the other processes. */
import { Fault } from '../core/denial.ts'
import type { Entry } from '../core/event.ts'
import { digest, isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import type { Clock } from '../core/time.ts'
import { KEYS, LOGS } from '../store/keys.ts'
import type { Store } from '../store/store.ts'

/** `server` is what a server says of itself: its instructions and its title. A template's name is its URI template. */
export const PINNED_KINDS = ['server', 'tool', 'prompt', 'resource', 'template'] as const
export type PinnedKind = (typeof PINNED_KINDS)[number]

/** One thing of a server's that has a definition. */
export interface Thing {
  readonly server: string
  readonly kind: PinnedKind
  /** Of a server its own name. */
  readonly name: string
}

/** Why a definition is withheld: it changed, nobody expected it, it carries instructions, an operator said no. */
export type Held = 'drift' | 'new' | 'poisoned' | 'rejected'

/** What was seen, and where: a detector and a JSON Pointer into the definition. */
export interface Mark {
  readonly detector: string
  readonly pointer: string
}

/** A definition that is withheld. */
export interface Withheld {
  readonly digest: string
  readonly why: Held
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly marks: readonly Mark[]
}

/** The record of one thing. It stays when the thing is gone, so that what comes back under its name is held against it. */
export interface Pin extends Thing {
  /** What may be used. */
  readonly pinned?: { readonly digest: string; readonly at: number; readonly by: string }
  /** Latest last. */
  readonly held: readonly Withheld[]
}

/** Definitions of one thing that are kept beside the pinned one: a server that says something else each time is not followed further. */
const HELD_MAX = 4
/** Tries of a compare-and-set that others keep winning. */
const TRIES_MAX = 16
/** A definition that nobody approved is kept so long for an operator to look at. */
const KEPT_MS = 90 * 86_400_000
const PAGE = 1_000

export class Pins {
  readonly #store: Store
  readonly #clock: Clock

  constructor(store: Store, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  async get({ server, kind, name }: Thing): Promise<Pin | undefined> {
    const value = await this.#store.get(KEYS.pin(server, kind, name))
    return value === undefined ? undefined : readPin(value)
  }

  /** All of one server's, or of all servers, by kind and name. */
  async list(server?: string): Promise<readonly Pin[]> {
    return (await this.#all(server === undefined ? KEYS.pins : KEYS.pinsOf(server))).map(readPin)
  }

  /** The definition of this digest; undefined when it is not kept any more. */
  async definition(of: string): Promise<JsonValue | undefined> {
    return await this.#store.get(KEYS.definition(of))
  }

  /** Keeps a definition for an operator to look at: what is pinned for ever, what is withheld for a time. */
  async keep(definition: JsonValue, isPinned: boolean): Promise<void> {
    const expiry = isPinned ? {} : { expiresAt: this.#clock() + KEPT_MS, onlyIfAbsent: true }
    await this.#store.put(KEYS.definition(digest(definition)), definition, expiry)
  }

  /**
   * Changes one record, atomically.
   * @param change answers the record as it is to be; undefined: it stays.
   * @returns the record as it is now, and whether this call changed it. @throws Fault `FAULT_STORE`
   */
  async change(
    thing: Thing,
    change: (before: Pin | undefined) => Pin | undefined,
  ): Promise<{ readonly pin: Pin | undefined; readonly changed: boolean }> {
    const key = KEYS.pin(thing.server, thing.kind, thing.name)
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const value = await this.#store.get(key)
      const before = value === undefined ? undefined : readPin(value)
      const pin = change(before)
      if (pin === undefined) return { pin: before, changed: false }
      if (!(await this.#store.put(key, writePin(pin), value === undefined ? { onlyIfAbsent: true } : { onlyIf: value }))) continue
      await this.#store.append(LOGS.pins, [{ server: thing.server, kind: thing.kind, name: thing.name }])
      return { pin, changed: true }
    }
    throw new Fault('FAULT_STORE', 'A pin is changed by too many at once')
  }

  /**
   * Makes the withheld definition the one that may be used.
   * @param of its digest; the latest unless told. @throws Fault `FAULT_PIN` where nothing is withheld.
   */
  async approve(thing: Thing, by: string, of?: string): Promise<Pin> {
    const { digest: approved } = await this.#heldOf(thing, of)
    const definition = await this.definition(approved)
    if (definition !== undefined) await this.keep(definition, true)
    const at = this.#clock()
    const { pin } = await this.change(thing, (before) => ({
      ...thing,
      pinned: { digest: approved, at, by },
      // What was said no to stays so; what else was withheld is past.
      held: (before?.held ?? []).filter((held) => held.digest !== approved && held.why === 'rejected'),
    }))
    return pin ?? { ...thing, held: [] }
  }

  /**
   * Says no for good: to the withheld definition, or to the one that was approved where none is withheld.
   * @throws Fault `FAULT_PIN` where there is neither.
   */
  async reject(thing: Thing, of?: string): Promise<Pin> {
    const pin = await this.get(thing)
    const rejected = of ?? pin?.held.findLast(({ why }) => why !== 'rejected')?.digest ?? pin?.pinned?.digest
    if (pin === undefined || rejected === undefined) throw new Fault('FAULT_PIN', `${nameThing(thing)}: there is nothing to reject`)
    const at = this.#clock()
    const { pin: after } = await this.change(thing, (before = pin) => {
      const { pinned, held, ...rest } = before
      const marks = held.find((each) => each.digest === rejected)?.marks ?? []
      return {
        ...rest,
        ...(pinned === undefined || pinned.digest === rejected ? {} : { pinned }),
        held: withHeld(held, { digest: rejected, why: 'rejected', at, marks }),
      }
    })
    return after ?? pin
  }

  /** Whether a server has listed all that it has of a kind, as `server kind`. */
  async listed(): Promise<ReadonlySet<string>> {
    const values = await this.#all(KEYS.allListed)
    return new Set(values.flatMap((value) => (isObject(value) ? [`${String(value['server'])} ${String(value['kind'])}`] : [])))
  }

  async markListed(server: string, kind: PinnedKind): Promise<void> {
    const record = { server, kind, at: this.#clock() }
    if (await this.#store.put(KEYS.listed(server, kind), record, { onlyIfAbsent: true }))
      await this.#store.append(LOGS.pins, [{ server, kind }])
  }

  async #heldOf(thing: Thing, of: string | undefined): Promise<Withheld> {
    const held = (await this.get(thing))?.held ?? []
    const found = of === undefined ? held.findLast(({ why }) => why !== 'rejected') : held.find((each) => each.digest === of)
    if (found !== undefined) return found
    const rejected = of === undefined ? held.at(-1) : undefined
    const why =
      rejected === undefined
        ? `nothing is withheld${of === undefined ? '' : ' under this digest'}`
        : `nothing is withheld but what was rejected; to take that back, approve it with --digest ${rejected.digest}`
    throw new Fault('FAULT_PIN', `${nameThing(thing)}: ${why}`)
  }

  async #all(prefix: string): Promise<readonly JsonValue[]> {
    const found: JsonValue[] = []
    let after: string | undefined
    do {
      const page = await this.#store.list(prefix, { limit: PAGE, ...(after === undefined ? {} : { after }) })
      found.push(...page.map(({ value }) => value))
      after = page.length < PAGE ? undefined : page.at(-1)?.key
    } while (after !== undefined)
    return found
  }
}

/** `files/read_file`, `files prompt review`, `files`. */
export function nameThing({ server, kind, name }: Thing): string {
  if (kind === 'server') return server
  return kind === 'tool' ? `${server}/${name}` : `${server} ${kind} ${name}`
}

/** With this one last, and the oldest gone where there are too many; what was said no to goes last of all. */
export function withHeld(held: readonly Withheld[], one: Withheld): readonly Withheld[] {
  const others = held.filter(({ digest: of }) => of !== one.digest)
  while (others.length >= HELD_MAX) {
    const index = others.findIndex(({ why }) => why !== 'rejected')
    others.splice(Math.max(index, 0), 1)
  }
  return [...others, one]
}

function writePin({ server, kind, name, pinned, held }: Pin): JsonObject {
  const marked = held.map(({ marks, ...rest }) => ({ ...rest, marks: marks.map(({ detector, pointer }) => ({ detector, pointer })) }))
  return { server, kind, name, ...(pinned === undefined ? {} : { pinned: { ...pinned } }), held: marked }
}

/** What `writePin` wrote. */
function readPin(value: JsonValue): Pin {
  if (!isObject(value) || typeof value['server'] !== 'string' || typeof value['name'] !== 'string' || !Array.isArray(value['held']))
    throw new Fault('FAULT_STORE', 'A pin in the store is damaged')
  return value as unknown as Pin
}

/** What a person said of a definition, as an entry of history. */
export function pinEntry(
  type: 'definition.approved' | 'definition.rejected',
  { server, kind, name }: Thing,
  digest: string | undefined,
  by: string,
): Entry {
  return { type, resource: { kind: kind === 'template' ? 'resource' : kind, server, name }, detail: `sha256:${digest ?? ''}`, by }
}
