/** Credentials in a text: known by their form, by what they are called, or by the kept rules; and private keys, whole. */
import { isRandom, isRedacted, type Span, schemed, secretAssigned, secretInUrl } from './assigned.ts'
import { commanded, optioned } from './commanded.ts'
import { glance, type Mark } from './glance.ts'
import type { SecretAt } from './joints.ts'
import { createKeptRules } from './kept-rules.ts'
import { listed, secretsInColumns } from './listed.ts'
import { createShapes, isPlaceholder } from './shapes.ts'

/** A place in a text that is due a second look. */
export interface Marked {
  readonly mark: Mark
  readonly start: number
  readonly end: number
}

/** Every place that a glance marks. Letters of other scripts may be marked for nothing; nothing is left out for them. */
export function marksOf(text: string): readonly Marked[] {
  const marks: Marked[] = []
  glance(Buffer.from(text, 'latin1'), (mark, start, end) => void marks.push({ mark, start, end }))
  marks.sort((left, right) => left.start - right.start)
  const disguised = text.search(DISGUISED)
  if (disguised !== -1) marks.push({ mark: 'disguise', start: disguised, end: disguised + 1 })
  return marks
}

/** Zero width, full width, tags, letters of mathematics: as text what `glance` knows as UTF-8. */
const DISGUISED =
  /[\u00ad\u180e\u200b\u200c\u200e\u200f\u2060-\u2064\ufeff\uff01-\uff5e\u{1d400}-\u{1d7ff}]|\u200d|[\ufe00-\ufe0e]|[\u{e0020}-\u{e007e}]/u

/** What belongs to a token beside letters and digits: a credential may hold any of these. */
const WORD = /[A-Za-z0-9_\-+/=.~:@%?&$]/
/** Longer tokens than this are looked at in stretches that overlap. */
const STRETCH_CHARS = 4_096
/** No beginning is longer: so far they overlap. */
const ANCHOR_CHARS = 64
/** How far in front of a run the beginning of its token is looked for. */
const BACK_CHARS = 256

/** How much of one text the kept rules are asked of: their patterns take up to a hundred steps a character where somebody meant them to. */
const KEPT_MAX_CHARS = 64 * 1024
/** A credential that only they know stands within this of the run that was marked. */
const KEPT_AROUND = 160

export type SecretsIn = (text: string, marks: readonly Marked[]) => readonly Span[]

/** @param keyPrefixes of this installation's own API keys. */
export function createSecretsIn(keyPrefixes: readonly string[]): SecretsIn {
  const { anchors, groups } = createShapes(keyPrefixes)
  const kept = createKeptRules()

  /** Looks at one stretch: a search over all of the text would be one for each run. */
  const shaped = (text: string, from: number, until: number, found: Span[]): void => {
    const stretch = text.slice(from, until)
    anchors.lastIndex = 0
    for (let match = anchors.exec(stretch); match !== null; match = anchors.exec(stretch)) {
      const start = from + match.index
      anchors.lastIndex = match.index + 1
      if (isInWord(text, start)) continue
      for (const { rule, whole } of groups[match.indexOf(match[0], 1) - 1] ?? []) {
        whole.lastIndex = start
        if (!whole.test(text)) continue
        const end = whole.lastIndex
        if (!isPlaceholder(text.slice(start, end))) found.push({ rule, start, end })
        anchors.lastIndex = end - from
        break
      }
    }
  }

  return (text, marks) => {
    const found: Span[] = []
    let done = 0
    const runs: Marked[] = []
    for (const marked of marks) {
      const { mark, start, end } = marked
      if (mark === 'assigned' || mark === 'column') found.push(...secretAssigned(text, start))
      if (mark === 'account') pushIf(found, secretInUrl(text, start))
      if (mark === 'command') pushIf(found, commanded(text, start))
      if (mark === 'key-block' || text.startsWith('-----BEGIN', start)) pushIf(found, privateKey(text, start))
      if (mark !== 'run') continue
      if (text.startsWith('-p', start)) pushIf(found, commanded(text, start))
      if (text.startsWith('--', start)) found.push(...secretAssigned(text, end))
      pushIf(
        found,
        schemed(text, start, () => endOfWord(text, end)),
      )
      pushIf(
        found,
        optioned(text, start, () => endOfWord(text, end)),
      )
      pushIf(
        found,
        listed(text, start, () => endOfWord(text, end)),
      )
      if (text.startsWith('PuTTY-User-Key-File', start)) pushIf(found, puttyKey(text, start))
      runs.push(marked)
      if (end <= done) continue
      const from = Math.max(done, startOfWord(text, start))
      done = endOfWord(text, end)
      for (let at = from; at < done; at += STRETCH_CHARS) shaped(text, at, Math.min(done, at + STRETCH_CHARS + ANCHOR_CHARS), found)
    }
    if (runs.length > 0 || marks.some(({ mark }) => mark === 'column')) append(found, secretsInColumns(text))
    return [...found, ...(runs.length === 0 ? NOTHING : keptIn(text, runs, kept)), ...secretHalves(text, found)]
  }
}

