/** One pass over the events of all chains: finds the first bad record, and says what was done to it. */
import type { AuditEvent } from '../core/event.ts'
import { digest, type JsonValue } from '../core/json.ts'
import { type KeyedHash, sha256 } from '../core/secret.ts'
import type { Line } from '../store/store.ts'
import type { Head } from './checkpoint.ts'
import type { Claims } from './claims.ts'
import type { CutChain } from './cut.ts'
import { isEvent } from './event.ts'
import { isSealed } from './head.ts'

export type Reason =
  | 'malformed'
  | 'damaged'
  | 'edited'
  | 'deleted'
  | 'inserted'
  | 'reordered'
  | 'truncated'
  | 'checkpoint_forged'
  | 'checkpoint_deleted'
  | 'checkpoint_repeated'
  | 'checkpoint_contradicts'
  | 'head_missing'
  | 'cut_forged'
  | 'empty'

/** The first bad record. */
export interface Flaw {
  readonly reason: Reason
  readonly node: string
  /** The event concerned: of missing ones the first. */
  readonly seq: number
  /** Of the record at `position`; empty when it has none. */
  readonly id: string
  /** Where to look: a position of the log, or the number of a line. */
  readonly position: string
  readonly detail: string
}

interface Mark {
  readonly seq: number
  readonly id: string
  readonly position: string
  readonly digest: string
  readonly isSealed: boolean
}

interface Chain {
  readonly first: Mark
  last: Mark
  events: number
}

/** Something does not fit, and only what comes later tells which record is the bad one. */
type Doubt = { readonly node: string } & (
  | { readonly kind: 'link'; readonly before: Mark; readonly at: Mark }
  | { readonly kind: 'twin'; readonly first: Mark; readonly second: Mark }
  | { readonly kind: 'gap'; readonly from: number; readonly at: Mark }
)

export interface ChainCount {
  readonly node: string
  readonly events: number
  /** The first that is there: behind 1 where retention has removed those in front of it. */
  readonly firstSeq: number
  readonly lastSeq: number
  /** Up to this event somebody signed; what follows is only chained. */
  readonly signedSeq: number
  readonly isClosed: boolean
}

export interface ChainOptions {
  /** A rotated file: chains may begin anywhere, and other chains be elsewhere. */
  readonly isPartial: boolean
  /** Every open chain must have a sealed head, and a sealed end. */
  readonly hasHeads: boolean
  /** What seals events; without it seals are not looked at. */
  readonly headHash: KeyedHash | undefined
  /** Events of all chains stand in the order in which they were written. */
  readonly isInOrder: boolean
}

export class Chains {
  readonly #claims: Claims
  readonly #options: ChainOptions
  readonly #chains = new Map<string, Chain>()
  #doubt: Doubt | undefined
  #flaw: Flaw | undefined
  events = 0

  constructor(claims: Claims, options: ChainOptions) {
    this.#claims = claims
    this.#options = options
  }

