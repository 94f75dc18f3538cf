/** What leaves, looked at whole: one JSON-RPC message with all that it carries; and the same message without what must not leave. */
import type { Body } from '../core/call.ts'
import type { Finding } from '../core/finding.ts'
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { mayCarryWords } from './data-links.ts'
import type { Detector, Hit } from './detect.ts'
import { glance } from './glance.ts'
import { type Leaf, leavesOf, replaced, tellsOfError } from './leaves.ts'
import { isEmpty, isJoined, joinedIn, NOTHING_BEFORE, type Tail, tailAfter } from './pieces.ts'

/** What was seen in a message. */
export interface Seen {
  /** At most `FINDINGS_MAX`; every label that was found is among them. */
  readonly findings: readonly Finding[]
  /** How many there were. */
  readonly count: number
  /**
   * The message with `[redacted:label]` where something of these labels stood; undefined when it cannot be taken out.
   * What it returns, looked at again, has nothing of these labels.
   */
  redact(labels: ReadonlySet<string>): Body | undefined
}

/** More findings tell an operator nothing that these do not. */
const FINDINGS_MAX = 32
/** How much of two neighbouring texts is read as one: a private key of 4 096 bits, and more. */
const SEAM_CHARS = 8_192
/** What is taken out can bring together what was apart. Whatever needs more rounds is refused. */
const ROUNDS = 3
/** Names and places of findings are for the history: longer ones are cut. */
const POINTER_MAX_CHARS = 512

export interface Look {
  /**
   * Whether a message has to be looked at: one pass over its bytes, and over the places where its texts meet.
   * @param before what was said last in the same stream, as `tailOf` gave it.
   */
  glance(body: Body, bytes: Uint8Array, before?: Tail): boolean
  /** @returns undefined when there is nothing. */
  see(body: Body, before?: Tail): Seen | undefined
  /** What of a message is to be remembered for the next one of its stream. */
  tailOf(body: Body, before?: Tail): Tail
}

/** What else is looked for, for which the first glance has another eye. */
interface Glances {
  readonly personal: boolean
  readonly errors: boolean
  readonly links?: boolean
}

export function createLook(detector: Detector, glances: Glances): Look {
  const look = (body: Body, before: Tail): Leaf[] => {
    const { hit, shown } = leavesOf(body, detector)
    const seams = isEmpty(before) && shown.length < 2 ? [] : acrossSeams(shown, before.shown, detector)
    const all = [...seams, ...joinedIn(body, before, detector.secretAt)]
    return all.length === 0 ? [...hit] : withSeams(hit, all)
  }
  return {
    glance: (body, bytes, before = NOTHING_BEFORE) => {
      if (glance(bytes) || (glances.personal && hasDigitsOrMail(bytes))) return true
      if (glances.links === true && mayCarryWords(bytes)) return true
      if (glances.errors && tellsOfError(body)) return true
      return hasSeam(body, before.shown) || isJoined(body, before, detector.secretAt)
    },
    see: (body, before = NOTHING_BEFORE) => {
      const leaves = look(body, before)
      if (leaves.length === 0) return undefined
      return {
        findings: findingsOf(leaves),
        count: leaves.reduce((sum, { hits }) => sum + hits.length, 0),
        redact: (labels) => {
          let written = body
          for (let round = 0, left = leaves; round < ROUNDS; round++) {
            const marked = left.filter(({ hits }) => hits.some(({ label }) => labels.has(label)))
            if (marked.length === 0) return written
            if (marked.some(({ kind }) => kind === 'fixed')) return undefined
            written = rewrite(written, marked, labels)
            left = look(written, before)
          }
          return undefined
        },
      }
    },
    tailOf: (body, before = NOTHING_BEFORE) => tailAfter(body, before, textsOf(body).join('')),
  }
}

