/** Links and pictures that would carry something out: whoever shows or follows them tells a stranger what stands in the URL. */
import { isRandom } from './assigned.ts'
import { isPrivateHost } from './hosts.ts'

export interface DataLink {
  readonly rule: 'picture' | 'link'
  readonly start: number
  readonly end: number
  /** What may be shown instead: not a link any more, and without what it carried. */
  readonly instead: string
}

const URLS = /(?:https?:)?\/\/[^\s<>"'`\\)\]]{4,4096}/gi
/** What stands right in front of a URL that may be loaded, and what makes a client load it without being asked: Markdown, HTML, style sheets. */
const LOADED = /\]\(\s{0,4}<?$|=\s{0,4}\\?["']?$|url\(\s{0,4}\\?["']?$/
const PICTURE =
  /!\[[^\]\r\n]{0,500}\]\(\s{0,4}<?$|<(?:img|image|video|audio|source|iframe|embed|object|link|script|input)\b[^>]{0,500}(?:src|srcset|href|poster|data|background)\s{0,4}=\s{0,4}\\?["']?$|url\(\s{0,4}\\?["']?$/i
/** How far in front of a URL that may begin. */
const BEFORE_CHARS = 640
/** A picture's query is a size or a style; a text of this length, or half of it by chance, is something else. */
const PICTURE_VALUE_CHARS = 40
const RANDOM_VALUE_CHARS = 16
/** Left for a model to fill in. */
const TEMPLATE = /\{\{\s{0,4}[a-z_][\w .]{0,60}\}\}|\{[a-z_]{3,40}\}|\$\{[a-z_]|<[a-z_ ]{3,60}>|\[[A-Z_ ]{3,40}\]/i
/** The same, in capitals, where a picture asks for it. */
const WORDS = /=(?:INSERT|REPLACE|YOUR|SECRET|DATA|CONVERSATION|HISTORY|CONTEXT|PASSWORD|TOKEN|CONTENT)[A-Z_]*(?:&|$)/
/** A decoded text this long says something. */
const SAID_CHARS = 12
const DEFANGED = '%5Bredacted:data-link%5D'

export function dataLinksIn(text: string): readonly DataLink[] {
  if (!text.includes('//')) return NOTHING
  const found: DataLink[] = []
  for (const { index, 0: matched } of text.matchAll(URLS)) {
    const isLoaded = LOADED.test(text.slice(Math.max(0, index - 12), index))
    const isPicture = isLoaded && PICTURE.test(text.slice(Math.max(0, index - BEFORE_CHARS), index))
    if (!isPicture && matched.startsWith('//')) continue
    const whole = matched.replace(/[.,;:!?*_~]+$/, '')
    const url = URL.parse(whole.startsWith('//') ? `https:${whole}` : whole)
    if (url === null || url.host === '' || isPrivateHost(url.hostname) || !carries(url, isPicture, 0)) continue
    const rule = isPicture ? 'picture' : 'link'
    found.push({ rule, start: index, end: index + whole.length, instead: `hxxps://${url.host}/${DEFANGED}` })
  }
  return found
}

const NOTHING: readonly DataLink[] = []

function carries(url: URL, isPicture: boolean, depth: number): boolean {
  const values = [...url.searchParams].map(([name, value]) => value || name)
  const parts = [...values, url.hash.slice(1), ...url.pathname.split('/'), ...url.hostname.split('.')]
  if (parts.some((part) => part.length >= SAID_CHARS && saysSomething(part))) return true
  const search = decoded(url.search)
  if (TEMPLATE.test(search)) return true
  if (!isPicture) return false
  return (
    WORDS.test(search) ||
    values.some((value) => {
      // A picture of a page is asked for by its URL.
      const inner = depth === 0 && /^https?:/i.test(value) ? URL.parse(value) : null
      if (inner !== null) return carries(inner, true, depth + 1)
      return value.length >= PICTURE_VALUE_CHARS || (value.length >= RANDOM_VALUE_CHARS && isRandom(value)) || value.split(' ').length >= 5
    })
  )
}

function decoded(search: string): string {
  try {
    return decodeURIComponent(search)
  } catch {
    return search
  }
}

/** Base64 or hexadecimal of a text that people or programs could read. */
function saysSomething(part: string): boolean {
  const isHex = /^(?:[2-7][0-9a-f]){12,}$/i.test(part)
  if (!isHex && !/^[A-Za-z0-9+/_-]{16,}={0,2}$/.test(part)) return false
  const plain = Buffer.from(part, isHex ? 'hex' : 'base64').toString('latin1')
  return plain.length >= SAID_CHARS && /^[\t\r\n\x20-\x7e]+$/.test(plain) && /[a-z]{3}/i.test(plain)
}
