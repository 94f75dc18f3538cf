/** Secrets in a configuration file, sealed to the setting they stand at: `sealed:v1:…`. */

import { Fault } from '../core/denial.ts'
import type { Seal } from '../core/seal.ts'
import { DEPTH_MAX, type SchemaNode, textsOf } from './places.ts'
import { type Environment, type Mistake, type Path, parseSource, rewrite, type Source, showPath } from './source.ts'

const SEALED = 'sealed:v1:'

export function isSealed(text: string): boolean {
  return text.startsWith('sealed:')
}

/** @param path of the setting: the text is good there and nowhere else. */
export function sealValue(seal: Seal, secret: string, path: Path): string {
  return SEALED + seal.seal(secret, placeOf(path))
}

/** @throws Fault `FAULT_SEAL` */
export function openValue(seal: Seal, text: string, path: Path): string {
  if (!text.startsWith(SEALED)) throw new Fault('FAULT_SEAL', 'A sealed text is of no version that is known here')
  return seal.open(text.slice(SEALED.length), placeOf(path))
}

const placeOf = (path: Path): string => `configuration ${showPath(path)}`

/**
 * The configuration with its sealed values opened. Keys are asked for only when there is one.
 * @throws Fault `FAULT_KEYFILE` when a key cannot be had.
 */
export function openSealed(
  source: Source,
  schema: () => SchemaNode,
  sealing: () => Seal,
): { readonly value: unknown; readonly mistakes: readonly Mistake[] } {
  if (!hasSealed(source.value, [])) return { value: source.value, mistakes: [] }
  const seal = sealing()
  const mistakes: Mistake[] = []
  const opened = new Map<string, string>()
  for (const { path, text, isSecret } of textsOf(schema(), source.value)) {
    if (!isSealed(text)) continue
    if (!isSecret) {
      mistakes.push(source.mistake(path, 'expected it as it is: only a secret may be sealed'))
      continue
    }
    try {
      opened.set(showPath(path), openValue(seal, text, path))
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      mistakes.push(source.mistake(path, `expected what "portcullis seal ${showPath(path)}" prints. ${error.message}`))
    }
  }
  // What could not be opened is told alone; then there is nothing to go on with.
  return { value: mistakes.length > 0 ? source.value : replaced(source.value, opened, []), mistakes }
}

/** Aliases may lead into themselves; no setting does, so what is below such a place is none. */
function hasSealed(value: unknown, ancestors: readonly unknown[]): boolean {
  if (typeof value === 'string') return isSealed(value)
  if (typeof value !== 'object' || value === null || ancestors.includes(value)) return false
  const inner = [...ancestors, value]
  return Object.values(value).some((one) => hasSealed(one, inner))
}

function replaced(value: unknown, texts: ReadonlyMap<string, string>, path: Path): unknown {
  if (typeof value === 'string') return texts.get(showPath(path)) ?? value
  if (path.length > DEPTH_MAX) return value
  if (Array.isArray(value)) return value.map((item, index) => replaced(item, texts, [...path, index]))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, replaced(inner, texts, [...path, name])]))
}

/** Secrets that stand in the file for everybody to read: neither sealed nor taken from the environment. */
export function plainSecrets(text: string, schema: SchemaNode): readonly Mistake[] {
  const source = parseSource(text)
  return textsOf(schema, source.value)
    .filter((written) => written.isSecret && written.text !== '' && !isSealed(written.text) && !written.text.includes('${'))
    .map(({ path }) => source.mistake(path, `expected no plain secret: put in what "portcullis seal ${showPath(path)}" prints`))
}

export interface Resealed {
  readonly text: string
  /** Places that were sealed anew. */
  readonly changed: readonly string[]
  /** Places whose sealed text is not in the file: the environment has it, and only its owner can change it there. */
  readonly elsewhere: readonly string[]
}

/** The file with every value under the key that seals now; all else stays as it is, comments and blanks. @throws Fault `FAULT_SEAL` */
export function resealText(text: string, environment: Environment, schema: SchemaNode, keys: () => Seal): Resealed {
  const values = new Map<string, string>()
  const elsewhere: string[] = []
  const inFile = new Map(textsOf(schema, parseSource(text).value).map((written) => [showPath(written.path), written.text]))
  for (const { path, text: sealed, isSecret } of textsOf(schema, parseSource(text, environment).value)) {
    if (!isSecret || !isSealed(sealed)) continue
    const seal = keys()
    const secret = openValue(seal, sealed, path)
    if (seal.keyOf(sealed.slice(SEALED.length)) === 'current') continue
    const place = showPath(path)
    if (inFile.get(place) === sealed) values.set(place, sealValue(seal, secret, path))
    else elsewhere.push(place)
  }
  return { text: rewrite(text, values), changed: [...values.keys()], elsewhere }
}
