/** What a name or a word looks like to a tired eye: characters that are taken for each other are one (Unicode TR39, in the small). */
import { fold } from './decode.ts'

/** Letters of other scripts that are drawn like Latin ones; lower and upper case apart, because they look like different letters. */
const LIKE_LATIN: Readonly<Record<string, string>> = {
  a: 'аαɑ',
  b: 'Ьƅ',
  c: 'сϲ',
  d: 'ԁɗ',
  e: 'еҽєε',
  g: 'ɡց',
  h: 'һհ',
  i: 'іıι',
  j: 'јϳ',
  k: 'кκ',
  l: 'ӏⅼ',
  m: 'м',
  n: 'пոη',
  o: 'оοσօ',
  p: 'рρ',
  q: 'ԛզ',
  r: 'гɾ',
  s: 'ѕ',
  t: 'тτ',
  u: 'υսʋ',
  v: 'ѵν',
  w: 'ԝωա',
  x: 'хχ',
  y: 'уүγ',
  z: 'ᴢ',
  A: 'АΑ',
  B: 'ВΒ',
  C: 'СϹ',
  E: 'ЕΕ',
  H: 'НΗ',
  I: 'ІΙӀ',
  J: 'Ј',
  K: 'КΚ',
  M: 'МΜ',
  N: 'Ν',
  O: 'ОΟՕ',
  P: 'РΡ',
  S: 'Ѕ',
  T: 'ТΤ',
  X: 'ХΧ',
  Y: 'ҮΥ',
  Z: 'Ζ',
}
const LATIN: ReadonlyMap<string, string> = new Map(
  Object.entries(LIKE_LATIN).flatMap(([latin, alike]) => [...alike].map((other) => [other, latin] as const)),
)
const FOREIGN = /[^\0-\x7f]/
const MARKS = /\p{Mn}/gu
/** Within Latin: digits and letters that fonts hardly tell apart, and pairs that look like one. */
const ALIKE: readonly (readonly [RegExp, string])[] = [
  [/[Ii1|!]/g, 'l'],
  [/0/g, 'o'],
  [/rn/g, 'm'],
  [/vv/g, 'w'],
]
/** Parts of a word, which readers leave out when they remember it. */
const JOINTS = /[\s_.-]/g

/** The text with letters of other scripts replaced by the Latin ones that they look like; its accents stay. */
export function latinised(text: string): string {
  const plain = fold(text)
  if (!FOREIGN.test(plain)) return plain
  let latin = ''
  for (const character of plain) latin += LATIN.get(character) ?? character
  return latin
}

/** Names with one look cannot be told apart by reading. */
export function lookOf(name: string): string {
  let look = latinised(name).normalize('NFKD').replace(MARKS, '')
  for (const [alike, instead] of ALIKE) look = look.replace(alike, instead)
  return look
}

/** Names with one skeleton are taken for each other: they differ in case and joints at most. */
export function skeletonOf(name: string): string {
  return lookOf(name).toLowerCase().replace(JOINTS, '')
}

/** Shorter names are words of their own: `from`, `form`. */
const SWAPPED_MIN = 6

/** The skeletons of names that are this one with two neighbours swapped, as fingers do and as who waits for that does. */
export function swappedSkeletons(name: string): ReadonlySet<string> {
  const skeleton = skeletonOf(name)
  const swapped = new Set<string>()
  if (skeleton.length < SWAPPED_MIN) return swapped
  for (let at = 0; at + 1 < skeleton.length; at++)
    swapped.add(skeleton.slice(0, at) + (skeleton[at + 1] ?? '') + (skeleton[at] ?? '') + skeleton.slice(at + 2))
  swapped.delete(skeleton)
  return swapped
}

/** Shorter words are others by one letter: `data`, `date`. */
const SOUNDED_MIN = 5

/** Names that sound like this one: vowels are mistaken for each other, and letters doubled or not. Undefined for names without a long word. */
export function soundOf(name: string): string | undefined {
  const words = lookOf(name.replace(/([a-z0-9])([A-Z])/g, '$1_$2'))
    .toLowerCase()
    .split(/[\s_.-]+/)
  if (!words.some((word) => word.length >= SOUNDED_MIN)) return undefined
  return words.map((word) => (word.length < SOUNDED_MIN ? word : word.replace(/[aeiou]+/g, '*').replace(/(.)\1+/g, '$1'))).join('_')
}

const WORD = /[\p{L}\p{N}_]+/gu
const HAS_LATIN = /[A-Za-z]/

/** Whether some word is written in Latin letters and in others that only look like them: nobody types that. */
export function hasDisguisedWord(text: string): boolean {
  if (!FOREIGN.test(text)) return false
  for (const [word] of text.matchAll(WORD)) {
    if (!FOREIGN.test(word) || !HAS_LATIN.test(word)) continue
    let disguised = 0
    let others = 0
    for (const character of word) {
      if (LATIN.has(character)) disguised++
      else if (FOREIGN.test(character)) others++
    }
    // Greek beside Latin is mathematics as long as it is one letter at the edge of a short name.
    if (disguised > 0 && others === 0 && word.length > 3) return true
  }
  return false
}