/** Beginnings that words have too: `sk-SK`, `cache-key-`. They tell only with what no word goes on with. */
const ANCHOR_MIN = 4
const LIKE_WORDS = new Set(['key-'])
const NO_WORD = /[A-Za-z][0-9]+[A-Za-z]|[0-9][A-Za-z]+[0-9]/

/** For texts that were joined from several, each beginning where a credential may. */
export function createSecretAt(keyPrefixes: readonly string[]): SecretAt {
  const { anchors, groups } = createShapes(keyPrefixes)
  const anchor = new RegExp(anchors.source, 'y')
  return (beginning, first) => {
    anchor.lastIndex = 0
    const match = anchor.exec(beginning)
    if (match === null) return undefined
    const [begun] = match
    const isLikeWord = begun.length < ANCHOR_MIN || LIKE_WORDS.has(begun)
    if (isLikeWord && !NO_WORD.test(beginning.slice(begun.length, first))) return undefined
    const shapes = groups[match.indexOf(begun, 1) - 1] ?? []
    return (text) => {
      for (const { rule, whole } of shapes) {
        whole.lastIndex = 0
        if (whole.test(text)) return { rule, start: 0, end: isPlaceholder(text.slice(0, whole.lastIndex)) ? 0 : whole.lastIndex }
      }
      return undefined
    }
  }
}

const NOTHING: readonly Span[] = []

/** However many there are. */
function append(found: Span[], more: readonly Span[]): void {
  for (const span of more) found.push(span)
}

function pushIf(found: Span[], span: Span | undefined): void {
  if (span !== undefined) found.push(span)
}

/** A beginning in the middle of a word is none: `task-…` holds `sk-`. The `n` of `\\n` is no word. */
function isInWord(text: string, start: number): boolean {
  if (!isLetterOrDigit(text.charCodeAt(start - 1)) || !isLetterOrDigit(text.charCodeAt(start))) return false
  return text.charCodeAt(start - 2) !== BACKSLASH || !'nrt'.includes(text.charAt(start - 1))
}

const BACKSLASH = 0x5c

function isLetterOrDigit(unit: number): boolean {
  return (unit >= 0x61 && unit <= 0x7a) || (unit >= 0x41 && unit <= 0x5a) || (unit >= 0x30 && unit <= 0x39)
}

function startOfWord(text: string, start: number): number {
  let at = start
  while (at > 0 && start - at < BACK_CHARS && WORD.test(text[at - 1] ?? '')) at--
  return at
}

function endOfWord(text: string, end: number): number {
  let at = end
  while (at < text.length && WORD.test(text[at] ?? '')) at++
  return at
}

