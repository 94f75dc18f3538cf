/** Everything that must not leave, in one text: read as it stands, without its disguises, without its line breaks, and decoded, twice at most. */

import { type Span, secretUnderName } from './assigned.ts'
import { isText, textOf32 } from './base32.ts'
import { dataLinksIn } from './data-links.ts'
import { internalsIn } from './internals.ts'
import type { SecretAt } from './joints.ts'
import { createPersonalIn, type PersonalKind } from './personal.ts'
import { createSecretAt, createSecretsIn, type Marked, marksOf } from './secrets.ts'
import { sourceOf, unbroken, undisguise, type View } from './views.ts'

/** What is found on the way out. The law judges it by these names. */
export const OUTPUT_LABELS = ['secret', 'personal', 'internal', 'data-link'] as const
export type OutputLabel = (typeof OUTPUT_LABELS)[number]

/** A stretch of a text, and what it is. */
export interface Hit extends Span {
  readonly label: OutputLabel
  /** What stands there instead of `[redacted:label]`. */
  readonly instead?: string
}

export interface DetectSettings {
  /** What is looked for at all. */
  readonly labels: ReadonlySet<string>
  readonly personal: readonly PersonalKind[]
  /** How this installation's own API keys begin. */
  readonly keyPrefixes: readonly string[]
}

export interface Place {
  /** The text is, or is part of, what went wrong. */
  readonly isError?: boolean
  /** The text was joined from others: only what has a form of its own counts. */
  readonly isJoined?: boolean
  /** What may still be spent on the message that it stands in. */
  readonly tank?: Tank
}

/** Places that get a second look. */
export interface Tank {
  marks: number
}

/** Second looks at one message: some tenths of a second. A megabyte of honest text needs some thousands. */
const MARKS_MAX = 250_000

export function fullTank(): Tank {
  return { marks: MARKS_MAX }
}

export interface Detector {
  /** @returns what was found, in order, nothing over another; empty when there is nothing. Never throws. */
  find(text: string, place: Place): readonly Hit[]
  /** What a text is that stands under a name: `{ "password": "…" }`. */
  underName(name: string, text: string): Hit | undefined
  /** Credentials with a form of their own that stand over several texts. */
  readonly secretAt: SecretAt
}

/** What was encoded in what was encoded is decoded; nobody decodes three times by mistake. */
const DEPTH_MAX = 2
/** How much of one text is decoded in all. */
const DECODED_MAX_CHARS = 8 * 1024 * 1024

/** Rules that go by what stands around a secret, not by its form. */
const BY_NAME = /^(?:named|url|cookie|authorization)/

export function createDetector(settings: DetectSettings): Detector {
  const secretsIn = createSecretsIn(settings.keyPrefixes)
  const personalIn = createPersonalIn(settings.labels.has('personal') ? settings.personal : [])
  const { labels } = settings

  const inView = (view: View, marks: readonly Marked[], place: Place): readonly Hit[] => {
    const { text } = view
    const found: Hit[] = []
    const take = (label: OutputLabel, spans: readonly (Span & { readonly instead?: string })[]): void => {
      for (const span of spans) {
        const [start, end] = sourceOf(view, span.start, span.end)
        found.push({ label, rule: span.rule, start, end, ...(span.instead === undefined ? {} : { instead: span.instead }) })
      }
    }
    if (labels.has('secret')) take('secret', secretsIn(text, marks))
    if (labels.has('personal')) take('personal', personalIn(text))
    if (labels.has('internal') && place.isError === true) take('internal', internalsIn(text))
    if (labels.has('data-link') && place.isJoined !== true) take('data-link', dataLinksIn(text))
    return place.isJoined === true ? found.filter(({ rule }) => !BY_NAME.test(rule)) : found
  }

  const search = (text: string, place: Place, depth: number, tank: { left: number }): readonly Hit[] => {
    const found: Hit[] = []
    let view: View | undefined = { text }
    for (let round = depth; view !== undefined && round <= DEPTH_MAX; round++) {
      const marks = marksOf(view.text)
      if (place.tank !== undefined) place.tank.marks -= marks.length
      if (place.tank !== undefined && place.tank.marks < 0) return [{ label: 'secret', rule: 'too-much', start: 0, end: text.length }]
      append(found, inView(view, marks, place))
      if (labels.has('secret') || labels.has('personal')) {
        const within = (inner: string): readonly Hit[] => search(inner, place, round + 1, tank)
        append(found, brokenIn(view, marks, found, round < DEPTH_MAX ? { search: within, tank } : undefined))
        if (round < DEPTH_MAX) append(found, encodedIn(view, marks, within, tank))
      }
      view = marks.some(({ mark }) => mark === 'disguise') ? undisguise(view) : undefined
    }
    return found
  }

  /**
   * Credentials that were broken over lines: only by their form, and only what was not whole on a line of its own. What was encoded first and
   * broken then, as `base64` and mail do (RFC 2045 §6.8), is decoded whole: a credential may stand on either side of a line end.
   */
  const brokenIn = (view: View, marks: readonly Marked[], found: readonly Hit[], inner: Inner | undefined): readonly Hit[] => {
    if (!marks.some(({ mark, end }) => mark === 'run' && /^(?:=|\\)?(?:[\r\n"'`]|\\[rn"])/.test(view.text.slice(end, end + 3))))
      return NOTHING
    const joined = unbroken(view)
    if (joined === undefined) return NOTHING
    const joinedMarks = marksOf(joined.text)
    const whole = inView(joined, joinedMarks, { isJoined: true }).filter(
      (hit) => hit.label === 'secret' && !found.some(({ start, end }) => start < hit.end && hit.start < end),
    )
    return inner === undefined ? whole : [...whole, ...encodedIn(joined, joinedMarks, inner.search, inner.tank)]
  }

  return {
    find: (text, place) => merged(search(text, place, 0, { left: DECODED_MAX_CHARS })),
    secretAt: labels.has('secret') ? createSecretAt(settings.keyPrefixes) : () => undefined,
    underName: (name, text) => {
      const span = labels.has('secret') ? secretUnderName(name, text) : undefined
      return span === undefined ? undefined : { label: 'secret', ...span }
    },
  }
}

