/** Style sheets: the few things in them that run, load other sheets or lie over a page. */
import type { Label } from './labels.ts'

const ESCAPED = /\\([0-9a-fA-F]{1,6})\s?|\\(.)/g
const COMMENT = /\/\*[^*]{0,200}(?:\*(?!\/)[^*]{0,200}){0,8}\*\//g
const RUNS =
  /expression\s{0,8}\(|(?:java|vb|live)script\s{0,8}:|-moz-binding|behavior\s{0,8}:\s{0,8}url|@import\b|url\s{0,8}\(\s{0,8}['"]?\s{0,8}data:(?!image\/(?:png|gif|jpe?g|webp)|font\/)/i
/** Laid over everything else, whatever the page shows: clicks go where they were not meant to. */
const OVERLAY = /position\s{0,8}:\s{0,8}(?:fixed|absolute)/i
const LARGE = /(?:width|height|font-size|inset)\s{0,8}:\s{0,8}(?:\d{3,}(?:%|px|v[wh])?|0\b)/i

/** @param style declarations, or any text in which they may stand. */
export function judgeStyle(style: string): Label | undefined {
  const plain = style.replace(ESCAPED, unescaped).replace(COMMENT, '').replace(/\0/g, '')
  if (RUNS.test(plain)) return 'script'
  return OVERLAY.test(plain) && LARGE.test(plain) ? 'active-markup' : undefined
}

function unescaped(_: string, hex: string | undefined, letter: string | undefined): string {
  const point = Number.parseInt(hex ?? '', 16)
  return Number.isNaN(point) ? (letter ?? '') : point <= 0x10ffff ? String.fromCodePoint(point) : ''
}