function findingsOf(leaves: readonly Leaf[]): readonly Finding[] {
  const findings: Finding[] = []
  const labels = new Set<string>()
  for (const { pointer, hits } of leaves) {
    for (const { label, rule, start, end } of hits) {
      if (findings.length >= FINDINGS_MAX && labels.has(label)) continue
      labels.add(label)
      findings.push({ label, detector: `output/${rule}`, pointer: pointer.slice(0, POINTER_MAX_CHARS), span: [start, end] })
    }
  }
  return findings
}

/** Texts that are shown after one another, found without looking at anything else: of content, of messages, of log and progress. */
function textsOf({ result, params, error, method }: Body): readonly string[] {
  if (method !== undefined) return [params?.['data'], params?.['message']].flatMap((text) => (typeof text === 'string' ? [text] : []))
  if (error !== undefined) return [error.message]
  for (const member of ['content', 'contents', 'messages']) {
    const items = result?.[member]
    if (Array.isArray(items)) return items.flatMap(textOf)
  }
  return []
}

function textOf(item: JsonValue): readonly string[] {
  if (!isObject(item)) return []
  if (typeof item['text'] === 'string') return [item['text']]
  const inner = item['content'] ?? item['resource']
  if (Array.isArray(inner)) return inner.flatMap(textOf)
  return isObject(inner) ? textOf(inner) : []
}

/** As far as a glance at the place where two texts meet. */
const GLANCE_CHARS = 128

function hasSeam(body: Body, before: string): boolean {
  const items = body.result?.['content'] ?? body.result?.['contents'] ?? body.result?.['messages']
  if (before === '' && (!Array.isArray(items) || items.length < 2)) return false
  const texts = textsOf(body)
  let last = before.slice(-GLANCE_CHARS)
  for (const text of texts) {
    if (last !== '' && glance(Buffer.from(last + text.slice(0, GLANCE_CHARS), 'latin1'))) return true
    last = (last + text).slice(-GLANCE_CHARS)
  }
  return false
}

/** Six digits with what people write between them, or an address of mail: what all personal data that is looked for has. */
function hasDigitsOrMail(bytes: Uint8Array): boolean {
  let digits = 0
  for (const byte of bytes) {
    if (byte >= 0x30 && byte <= 0x39) {
      if (++digits >= DIGITS_MIN) return true
    } else if (byte === 0x40 || byte === 0x5b) return true
    else if (byte !== 0x20 && byte !== 0x2d && byte !== 0x2e && byte !== 0x28 && byte !== 0x29 && byte !== 0x2f) digits = 0
  }
  return false
}
const DIGITS_MIN = 5

interface Piece {
  readonly leaf: Leaf | undefined
  /** Where it begins in the joined text, and in its own. */
  readonly at: number
  readonly from: number
  readonly length: number
}

/** What stands over the place where texts meet, as hits of each of them. */
function acrossSeams(shown: readonly Leaf[], before: string, detector: Detector): readonly Leaf[] {
  const pieces: Piece[] = [{ leaf: undefined, at: 0, from: 0, length: before.length }]
  let joined = before
  const add = (leaf: Leaf, from: number, until: number): void => {
    pieces.push({ leaf, at: joined.length, from, length: until - from })
    joined += leaf.text.slice(from, until)
  }
  for (const leaf of shown) {
    const { length } = leaf.text
    if (length <= 2 * SEAM_CHARS) add(leaf, 0, length)
    else {
      add(leaf, 0, SEAM_CHARS)
      joined += '\n\n'
      add(leaf, length - SEAM_CHARS, length)
    }
  }
  const found: Leaf[] = []
  for (const hit of detector.find(joined, { isJoined: true })) {
    const met = pieces.filter(({ at, length }) => length > 0 && at < hit.end && hit.start < at + length)
    if (met.length < 2) continue
    for (const { leaf, at, from, length } of met) {
      if (leaf === undefined) continue
      const start = Math.max(hit.start, at) - at + from
      const end = Math.min(hit.end, at + length) - at + from
      found.push({ ...leaf, hits: [{ label: hit.label, rule: `split/${hit.rule}`, start, end }] })
    }
  }
  return found
}

