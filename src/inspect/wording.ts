/** How a definition is worded, weighed by what was learned from labelled examples (tools/wording): for what no rule has a pattern. */
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { escapeStep } from './flaw.ts'
import { sensesOf, stemOf } from './wording-senses.ts'
import { BIAS, SCALE, WEIGHTS } from './wording-weights.ts'

/*
 * A linear model over words, pairs of words, and pairs of what they mean. It gives no reasons but the place, so it is the last to be asked, and
 * what it says is a fact like any other: the definition waits until a person has read it.
 */

/** A text of a definition, and where it stands. */
export interface Said {
  readonly pointer: string
  readonly text: string
}

/** So much of one definition is weighed. */
const TEXTS_MAX = 512
const CHARS_MAX = 32 * 1024
const DEPTH_MAX = 48
/** What is no prose: names, and what programs read. */
const UNSAID = new Set(
  'name type format role uri uriTemplate mimeType pattern src websiteUrl $ref $id $schema $anchor $defs x-mcp-header required'.split(' '),
)

/** Every text of a definition that says something. */
export function saidIn(definition: JsonObject): readonly Said[] {
  const said: Said[] = []
  let left = CHARS_MAX
  const visit = (value: JsonValue | undefined, pointer: string, depth: number): void => {
    if (depth > DEPTH_MAX || left <= 0 || said.length >= TEXTS_MAX) return
    if (typeof value === 'string') {
      said.push({ pointer, text: value.slice(0, left) })
      left -= value.length
    } else if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) visit(item, `${pointer}/${index}`, depth + 1)
    } else if (isObject(value)) {
      for (const [member, inner] of Object.entries(value))
        if (!UNSAID.has(member) || typeof inner !== 'string') visit(inner, `${pointer}/${escapeStep(member)}`, depth + 1)
    }
  }
  visit(definition, '', 0)
  return said
}

/** Words, and what stands for all of its kind: an address, a path, a name in a program, a number. Bounded, so that a run without an end is read once. */
const TOKEN =
  /https?:\/\/\S{1,256}|(?:~|\.{1,2})?\/[\w.\-/~*]{1,128}|[\w.+-]{1,64}@[\w-]{1,64}\.[\w.]{1,64}|[A-Za-z]{1,48}_[A-Za-z_0-9]{1,64}(?:\(\))?|[A-Za-z]{1,48}[a-z][A-Z]\w{0,48}(?:\(\))?|\.[a-z]\w{1,48}|\d[\d.,:]{0,32}|\p{L}{1,48}(?:['’]\p{L}{1,48})?|[!?<>:;(){}[\]`"]/gu

function tokenOf(written: string): string {
  if (written.startsWith('http')) return '·url'
  if (written.includes('@')) return '·mail'
  if (/^(?:[/~]|\.{1,2}\/)/.test(written)) return '·path'
  if (/_|[a-z][A-Z]/.test(written)) return '·name'
  if (written.startsWith('.')) return '·file'
  return /^\d/.test(written) ? '·number' : written.toLowerCase().replace('’', "'")
}

const tokensOf = (text: string): readonly string[] => (text.match(TOKEN) ?? []).map(tokenOf)

const SENTENCE = /(?<=[.!?;:])\s+|\n+|[[\]<>(){}]/

/** What is counted in a text, each once. Also by whoever learns. */
export function featuresOf(text: string): ReadonlySet<string> {
  const found = new Set<string>()
  const words = tokensOf(text).map(stemOf)
  for (const [at, word] of words.entries()) {
    found.add(word)
    const next = words[at + 1]
    if (next !== undefined) found.add(`${word} ${next}`)
  }
  for (const sentence of text.split(SENTENCE)) addSenses(tokensOf(sentence), found)
  return found
}

/** Senses that stand in one sentence, one behind the other, or with one word between them. */
function addSenses(words: readonly string[], found: Set<string>): void {
  const meant = words.map((word) => (word === '·name' ? TOOL : sensesOf(word)))
  for (const sense of meant[0] ?? NOTHING) found.add(`^${sense}`)
  const all = [...new Set(meant.flat())].sort()
  for (const [at, sense] of all.entries()) {
    found.add(`#${sense}`)
    for (const other of all.slice(at + 1)) found.add(`${sense}&${other}`)
  }
  for (const [at, senses] of meant.entries()) {
    const next = meant[at + 1]
    if (next !== undefined && senses.length + next.length > 0) {
      for (const left of senses.length > 0 ? senses : [words[at] ?? ''])
        for (const right of next.length > 0 ? next : [words[at + 1] ?? '']) found.add(`${left}>${right}`)
    }
    for (const left of senses) for (const right of meant[at + 2] ?? NOTHING) found.add(`${left}>_>${right}`)
  }
}

const NOTHING: readonly string[] = []
const TOOL: readonly string[] = ['tool']

/** By feature; read once, when the first definition is looked at. */
const learned = new Map<string, number>()

/** One line a weight: the weight, a space, and the features that have it, with bars between them. */
function readWeights(): void {
  for (const line of WEIGHTS.trim().split('\n')) {
    const at = line.indexOf(' ')
    for (const feature of line.slice(at + 1).split('|')) learned.set(feature, Number(line.slice(0, at)) / SCALE)
  }
}

/**
 * Where a definition speaks most like those that were poisoned, when all of it does; undefined when it does not.
 * @returns a pointer (RFC 6901) to one of its texts
 */
export function suspectIn(definition: JsonObject): string | undefined {
  if (learned.size === 0) readWeights()
  const said = saidIn(definition)
  const seen = new Set<string>()
  let sum = 0
  let worst = 0
  let pointer: string | undefined
  for (const one of said) {
    let own = 0
    for (const feature of featuresOf(one.text)) {
      const weight = learned.get(feature)
      if (weight === undefined || seen.has(feature)) continue
      seen.add(feature)
      own += weight
    }
    sum += own
    if (own <= worst && pointer !== undefined) continue
    worst = own
    pointer = one.pointer
  }
  return sum / Math.sqrt(Math.max(1, seen.size)) + BIAS > 0 ? pointer : undefined
}
