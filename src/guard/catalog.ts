/** What servers say of their tools, as their last lists said it: what arguments are held against, and what a later list can be compared with. */
import type { Call, Message } from '../core/call.ts'
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { nameOf, type Principal } from '../core/principal.ts'
import { isCredentialName } from '../inspect/forms.ts'
import { type Mirror, mirrorsOf } from '../mcp/mirror.ts'
import { HEADER } from '../mcp/revision.ts'
import { remember } from '../trust/remember.ts'
import { digestOf } from './sightings.ts'

/** Tools of one server that are remembered. */
const TOOLS_MAX = 10_000
/** Callers for whom a tool that is not the same for everybody is remembered. */
const CALLERS_MAX = 10_000
/** Characters of one definition; a larger one is remembered without its schema. */
const DEFINITION_MAX_CHARS = 512 * 1024
/** Characters of all definitions of one server that are remembered; what does not fit any more is as though it had not been listed. */
const CHARS_MAX = 32 * 1024 * 1024

/** A tool as its server defines it. Equal definitions are one object. */
export interface Definition {
  /** Of its canonical form, whole. */
  readonly digest: string
  readonly inputSchema: JsonValue | undefined
  readonly outputSchema?: JsonValue | undefined
  /** Arguments that it wants repeated as headers; undefined when an annotation is not valid, which makes the tool so. */
  readonly mirrors: readonly Mirror[] | undefined
  readonly chars: number
}

/** A definition, and when it was asked for. */
export interface Known {
  readonly definition: Definition
  /** Milliseconds since the epoch. */
  readonly at: number
}

/** One name: the same for everybody, until one caller is told something else than another; then each has its own. */
interface Entry {
  known: Known
  /** Who was told it last. */
  by: string
  callers: Map<string, Known> | undefined
}

interface Listing {
  readonly tools: Map<string, Entry>
  chars: number
  /** Digests of what is known no more, by name: what comes back otherwise has changed. */
  readonly former: Map<string, readonly string[]>
  /** When the server said that its tools have changed. */
  changedAt: number
}

/** Who is told when, and what is not so any more by that. */
interface Told {
  readonly by: string
  readonly at: number
  readonly gone: string[]
}

export class Catalog {
  readonly #listings = new Map<string, Listing>()
  readonly #onRedefined: (server: string, gone: readonly string[]) => void

  /** @param onRedefined is told the digests of definitions in whose place a server shows others, to anybody. */
  constructor(onRedefined: (server: string, gone: readonly string[]) => void = () => undefined) {
    this.#onRedefined = onRedefined
  }

  /** What this caller was told of the tool; undefined when that is not known. */
  find(server: string, tool: string, principal: Principal): Known | undefined {
    const entry = this.#listings.get(server)?.tools.get(tool)
    return entry?.callers === undefined ? entry?.known : entry.callers.get(nameOf(principal))
  }

  /**
   * Takes in a list of tools, and answers it as it may leave: for callers of revisions with `x-mcp-header`, a tool whose annotation
   * is not valid is none, and must not hide the others.
   */
  learn(
    message: Message,
    { origin, resource, receivedAt }: Pick<Call, 'origin' | 'resource' | 'receivedAt'>,
    principal: Principal,
  ): Message {
    const { result } = message.body
    const tools = result?.['tools']
    if (result === undefined || !Array.isArray(tools)) return message
    const by = nameOf(principal)
    const gone: string[] = []
    const kept = tools.filter((tool: JsonValue) => {
      const definition = this.#learnTool(tool, resource.server, { by, at: receivedAt, gone })
      return origin.era === 'legacy' || definition === undefined || definition.mirrors !== undefined
    })
    if (gone.length > 0) this.#onRedefined(resource.server, gone)
    if (kept.length === tools.length) return message
    const body = { ...message.body, result: { ...result, tools: kept } }
    return message.event === undefined ? { body } : { body, event: message.event }
  }