/** All kinds of hits of one text together; where they overlap, one. */
function withSeams(hit: readonly Leaf[], seams: readonly Leaf[]): Leaf[] {
  const leaves = [...hit]
  const known = new Map<object, Map<string, number>>()
  const nameOf = ({ kind, token }: Leaf): string => (kind === 'name' ? `n${token}` : `v${token}`)
  const note = (leaf: Leaf, index: number): void => {
    const members = known.get(leaf.container) ?? new Map<string, number>()
    known.set(leaf.container, members.set(nameOf(leaf), index))
  }
  for (const [index, leaf] of hit.entries()) note(leaf, index)
  for (const seam of seams) {
    const index = known.get(seam.container)?.get(nameOf(seam))
    const leaf = index === undefined ? undefined : leaves[index]
    if (index !== undefined && leaf !== undefined) leaves[index] = { ...leaf, hits: spread([...leaf.hits, ...seam.hits]) }
    else note(seam, leaves.push(seam) - 1)
  }
  return leaves
}

function spread(hits: readonly Hit[]): readonly Hit[] {
  const whole: Hit[] = []
  for (const hit of hits.toSorted((left, right) => left.start - right.start)) {
    const last = whole.at(-1)
    if (last === undefined || hit.start >= last.end) whole.push(hit)
    else whole[whole.length - 1] = { label: last.label, rule: last.rule, start: last.start, end: Math.max(last.end, hit.end) }
  }
  return whole
}

/** A copy of what has to change, and of what holds it; everything else is the same object. */
function rewrite(body: Body, leaves: readonly Leaf[], labels: ReadonlySet<string>): Body {
  const changes = new Map<object, Map<string, Leaf[]>>()
  for (const leaf of leaves) {
    const members = changes.get(leaf.container) ?? new Map<string, Leaf[]>()
    members.set(leaf.token, [...(members.get(leaf.token) ?? []), leaf])
    changes.set(leaf.container, members)
  }
  return copied(body, changes, labels) as Body
}

function copied(
  value: JsonValue | undefined,
  changes: ReadonlyMap<object, ReadonlyMap<string, readonly Leaf[]>>,
  labels: ReadonlySet<string>,
): JsonValue | undefined {
  if (typeof value !== 'object' || value === null) return value
  const own = changes.get(value)
  const inner = (item: JsonValue | undefined, token: string): JsonValue | undefined => {
    const leaf = own?.get(token)?.find(({ kind }) => kind !== 'name')
    return leaf === undefined ? copied(item, changes, labels) : textWithout(leaf, labels)
  }
  if (Array.isArray(value)) {
    const items = value.map((item: JsonValue, index) => inner(item, String(index)) ?? null)
    return items.every((item, index) => item === value[index]) ? value : items
  }
  const object = value as JsonObject
  const members: [string, JsonValue | undefined][] = []
  const taken = new Set<string>()
  let isSame = true
  for (const name of Object.keys(object)) {
    const renamed = own?.get(name)?.find(({ kind }) => kind === 'name')
    const shown = renamed === undefined ? name : freeName(replaced(name, among(renamed, labels), false), taken)
    const member = inner(object[name], name)
    taken.add(shown)
    members.push([shown, member])
    isSame &&= shown === name && member === object[name]
  }
  return isSame ? value : Object.fromEntries(members)
}

const among = ({ hits }: Leaf, labels: ReadonlySet<string>): readonly Hit[] => hits.filter(({ label }) => labels.has(label))

/** Two names that were different stay so. */
function freeName(name: string, taken: ReadonlySet<string>): string {
  for (let count = 2, free = name; ; count++) {
    if (!taken.has(free)) return free
    free = `${name}#${count}`
  }
}

function textWithout(leaf: Leaf, labels: ReadonlySet<string>): string {
  const text = replaced(leaf.text, among(leaf, labels), leaf.kind === 'uri')
  return leaf.kind === 'blob' ? Buffer.from(text, leaf.encoding).toString('base64') : text
}
