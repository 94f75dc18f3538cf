/**
 * Learns how poisoned definitions are worded, from the examples beside this file and the honest descriptions of published servers, and writes
 * `src/inspect/wording-weights.ts`. `npm run learn [-- FOLDER]`: FOLDER has the packages of `servers.txt` unpacked; without one they are
 * fetched. Same examples, same weights: nothing is left to chance.
 */
import { writeFileSync } from 'node:fs'
import { featuresOf, saidIn } from '../../src/inspect/wording.ts'
import { descriptionsOf, readExamples, unpackServers } from './examples.ts'
import { type Document, type Model, scoreOf, train } from './model.ts'

const OUT = new URL('../../src/inspect/wording-weights.ts', import.meta.url)
/** Weights are whole numbers of so many to one. */
const SCALE = 32
/** As many features are kept: those that weigh most. */
const FEATURES_MAX = 8_000
/** Of honest examples, chosen to be hard, so many may be taken for poisoned. */
const ALARMS_MAX = 0.03
const FOLDS = 8

const examples = readExamples()
const published = descriptionsOf(process.argv[2] ?? unpackServers())
const documents: Document[] = examples.map(({ id, poisoned, definition }) => ({
  set: id.split('-')[0] ?? '',
  isBad: poisoned,
  features: [...new Set(saidIn(definition).flatMap(({ text }) => [...featuresOf(text)]))],
}))
const known = vocabulary(documents)
for (const [name, texts] of published) {
  // Once by themselves, and once as a server says them, several in a row.
  for (const said of [...texts.map((text) => [text]), ...groupsOf(texts)])
    documents.push({ set: name, isBad: false, features: [...new Set(said.flatMap((text) => [...featuresOf(text)]))] })
}
for (const document of documents) document.features = document.features.filter((feature) => known.has(feature))
console.log(`${examples.length} examples, ${published.size} servers, ${documents.length} documents, ${known.size} features`)

const threshold = crossValidate()
const model = lasting(documents)
write(model, threshold)

/** What stands in two examples at least; what only published servers say is not learned. */
function vocabulary(all: readonly Document[]): Set<string> {
  const counts = new Map<string, number>()
  for (const { features } of all) for (const feature of features) counts.set(feature, (counts.get(feature) ?? 0) + 1)
  return new Set([...counts].flatMap(([feature, count]) => (count > 1 ? [feature] : [])))
}

function groupsOf(texts: readonly string[]): string[][] {
  const groups: string[][] = []
  for (let at = 0, size = 2; at < texts.length; at += size, size = 2 + ((size * 5) % 7)) groups.push(texts.slice(at, at + size))
  return groups
}

/** Learned twice: once with all features, and again with those that weighed most. */
function lasting(all: readonly Document[]): Model {
  const whole = train(all)
  const weights = [...whole.weights].sort(([, left], [, right]) => Math.abs(right) - Math.abs(left))
  const kept = new Set(weights.slice(0, FEATURES_MAX).map(([feature]) => feature))
  return train(all.map((document) => ({ ...document, features: document.features.filter((feature) => kept.has(feature)) })))
}

/** Each set is judged by what was learned from the others: siblings do not help one another. @returns above which score a definition is suspect. */
function crossValidate(): number {
  const sets = [...new Set(examples.map(({ id }) => id.split('-')[0] ?? ''))]
  const names = [...published.keys()]
  const scores: { readonly score: number; readonly sort: 'bad' | 'good' | 'published' }[] = []
  for (let fold = 0; fold < FOLDS; fold++) {
    const out = new Set([...sets, ...names].filter((_, index) => index % FOLDS === fold))
    const learned = lasting(documents.filter(({ set }) => !out.has(set)))
    for (const { set, features, isBad } of documents)
      if (out.has(set)) scores.push({ score: scoreOf(learned, features), sort: published.has(set) ? 'published' : isBad ? 'bad' : 'good' })
  }
  const of = (wanted: string): number[] => scores.flatMap(({ score, sort }) => (sort === wanted ? [score] : [])).sort((a, b) => b - a)
  const [bad, good, said] = [of('bad'), of('good'), of('published')]
  const above = (values: readonly number[], limit: number): string =>
    `${((100 * values.filter((value) => value > limit).length) / values.length).toFixed(2)} %`
  for (const alarms of [0.01, 0.02, ALARMS_MAX, 0.05]) {
    const limit = good[Math.floor(good.length * alarms)] ?? 0
    console.log(`honest ${alarms * 100} %: threshold ${limit.toFixed(3)}, poisoned ${above(bad, limit)}, published ${above(said, limit)}`)
  }
  return good[Math.floor(good.length * ALARMS_MAX)] ?? 0
}

function write({ weights, bias }: Model, limit: number): void {
  const lines = new Map<number, string[]>()
  for (const [feature, weight] of weights) {
    const whole = Math.round(weight * SCALE)
    if (whole !== 0) lines.set(whole, [...(lines.get(whole) ?? []), feature])
  }
  const table = [...lines]
    .sort(([left], [right]) => right - left)
    .map(([weight, features]) => `${weight} ${features.sort().join('|').replaceAll('`', '\\`')}`)
  writeFileSync(
    OUT,
    [
      '/** Learned by `npm run learn` (tools/wording), and written by it alone: what weighs for poisoned stands above, what weighs against it below. */',
      `export const SCALE = ${SCALE}`,
      `export const BIAS = ${Number((bias - limit).toFixed(4))}`,
      'export const WEIGHTS = `',
      ...table,
      '`',
      '',
    ].join('\n'),
  )
  console.log(`${lines.size} weights of ${[...lines.values()].flat().length} features written`)
}
