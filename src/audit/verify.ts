/** Re-reads a journal and proves that nothing was changed, removed, added or moved; or names the first bad record. */
import type { KeyObject } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { canonical, isObject, type JsonValue } from '../core/json.ts'
import type { KeyedHash } from '../core/secret.ts'
import { KEYS, LOGS } from '../store/keys.ts'
import type { Line, Store } from '../store/store.ts'
import { type ChainCount, Chains, type Flaw } from './chain.ts'
import { Claims } from './claims.ts'
import { type Cut, isCut, openCut } from './cut.ts'
import { isEvent } from './event.ts'
import { type Format, textIn } from './formats.ts'
import { openHead } from './head.ts'

export interface Verdict {
  readonly isSound: boolean
  readonly events: number
  readonly checkpoints: number
  readonly chains: readonly ChainCount[]
  /** What retention may have removed, in our own signed word. */
  readonly cut?: Pick<Cut, 'at' | 'before' | 'retainMs' | 'removed'>
  /** The first bad record; absent when sound. */
  readonly flaw?: Flaw
}

/** A journal that can be read more than once: in a store, or as exported lines. */
export interface Source {
  events(): AsyncIterable<Line>
  checkpoints(after?: string): AsyncIterable<Line>
  /** Marks of the chains that are open: sealed heads; only a store has them. */
  heads?(): AsyncIterable<Line>
  /** Our word on what retention has removed; undefined where it never did. */
  cut?(): Promise<JsonValue | undefined>
  /** Its events stand in the order in which they were written, whoever wrote them. */
  readonly isInOrder?: boolean
  /** Where it begins: another one when something was removed meanwhile. */
  start?(): Promise<string>
}

export interface VerifyOptions {
  /** Lines that a sink kept elsewhere: their checkpoints are believed too, and show a store that was cut or rolled back. */
  readonly anchors?: Source
  /** The source is one of several rotated files: chains may begin anywhere, and other chains may be elsewhere. */
  readonly isPartial?: boolean
  /** What seals events and heads; without it seals are not looked at. */
  readonly headHash?: KeyedHash
}

const PAGE_LINES = 1_000
/** Retention may remove while it is verified; it does so once an hour, or less often. */
const TRIES = 3

/**
 * Constant memory but for a line per checkpoint and chain. May run while the journal is written.
 * @param publicKey Ed25519, of the key that signs checkpoints
 */
export async function verifyJournal(source: Source, publicKey: KeyObject, options: VerifyOptions = {}): Promise<Verdict> {
  for (let tries = 1; ; tries++) {
    const start = await source.start?.()
    const verdict = await verifyOnce(source, publicKey, options)
    if (verdict.isSound || tries === TRIES || start === (await source.start?.())) return verdict
  }
}

async function verifyOnce(source: Source, publicKey: KeyObject, options: VerifyOptions): Promise<Verdict> {
  const isPartial = options.isPartial ?? false
  const said = await source.cut?.()
  const cut = said === undefined ? undefined : openCut(said, publicKey)
  const claims = new Claims(publicKey, cut)
  let after: string | undefined
  let damage: Flaw | undefined = said !== undefined && cut === undefined ? CUT_FORGED : undefined
  for await (const line of source.checkpoints()) {
    claims.take(line.position, line.value, !isPartial)
    damage ??= damageOf(line)
    after = line.position
  }
  if (options.anchors !== undefined) {
    for await (const { position, value } of options.anchors.checkpoints()) claims.take(position, value, false)
  }
  const { headHash } = options
  let marks = 0
  const heads = headHash === undefined ? undefined : source.heads
  if (headHash !== undefined && heads !== undefined) {
    for await (const { position, value } of heads()) {
      claims.takeHead(position, openHead(value, headHash))
      marks++
    }
  }
  const chains = new Chains(claims, { isPartial, hasHeads: heads !== undefined, headHash, isInOrder: source.isInOrder === true })
  for await (const line of source.events()) {
    chains.take(line)
    damage ??= damageOf(line)
  }
  if (chains.unknown().length > 0 || chains.headless().length > 0) {
    // A journal may have been opened, or closed, since its checkpoints and heads were read.
    for await (const { value } of source.checkpoints(after)) claims.takeLate(value)
    if (headHash !== undefined && heads !== undefined) for await (const { value } of heads()) claims.takeLateHead(openHead(value, headHash))
  }
  // In a store a writer may have died before its first event; what it left says so.
  const isEmpty = chains.events === 0 && (source.heads === undefined || claims.checkpoints + marks === 0)
  const flaw = (damage === CUT_FORGED ? damage : chains.end()) ?? claims.flaw ?? damage ?? (isEmpty ? EMPTY : undefined)
  const counted = {
    events: chains.events,
    checkpoints: claims.checkpoints,
    chains: chains.counts(),
    ...(cut !== undefined && { cut: { at: cut.at, before: cut.before, retainMs: cut.retainMs, removed: cut.removed } }),
  }
  return flaw === undefined ? { isSound: true, ...counted } : { isSound: false, ...counted, flaw }
}