/** How what was encoded is looked at, and how much of it may still be. */
interface Inner {
  readonly search: (text: string) => readonly Hit[]
  readonly tank: { left: number }
}

const NOTHING: readonly Hit[] = []

/** However many there are. */
function append(found: Hit[], more: readonly Hit[]): void {
  for (const hit of more) found.push(hit)
}

const BASE64 = /[A-Za-z0-9+/_-]/
const BEGIN_CHARS = 48

/** Base64 and hexadecimal of a text in which something is found: all of it is hit. */
function encodedIn(view: View, marks: readonly Marked[], search: (text: string) => readonly Hit[], tank: { left: number }): readonly Hit[] {
  const found: Hit[] = []
  let done = 0
  for (const { mark, start, end } of marks) {
    if (mark !== 'run' || end <= done || tank.left <= 0) continue
    let from = start
    while (from > done && BASE64.test(view.text[from - 1] ?? '')) from--
    done = end
    while (BASE64.test(view.text[done] ?? '')) done++
    while (view.text[done] === '=') done++
    for (const { text, at, length } of plainOf(view.text.slice(from, done))) {
      if (tank.left <= 0) break
      tank.left -= text.length
      const [hit] = search(text)
      if (hit === undefined) continue
      const [sourceStart, sourceEnd] = sourceOf(view, from + at, from + at + length)
      found.push({ label: hit.label, rule: `encoded/${hit.rule}`, start: sourceStart, end: sourceEnd })
      break
    }
  }
  return found
}

/** What a part of a run is the base64 or hexadecimal of, and where that part stands. */
interface Plain {
  readonly text: string
  readonly at: number
  readonly length: number
}

/** How many words may stand in front of what is encoded, glued to it by what base64 also has: `com/files/2024/…`. */
const GLUED_MAX = 8
const ENCODED_MIN = 16

/** The texts that a run is the base64 or hexadecimal of; none when it is of no text. The beginning tells. */
function* plainOf(run: string): Generator<Plain> {
  if (run.length < ENCODED_MIN) return
  const decoded = (at: number, length: number, encoding: 'hex' | 'base64'): Plain | undefined => {
    if (length < ENCODED_MIN || !isText(Buffer.from(run.slice(at, at + Math.min(length, BEGIN_CHARS)), encoding))) return undefined
    return { text: Buffer.from(run.slice(at, at + length), encoding).toString('utf8'), at, length }
  }
  // Digits of hexadecimal are letters of base64 too, but of no text: what is either is not both.
  for (const { index, 0: digits } of run.matchAll(/(?<![0-9a-fA-F])[0-9a-fA-F]{16,}/g)) {
    const plain = decoded(index, digits.length, 'hex')
    if (plain !== undefined) yield plain
  }
  for (let at = 0, glued = 0; glued <= GLUED_MAX; glued++) {
    const plain = decoded(at, run.length - at, 'base64')
    // What stands behind is read with it.
    if (plain !== undefined) return yield plain
    const next = run.slice(at).search(/[/_-]/)
    if (next === -1) break
    at += next + 1
  }
  const text = /^[A-Z2-7]{24,}$/.test(run) ? textOf32(run) : undefined
  if (text !== undefined) yield { text, at: 0, length: run.length }
}

/** In order, and one where several overlap: it is what comes first in the table of labels. */
function merged(hits: readonly Hit[]): readonly Hit[] {
  if (hits.length < 2) return hits
  const sorted = hits.toSorted((left, right) => left.start - right.start || right.end - left.end)
  const whole: Hit[] = []
  for (const hit of sorted) {
    const last = whole.at(-1)
    if (last === undefined || hit.start >= last.end) whole.push(hit)
    else whole[whole.length - 1] = united(last, hit)
  }
  return whole
}

function united(left: Hit, right: Hit): Hit {
  const [first, second] = OUTPUT_LABELS.indexOf(left.label) <= OUTPUT_LABELS.indexOf(right.label) ? [left, right] : [right, left]
  const end = Math.max(left.end, right.end)
  const isAlone = first.start <= second.start && first.end >= second.end
  return {
    label: first.label,
    rule: first.rule,
    start: left.start,
    end,
    ...(isAlone && first.instead !== undefined ? { instead: first.instead } : {}),
  }
}