  /** What this caller was told before and is told no more is forgotten. @param named all that the server has told it now. */
  retain(server: string, named: ReadonlySet<string>, principal: Principal): void {
    const listing = this.#listings.get(server)
    if (listing === undefined) return
    const by = nameOf(principal)
    for (const [tool, entry] of listing.tools) {
      if (named.has(tool)) continue
      entry.callers?.delete(by)
      if (entry.callers === undefined ? entry.by !== by : entry.callers.size > 0) continue
      listing.chars -= entry.known.definition.chars
      listing.tools.delete(tool)
      remember(listing.former, tool, digestsOf(entry), TOOLS_MAX)
    }
  }

  /** The tools have changed: nothing that was known is relied on. */
  drop(server: string, now: number): void {
    const { former, tools } = this.#listing(server)
    for (const [tool, entry] of tools) remember(former, tool, digestsOf(entry), TOOLS_MAX)
    this.#listings.set(server, { tools: new Map(), chars: 0, former, changedAt: now })
  }

  /** Whether what was asked for then was asked after the server last said that something has changed. */
  isCurrent(server: string, at: number): boolean {
    return at >= (this.#listings.get(server)?.changedAt ?? Number.NEGATIVE_INFINITY)
  }

  #learnTool(tool: JsonValue, server: string, { by, at, gone }: Told): Definition | undefined {
    if (!isObject(tool) || typeof tool['name'] !== 'string') return undefined
    const name = tool['name']
    const listing = this.#listing(server)
    const entry = listing.tools.get(name)
    const definition = define(tool, entry)
    const known = { definition, at }
    const before = listing.former.get(name) ?? (entry === undefined ? [] : digestsOf(entry, by))
    if (!before.includes(definition.digest)) gone.push(...before)
    listing.former.delete(name)
    if (entry === undefined) {
      this.#add(listing, name, { known, by, callers: undefined })
      return definition
    }
    const { chars } = entry.known.definition
    if (entry.callers === undefined && entry.by !== by && entry.known.definition !== definition)
      entry.callers = new Map([[entry.by, entry.known]])
    if (entry.callers !== undefined) remember(entry.callers, by, known, CALLERS_MAX)
    entry.known = known
    entry.by = by
    listing.chars += definition.chars - chars
    return definition
  }

  #add(listing: Listing, name: string, entry: Entry): void {
    if (listing.tools.size >= TOOLS_MAX || listing.chars + entry.known.definition.chars > CHARS_MAX) return
    listing.chars += entry.known.definition.chars
    listing.tools.set(name, entry)
  }

  #listing(server: string): Listing {
    const known = this.#listings.get(server)
    if (known !== undefined) return known
    const listing: Listing = { tools: new Map(), chars: 0, former: new Map(), changedAt: Number.NEGATIVE_INFINITY }
    this.#listings.set(server, listing)
    return listing
  }
}

/** All that is known of a name; to one caller, what it was told itself, or else what was told last. */
function digestsOf({ known, callers }: Entry, by?: string): readonly string[] {
  const told = by === undefined ? [...(callers?.values() ?? [known])] : [callers?.get(by) ?? known]
  return told.map(({ definition }) => definition.digest)
}

/** The very object that is known, where nothing has changed. */
function define(tool: JsonObject, before: Entry | undefined): Definition {
  const mark = digestOf(tool)
  if (before?.known.definition.digest === mark) return before.known.definition
  for (const { definition } of before?.callers?.values() ?? []) if (definition.digest === mark) return definition
  const { inputSchema, outputSchema } = tool
  const chars = JSON.stringify(tool).length
  // Too large to be kept is too large to be checked; what it asks to be repeated still counts.
  return {
    digest: mark,
    inputSchema: chars > DEFINITION_MAX_CHARS ? null : inputSchema,
    outputSchema: chars > DEFINITION_MAX_CHARS && outputSchema !== undefined ? null : outputSchema,
    mirrors: harmless(mirrorsOf(inputSchema)),
    chars: Math.min(chars, DEFINITION_MAX_CHARS),
  }
}

/** Headers are written down by whatever is on the way: a tool that wants a credential repeated in one is as one with an annotation that is not valid. */
function harmless(mirrors: readonly Mirror[] | undefined): readonly Mirror[] | undefined {
  return mirrors?.some(({ header, path }) => isCredentialName(header.slice(HEADER.param.length)) || isCredentialName(path.at(-1) ?? ''))
    ? undefined
    : mirrors
}
