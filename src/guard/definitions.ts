/** Definitions as servers show them: each held against what was approved, so that what changed, slipped in or carries instructions is not there for anybody. */
import type { Call, Message, Resource } from '../core/call.ts'
import type { Entry } from '../core/event.ts'
import { type Finding, OF_DEFINITION } from '../core/finding.ts'
import { isObject, type JsonValue } from '../core/json.ts'
import { nameOf, type Principal } from '../core/principal.ts'
import type { Clock } from '../core/time.ts'
import { judgeDefinition } from '../inspect/definition.ts'
import { LOGS } from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import { Tail } from '../store/tail.ts'
import { remember } from '../trust/remember.ts'
import { Budget } from './budget.ts'
import { changesBetween } from './changes.ts'
import { entryOf, findingsOf } from './held.ts'
import { KnownPins } from './known-pins.ts'
import { type Held, type Mark, nameThing, type Pin, type PinnedKind, Pins, type Thing, withHeld } from './pins.ts'
import { type Sighting, sightingsIn, withoutSelf } from './sightings.ts'
import { isInstanceOf } from './templates.ts'

/** Things of one server that have a record; more are withheld without one. */
const THINGS_MAX = 10_000
/** Records of one server that are written in a minute for what is withheld: a server that changes what it says all the time is not followed. */
const HOLDS_PER_MINUTE = 1_000
/** Characters of definitions of one server that are looked through in a minute, some seconds of work; beyond, they are withheld unread. */
const READ_PER_MINUTE_CHARS = 2 * 1024 * 1024
/** Callers that are in the middle of a list of several pages. */
const READING_MAX = 1_000
/** What is told of one definition: the rest is seen in the difference. */
const MARKS_MAX = 8

export interface DefinitionsParts {
  readonly store: Store
  readonly clock: Clock
  /** Nothing is taken at first sight. */
  readonly quarantine: boolean
  readonly write: (entry: Entry) => Promise<void>
  /** Told, in a sentence for the operator, when something is newly withheld. */
  readonly onHeld: (sentence: string) => void
}

/** A record that was written here, for which definition. */
interface Decided {
  readonly pin: Pin
  readonly digest: string
}

const NOTHING: readonly Finding[] = []

export class Definitions {
  readonly #parts: DefinitionsParts
  readonly #pins: Pins
  readonly #known = new KnownPins()
  /** What was last shown of prompts, resources and templates that have a record: by that record's name, the digest. */
  readonly #shown = new Map<string, string>()
  #listed = new Set<string>()
  /** By server, kind and caller: the cursor that its list goes on with. */
  readonly #reading = new Map<string, string>()
  readonly #holds: Budget
  readonly #reads: Budget
  readonly #tail: Tail
  #isOpen = false
  #opening: Promise<void> | undefined

  constructor(parts: DefinitionsParts) {
    this.#parts = parts
    this.#pins = new Pins(parts.store, parts.clock)
    this.#tail = new Tail(parts.store, LOGS.pins, { take: (value) => this.#reread(value) })
    this.#holds = new Budget(HOLDS_PER_MINUTE, parts.clock)
    this.#reads = new Budget(READ_PER_MINUTE_CHARS, parts.clock)
  }