  take({ position, value, text }: Line): void {
    this.events++
    if (!isEvent(value)) {
      this.#flaw ??= { reason: 'malformed', node: '', seq: 0, id: '', position, detail: 'this line is no event' }
      return
    }
    const { headHash } = this.#options
    const seal = headHash === undefined ? 'no' : isSealed(value, headHash, text)
    const mark = { seq: value.seq, id: value.id, position, digest: digestOf(value, text), isSealed: seal === 'yes' }
    const chain = this.#chains.get(value.node)
    const misplaced = this.#options.isInOrder ? this.#placed(value.node, mark) : undefined
    if (this.#doubt?.node === value.node) this.#note(resolve(this.#doubt, value, mark))
    else if (this.#doubt === undefined && this.#flaw === undefined) {
      const forged = seal === 'wrongly' ? flawAt('edited', value.node, mark, 'its seal is not by this key') : undefined
      this.#note(this.#look(chain, value, mark) ?? forged ?? misplaced)
    }
    if (chain === undefined) {
      this.#chains.set(value.node, { first: mark, last: mark, events: 1 })
      return
    }
    chain.events++
    if (mark.seq >= chain.last.seq) chain.last = mark
  }

  /** After the last line. @returns the first flaw, undefined when there is none */
  end(): Flaw | undefined {
    if (this.#doubt !== undefined) this.#note(settle(this.#doubt))
    this.#flaw ??= this.#strangers() ?? this.#missing() ?? this.#beheaded()
    return this.#flaw
  }

  /** Chains that nobody signed for. */
  unknown(): readonly string[] {
    return [...this.#chains.keys()].filter((node) => this.#claims.topOf(node) === undefined)
  }

  counts(): readonly ChainCount[] {
    return [...this.#chains].map(([node, { events, first, last }]) => ({
      node,
      events,
      firstSeq: first.seq,
      lastSeq: last.seq,
      signedSeq: Math.min(this.#claims.topOf(node) ?? 0, last.seq),
      isClosed: this.#claims.closedAt(node) !== undefined,
    }))
  }

  /** What is wrong with what was taken so far, when nothing that is to come could mend it. */
  soFar(): Flaw | undefined {
    return this.#flaw ?? (this.#doubt && settle(this.#doubt)) ?? this.#strangers()
  }

  /** Where each chain stands now. */
  ends(): readonly Head[] {
    return [...this.#chains].map(([node, { last }]) => ({ node, seq: last.seq, head: last.digest }))
  }

  /** Only the first is kept: what follows a bad record proves nothing. */
  #note(finding: Flaw | Doubt | undefined): void {
    if (finding === undefined) return
    if ('kind' in finding) {
      this.#doubt = finding
      return
    }
    this.#flaw ??= finding
    this.#doubt = undefined
  }

  #placed(node: string, mark: Mark): Flaw | undefined {
    const endOf = (other: string): number => Math.max(this.#chains.get(other)?.last.seq ?? 0, this.#claims.cutOf(other)?.seq ?? 0)
    const before = this.#claims.order.take(node, mark.seq, endOf)
    return (
      before && flawAt('reordered', node, mark, `event ${before.seq} of ${before.node} stands in front of it, and was written after it`)
    )
  }

  #look(chain: Chain | undefined, event: AuditEvent, mark: Mark): Flaw | Doubt | undefined {
    const { node } = event
    const last = chain?.last ?? startOf(this.#claims.cutOf(node), mark)
    const claim = this.#claims.headAt(node, mark.seq)
    const end = this.#claims.closedAt(node)
    if (end !== undefined && mark.seq > end) return flawAt('inserted', node, mark, `the chain was closed after event ${end}`)
    // Retention removes from the front, so what it has left may begin anywhere; where it ends, the cut has signed.
    if (chain === undefined && (this.#options.isPartial || mark.seq <= last.seq)) return checkClaim(claim, node, mark)
    if (mark.seq > last.seq + 1) return { kind: 'gap', node, from: last.seq + 1, at: mark }
    if (mark.seq < last.seq) return flawAt('inserted', node, mark, `event ${last.seq} stands in front of it`)
    if (mark.seq === last.seq) return lookAtTwin(node, last, mark, claim)
    if (event.previous === last.digest) return checkClaim(claim, node, mark)
    if (claim === mark.digest && chain !== undefined) return edited(node, last)
    const isLastSigned = this.#claims.headAt(node, last.seq) === last.digest
    if (claim !== undefined || isLastSigned || chain === undefined) return edited(node, mark)
    return { kind: 'link', node, before: last, at: mark }
  }

  /** A chain without a birth certificate. */
  #strangers(): Flaw | undefined {
    const node = this.#options.isPartial ? undefined : this.unknown()[0]
    const first = node === undefined ? undefined : this.#chains.get(node)?.first
    if (node === undefined || first === undefined) return undefined
    return { reason: 'inserted', node, seq: first.seq, id: first.id, position: first.position, detail: 'nobody signed for this chain' }
  }

  /** Open chains without a sealed head. */
  headless(): readonly string[] {
    if (!this.#options.hasHeads) return []
    return [...this.#chains.keys()].filter((node) => !this.#claims.isSealed(node) && this.#claims.closedAt(node) === undefined)
  }

  /** A head that was taken away, so that the tail could be changed; or a tail that was written on by somebody who cannot seal it. */
  #beheaded(): Flaw | undefined {
    const node = this.headless()[0] ?? this.#unsealed()
    const last = node === undefined ? undefined : this.#chains.get(node)?.last
    if (node === undefined || last === undefined) return undefined
    return flawAt('head_missing', node, last, 'it is open and has no head that this journal sealed, so nothing vouches for its last events')
  }

  /** An open chain whose end this journal neither sealed nor signed for: no append of ours ended there. */
  #unsealed(): string | undefined {
    if (!this.#options.hasHeads) return undefined
    for (const [node, { last }] of this.#chains) {
      const isVouched = last.isSealed || this.#claims.headAt(node, last.seq) === last.digest
      if (!isVouched && this.#claims.closedAt(node) === undefined) return node
    }
    return undefined
  }

  /** A cut tail: somebody signed for more than there is. */
  #missing(): Flaw | undefined {
    for (const node of this.#claims.nodes()) {
      const last = this.#chains.get(node)?.last
      const top = this.#claims.topOf(node) ?? 0
      if ((last?.seq ?? this.#claims.cutOf(node)?.seq ?? 0) >= top || (last === undefined && this.#options.isPartial)) continue
      const seq = (last?.seq ?? this.#claims.cutOf(node)?.seq ?? 0) + 1
      const detail = `a checkpoint signed for event ${top}, and the chain ends at ${seq - 1}`
      return { reason: 'truncated', node, seq, id: last?.id ?? '', position: last?.position ?? '', detail }
    }
    return undefined
  }
}

/** What the first event of a chain follows: nothing, or what retention may have removed. */
function startOf(cut: CutChain | undefined, { position }: Mark): Mark {
  return { seq: cut?.seq ?? 0, id: '', position, digest: cut?.head ?? '', isSealed: false }
}

/** The journal wrote canonical text, so the text as it stands has the digest of what it says, or somebody changed it. */
function digestOf(value: JsonValue, text: string | undefined): string {
  return text === undefined ? digest(value) : sha256(text)
}

function checkClaim(claim: string | undefined, node: string, mark: Mark): Flaw | undefined {
  const isSound = claim === undefined || claim === mark.digest
  return isSound ? undefined : flawAt('edited', node, mark, 'its digest is not the one that a checkpoint signed')
}

function lookAtTwin(node: string, first: Mark, second: Mark, claim: string | undefined): Flaw | Doubt {
  if (claim === second.digest) return flawAt('inserted', node, first, 'a checkpoint signed the other event of this number')
  if (claim === first.digest) return flawAt('inserted', node, second, 'a checkpoint signed the other event of this number')
  return { kind: 'twin', node, first, second }
}

/** The next event of the same chain tells which of two it follows. */
function resolve(doubt: Doubt, event: AuditEvent, mark: Mark): Flaw | undefined {
  const { node } = doubt
  switch (doubt.kind) {
    case 'link': {
      const { before, at } = doubt
      if (mark.seq === at.seq && event.previous === before.digest)
        return flawAt('inserted', node, at, 'the event of this number follows it')
      return edited(node, mark.seq === at.seq + 1 && event.previous === at.digest ? before : at)
    }
    case 'twin': {
      const bad = event.previous === doubt.second.digest ? doubt.first : doubt.second
      return flawAt('inserted', node, bad, 'there are two events of this number')
    }
    case 'gap':
      // The missing one may come later, however late: until then the doubt stays.
      if (mark.seq < doubt.from || mark.seq >= doubt.at.seq) return undefined
      return flawAt('reordered', node, doubt.at, `event ${mark.seq} stands behind it, at ${mark.position}`)
  }
}

/** Nothing more comes. */
function settle(doubt: Doubt): Flaw {
  switch (doubt.kind) {
    case 'link':
      return edited(doubt.node, doubt.before)
    case 'twin':
      return flawAt('inserted', doubt.node, doubt.second, 'there are two events of this number')
    case 'gap': {
      const { node, from, at } = doubt
      const missing = at.seq - from === 1 ? `event ${from} is missing` : `events ${from} to ${at.seq - 1} are missing`
      return flawAt('deleted', node, { ...at, seq: from }, `${missing} in front of it`)
    }
  }
}

function edited(node: string, mark: Mark): Flaw {
  return flawAt('edited', node, mark, 'its digest is not the one that its chain holds')
}

function flawAt(reason: Reason, node: string, { seq, id, position }: Mark, detail: string): Flaw {
  return { reason, node, seq, id, position, detail }
}