const CUT_FORGED: Flaw = {
  reason: 'cut_forged',
  node: '',
  seq: 0,
  id: '',
  position: '',
  detail: 'what says that retention has removed the beginning is not signed by this key, or says that it removed more than it may',
}

/** Where there is no event, it is no journal, or somebody has taken them all: that is not called whole. */
const EMPTY: Flaw = {
  reason: 'empty',
  node: '',
  seq: 0,
  id: '',
  position: '',
  detail: 'there is not one event in it, so there is nothing to prove',
}

/** What the store alone can tell: nothing is wrong with the record, but its bytes, or those around it, are not the ones that were written. */
function damageOf({ position, value, isDamaged }: Line): Flaw | undefined {
  if (isDamaged !== true) return undefined
  const { node, seq, id } = isEvent(value) ? value : { node: '', seq: 0, id: '' }
  return {
    reason: 'damaged',
    node,
    seq,
    id,
    position,
    detail: 'the bytes of this record, or around it, are not the ones that were written',
  }
}

export function storeSource(store: Store): Source {
  return {
    isInOrder: store.isInOrder === true,
    events: () => readLog(store, LOGS.audit),
    checkpoints: (after) => readLog(store, LOGS.checkpoints, after),
    heads: () => readHeads(store),
    cut: () => store.get(KEYS.cut),
    start: async () => {
      const [cut, ...firsts] = await Promise.all([
        store.get(KEYS.cut),
        ...[LOGS.audit, LOGS.checkpoints].map((log) => store.read(log, { limit: 1 })),
      ])
      return canonical([cut ?? null, ...firsts.map((lines) => lines[0]?.position ?? null)])
    },
  }
}

/** Exported lines, events and checkpoints mixed, a cut in front; a line's position is its number. `open` is called for each reading. */
export function linesSource(open: () => AsyncIterable<string>): Source {
  async function* pick(isWanted: (value: JsonValue) => boolean, after = 0): AsyncGenerator<Line> {
    let number = 0
    for await (const text of open()) {
      const value = parseLine(text)
      if (++number > after && isWanted(value)) yield { position: String(number), value }
    }
  }
  return {
    events: () => pick((value) => !isMarked(value) && !isCut(value)),
    checkpoints: (after) => pick(isMarked, after === undefined ? 0 : Number(after)),
    cut: async () => {
      for await (const text of open()) {
        const first = parseLine(text)
        return isCut(first) ? first : undefined
      }
      return undefined
    },
  }
}

/** The lines of a file that a sink or an export wrote. */
export function fileSource(path: string, format: Format = 'jsonl'): Source {
  return linesSource(() => textsOf(path, format))
}

async function* textsOf(path: string, format: Format): AsyncGenerator<string> {
  const input = createReadStream(path)
  try {
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) yield textIn(format, line)
  } finally {
    // Whoever wanted the first line only leaves the rest.
    input.destroy()
  }
}

async function* readHeads(store: Store): AsyncGenerator<Line> {
  for (const { by, value } of await store.marks(LOGS.audit)) yield { position: by, value: value ?? null }
}

async function* readLog(store: Store, log: string, from?: string): AsyncGenerator<Line> {
  let after = from
  for (;;) {
    const lines = await store.read(log, { limit: PAGE_LINES, ...(after !== undefined && { after }) })
    yield* lines
    after = lines.at(-1)?.position
    if (after === undefined) return
  }
}

function isMarked(value: JsonValue): boolean {
  return isObject(value) && value['type'] === 'checkpoint'
}

/** A line that is no JSON is nobody's event, and is reported as such. */
function parseLine(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue // the type of whatever JSON.parse returns
  } catch {
    return null
  }
}