  /** Undefined once everything that was approved has been read. @throws Fault `FAULT_STORE`: what is not known is not let through. */
  ready(): undefined | Promise<void> {
    if (this.#isOpen) return undefined
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined
    })
    return this.#opening
  }

  close(): Promise<void> {
    return this.#tail.close()
  }

  /** What is held against a thing as its server showed it with this digest: one look-up, and nothing where it is as it was approved. */
  heldAgainst(kind: PinnedKind, server: string, name: string, digest: string): readonly Finding[] {
    const pin = this.#known.get(kind, server, name)
    return pin?.pinned?.digest === digest ? NOTHING : findingsOf(pin, digest)
  }

  /** The same of what a call is about, other than a tool: as it was last shown to anybody. What was never shown is the law's to judge. */
  heldAgainstShown({ kind, server, name }: Resource): readonly Finding[] {
    if (kind === 'prompt') return this.#heldAsShown('prompt', server, name)
    if (kind !== 'resource') return NOTHING
    return this.#known.get('resource', server, name) === undefined
      ? this.#heldByTemplate(server, name)
      : this.#heldAsShown('resource', server, name)
  }

  /**
   * Of a tool that its server does not list to the caller: nobody can have approved it. A name that is a listed one but for case and joints is
   * that tool to a server which does not look closely, and no policy on it would be asked.
   */
  heldUnlisted({ server, name }: Resource): readonly Finding[] {
    return this.#parts.quarantine || this.#known.isOtherSpelling(server, name) ? UNLISTED : NOTHING
  }

  /** Reads what was decided since the last look. @throws Fault `FAULT_STORE` */
  look(): Promise<void> {
    return this.#isOpen ? this.#tail.read() : Promise.resolve()
  }

  /**
   * Takes in what a server shows a caller, and answers it without what it may not say of itself. Items of lists stay: which of them leave is
   * asked item by item, as of everything in a list.
   * @throws Fault `FAULT_STORE`
   */
  see(message: Message, call: Call, principal: Principal): Message | Promise<Message> {
    const { result } = message.body
    const sightings = result === undefined ? undefined : sightingsIn(result, call.method, call.resource.server)
    if (result === undefined || sightings === undefined) return message
    const end = (): Message => {
      const [only] = sightings
      const isHeld = only?.kind === 'server' && this.#heldIn(only).length > 0
      return isHeld ? withoutSelf(message, call.method, call.resource.server) : message
    }
    const more = this.#note(sightings, result['nextCursor'], call, principal)
    if (this.#isOpen && !more && sightings.every((sighting) => this.#heldIn(sighting).length === 0)) {
      this.#remember(sightings)
      return end()
    }
    return this.#take(sightings, more, call).then(end)
  }

  #heldIn({ kind, server, name, digest }: Sighting): readonly Finding[] {
    return this.heldAgainst(kind, server, name, digest)
  }

  #heldAsShown(kind: PinnedKind, server: string, name: string): readonly Finding[] {
    const pin = this.#known.get(kind, server, name)
    if (pin === undefined) return NOTHING
    const waiting = pin.held.findLast(({ why }) => why !== 'rejected')
    const shown = this.#shown.get(`${kind} ${server}/${name}`) ?? waiting?.digest ?? pin.pinned?.digest ?? pin.held.at(-1)?.digest ?? ''
    return shown === pin.pinned?.digest ? NOTHING : findingsOf(pin, shown)
  }

  /** What no list names is what a template makes of it: held back where nothing but templates that are held back would make it. */
  #heldByTemplate(server: string, uri: string): readonly Finding[] {
    let held = NOTHING
    for (const template of this.#known.templatesOf(server)) {
      if (template !== uri && !isInstanceOf(uri, template)) continue
      held = this.#heldAsShown('template', server, template)
      if (held.length === 0) return NOTHING
    }
    return held
  }

  /** Only of what has a record, of which there is a bounded number. */
  #remember(sightings: readonly Sighting[]): void {
    for (const { kind, server, name, digest } of sightings) {
      if (kind !== 'tool' && kind !== 'server' && this.#known.get(kind, server, name) !== undefined)
        this.#shown.set(`${kind} ${server}/${name}`, digest)
    }
  }

  /** Whether this page was the last one of a whole list, which nobody has read to its end before. */
  #note(sightings: readonly Sighting[], next: unknown, call: Call, principal: Principal): boolean {
    const kind = sightings[0]?.kind
    if (kind === undefined || kind === 'server') return false
    const key = `${call.resource.server} ${kind} ${nameOf(principal)}`
    const cursor = call.message.body.params?.['cursor']
    const isNext = cursor === undefined || this.#reading.get(key) === cursor
    this.#reading.delete(key)
    if (!isNext) return false
    if (typeof next === 'string') {
      remember(this.#reading, key, next, READING_MAX)
      return false
    }
    return !this.#listed.has(`${call.resource.server} ${kind}`)
  }

  async #take(sightings: readonly Sighting[], isWhole: boolean, { resource: { server } }: Call): Promise<void> {
    await this.ready()
    await this.look()
    const decided: Decided[] = []
    // One after the other: a name that looks like another is held against the one that came first.
    for (const sighting of sightings) {
      if (this.#heldIn(sighting).length > 0 && !this.#isHeldAlready(sighting)) decided.push(...(await this.#decide(sighting)))
    }
    this.#remember(sightings)
    await Promise.all(decided.map(({ pin, digest }) => this.#parts.write(entryOf(pin, digest))))
    const kind = sightings[0]?.kind
    if (isWhole && kind !== undefined) {
      await this.#pins.markListed(server, kind)
      this.#listed.add(`${server} ${kind}`)
    }
    const held = decided.filter(({ pin, digest }) => pin.pinned?.digest !== digest)
    const [first] = held
    if (first === undefined) return
    const others = held.length > 1 ? ` and ${held.length - 1} more` : ''
    this.#parts.onHeld(`${nameThing(first.pin)}${others}: withheld until approved, see "portcullis catalog list --held"`)
  }

  #isHeldAlready(sighting: Sighting): boolean {
    return this.#known.of(sighting)?.held.some(({ digest }) => digest === sighting.digest) ?? false
  }

  /** A definition that nobody has seen before: pinned or withheld, in the store before anything of it leaves. */
  async #decide(sighting: Sighting): Promise<readonly Decided[]> {
    const { kind, server, name, digest, definition } = sighting
    if (!this.#hasRoom(sighting)) return []
    const marks = this.#judge(sighting)
    const before = this.#known.of(sighting)
    const changes = before?.pinned === undefined ? [] : await this.#changes(before.pinned.digest, sighting)
    const isOpen = kind === 'server' || kind === 'resource' || !this.#listed.has(`${server} ${kind}`)
    const at = this.#parts.clock()
    await this.#pins.keep(definition, false)
    const { pin, changed } = await this.#pins.change({ kind, server, name }, (now) => {
      if (now?.pinned?.digest === digest || now?.held.some((held) => held.digest === digest)) return undefined
      if (now === undefined && marks.length === 0 && isOpen && !this.#parts.quarantine)
        return { kind, server, name, pinned: { digest, at, by: 'gateway' }, held: [] }
      const why: Held = now?.pinned !== undefined ? 'drift' : marks.length > 0 ? 'poisoned' : 'new'
      const shown = [...marks, ...changes].slice(0, MARKS_MAX)
      return { kind, server, name, ...now, held: withHeld(now?.held ?? [], { digest, why, at, marks: shown }) }
    })
    if (pin === undefined) return []
    this.#known.set(pin)
    if (pin.pinned?.digest === digest) await this.#pins.keep(definition, true)
    return changed ? [{ pin, digest }] : []
  }

  #judge(sighting: Sighting): readonly Mark[] {
    if (!this.#reads.spend(sighting.server, JSON.stringify(sighting.definition).length)) return UNREAD
    const siblings = this.#known.lookAlikes(sighting)
    return judgeDefinition(sighting.kind, sighting.definition, { siblings }).map(({ detector, pointer }) => ({ detector, pointer }))
  }

  async #changes(from: string, { definition }: Sighting): Promise<readonly Mark[]> {
    const before = await this.#pins.definition(from)
    if (before === undefined) return []
    return changesBetween(before, definition).map((pointer) => ({ detector: 'definition/change', pointer }))
  }

  #hasRoom({ kind, server, name }: Sighting): boolean {
    const isKnown = this.#known.get(kind, server, name) !== undefined
    if (!isKnown && this.#known.countOf(server) >= THINGS_MAX) return false
    // The first list of a server may be long; what is written afterwards is what it has changed.
    if (!isKnown && !this.#listed.has(`${server} ${kind}`)) return true
    return this.#holds.spend(server, 1)
  }

  async #open(): Promise<void> {
    await this.#tail.start(async () => {
      for (const pin of await this.#pins.list()) this.#known.set(pin)
      this.#listed = new Set(await this.#pins.listed())
    })
    this.#isOpen = true
  }

  /** A thing that somebody decided on, or a kind whose list was seen. */
  async #reread(said: JsonValue): Promise<void> {
    if (!isObject(said)) return
    const { server, kind, name } = said as unknown as Partial<Thing>
    if (server === undefined || kind === undefined) return
    if (name === undefined) this.#listed.add(`${server} ${kind}`)
    else {
      const pin = await this.#pins.get({ server, kind, name })
      if (pin !== undefined) this.#known.set(pin)
    }
  }
}

const UNREAD: readonly Mark[] = [{ detector: 'definition/unread', pointer: '' }]
const UNLISTED: readonly Finding[] = [{ label: `${OF_DEFINITION}new`, detector: 'definition/unlisted', pointer: '' }]