/** The kept rules, asked of what stands around the runs; what overlaps is asked once. */
function keptIn(text: string, runs: readonly Marked[], kept: (text: string) => readonly Span[]): readonly Span[] {
  const found: Span[] = []
  let left = KEPT_MAX_CHARS
  for (let index = 0; index < runs.length && left > 0; ) {
    const from = Math.max(0, (runs[index]?.start ?? 0) - KEPT_AROUND)
    let until = 0
    for (let run = runs[index]; run !== undefined && (until === 0 || run.start - KEPT_AROUND <= until); run = runs[++index])
      until = Math.min(text.length, run.end + KEPT_AROUND)
    const stretch = text.slice(from, Math.min(until, from + left))
    left -= stretch.length
    for (const { rule, start, end } of kept(stretch)) {
      const value = stretch.slice(start, end)
      if (!isPlaceholder(value) && !isRedacted(value)) found.push({ rule, start: from + start, end: from + end })
    }
  }
  return found
}

const KEY_BEGIN = /-----BEGIN[ A-Z0-9]{0,40}PRIVATE KEY(?: BLOCK)?-----/y
const KEY_END = /-----END[ A-Z0-9]{0,40}PRIVATE KEY(?: BLOCK)?-----/g
/** An RSA key of 16 384 bits has some 13 000 characters. */
const KEY_MAX_CHARS = 32_768
/** Where only the line is told of, words follow; `Proc-Type:` and other headers are of the key. */
const KEY_BODY_BEGIN = /^(?:\s|\\[rn]|["'+,])*(?:$|[A-Z][A-Za-z-]{2,16}: |[A-Za-z0-9+/=]{16})/
const KEY_BODY_AROUND = 48
const KEY_BODY = /(?:[A-Za-z0-9+/=\s:,.-]|\\[rn])*/y

/** A private key from its first dash to its last; one whose end is missing, to where its letters end. */
function privateKey(text: string, start: number): Span | undefined {
  KEY_BEGIN.lastIndex = start
  if (!KEY_BEGIN.test(text) || !KEY_BODY_BEGIN.test(text.slice(KEY_BEGIN.lastIndex, KEY_BEGIN.lastIndex + KEY_BODY_AROUND)))
    return undefined
  KEY_END.lastIndex = KEY_BEGIN.lastIndex
  const close = KEY_END.exec(text)
  if (close !== null && close.index - start <= KEY_MAX_CHARS) return { rule: 'private-key', start, end: close.index + close[0].length }
  KEY_BODY.lastIndex = KEY_BEGIN.lastIndex
  KEY_BODY.test(text)
  return { rule: 'private-key', start, end: Math.min(KEY_BODY.lastIndex, start + KEY_MAX_CHARS) }
}

const PUTTY_PRIVATE = /Private-Lines: \d{1,4}\s{1,4}([A-Za-z0-9+/=\s]{16,32768}?)(?=Private-|$)/

/** PuTTY keeps both halves in one file; the public one may stay. */
function puttyKey(text: string, start: number): Span | undefined {
  const match = PUTTY_PRIVATE.exec(text.slice(start, start + KEY_MAX_CHARS))
  if (match?.[1] === undefined) return undefined
  const from = start + match.index + match[0].indexOf(match[1])
  return { rule: 'private-key', start: from, end: from + match[1].trimEnd().length }
}

const AWS_SECRET = /(?<![A-Za-z0-9+/=_-])[A-Za-z0-9+/]{40}(?![A-Za-z0-9+/=_-])/g
/** How far from its id the other half of an AWS key stands. */
const HALF_AROUND = 160

/** The other half of an AWS key has no form of its own; beside its id it is known. */
function secretHalves(text: string, found: readonly Span[]): readonly Span[] {
  return found.flatMap(({ rule, start, end }) => {
    if (rule !== 'aws-access-key') return []
    const from = Math.max(0, start - HALF_AROUND)
    return [...text.slice(from, end + HALF_AROUND).matchAll(AWS_SECRET)].flatMap(({ index, 0: value }) =>
      /^[a-f0-9]*$/.test(value) || !isRandom(value) || isPlaceholder(value)
        ? []
        : [{ rule: 'aws-secret-key', start: from + index, end: from + index + value.length }],
    )
  })
}
