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

/** With one slash or four, or backslashes, a browser goes there as well (WHATWG URL §4.4, special authority slashes state). */
const URLS = /(?:(?:https?|ftp|wss?):[\\/]{1,4}|\/\/)[^\s<>"'`\\)\]]{4,4096}/gi
/** What stands right in front of a URL that may be loaded, and what makes a client load it without being asked: Markdown, HTML, style sheets. */
const LOADED = /\]\(\s{0,4}<?$|=\s{0,4}\\?["']?$|url\(\s{0,4}\\?["']?$/
const PICTURE = /!\[[^\]\r\n]{0,500}\]\(\s{0,4}<?$|url\(\s{0,4}\\?["']?$/i
const LOADING = /<(?:img|image|video|audio|source|iframe|embed|object|link|script|input)\b/gi
const LOADING_NAME = /\b(?:src|srcset|href|poster|data|background)\s{0,4}=\s{0,4}\\?["']?$/i
const FORM = /<(?:form|button|input)\b/gi
const FORM_NAME = /\b(?:form)?action\s{0,4}=\s{0,4}\\?["']?$/i
/** What a form sends without being filled in. */
const FILLED = /\bvalue\s{0,4}=\s{0,4}\\?["']?([^\s"'<>\\]{12,1024})/gi
/** How far behind its action the fields of a form are looked at. */
const FORM_CHARS = 2_048
/** How many tags are tried, from the URL back: one may be named in a text of another. */
const TAGS_MAX = 3
/** How far in front of a URL that may begin. */
const BEFORE_CHARS = 640
/** Where a name stands for a URL: `[1]: https://…`; and where a picture is shown by it: `![text][1]`, `![1]`. */
const DEFINED = /(?:^|[\r\n]) {0,3}\[([^\]\r\n]{1,100})\]:\s{0,4}<?$/
const REFERRED = /!\[([^\]\r\n[]{0,500})\](?!\()(?:\[([^\]\r\n[]{0,100})\])?/g
/** A picture's query is a size or a style; a text of this length, or half of it by chance, is something else. */
const PICTURE_VALUE_CHARS = 40
const RANDOM_VALUE_CHARS = 16
/** So many words are a sentence. */
const SENTENCE_WORDS = 5
/** Words that sentences are made with, and names of places in the net are not. */
const SMALL_WORD = /^(?:a|an|and|are|at|by|for|from|has|in|is|of|on|or|that|the|to|was|will|with)$/i
/** Parameters in which people write: what they look for, share, or are about to send. What these carry cannot be told from what a link is for. */
const WRITTEN =
  /^(?:q|s|k|p|wd|l|u|query|queries|search\w*|find\w*|keywords?|terms?|text|title|body|subject|message|description|desc|summary|details|name|url|prompt|quote|address|location|near|origin|destination|from|to|daddr|saddr|dates|filters?|jql|sort|category|topic|question|label\w*|tag\w*|utm_\w+|field\w*|as_\w+|hashtags|cc|bcc|content|comment|note|about|place|city|ref\w*|page|fragment)$/i
/** Left for a model to fill in. */
const TEMPLATE = /\{\{\s{0,4}[a-z_][\w .]{0,60}\}\}|\{[a-z_]{3,40}\}|\$\{[a-z_]|<[a-z_ ]{3,60}>|\[[A-Z_ ]{3,40}\]/i
/** The same, in capitals, where a picture asks for it. */
const WORDS = /=(?:INSERT|REPLACE|YOUR|SECRET|DATA|CONVERSATION|HISTORY|CONTEXT|PASSWORD|TOKEN|CONTENT)[A-Z_]*(?:&|$)/
/** A decoded text this long says something. */
const SAID_CHARS = 12
const DEFANGED = '%5Bredacted:data-link%5D'

export function dataLinksIn(text: string): readonly DataLink[] {
  const found: DataLink[] = []
  for (const { url, isPicture, isForm, index, whole } of linksIn(text)) {
    if (!carries(url, isPicture, 0) && !(isForm && isFilled(text, index + whole.length))) continue
    const rule = isPicture ? 'picture' : 'link'
    found.push({ rule, start: index, end: index + whole.length, instead: `hxxps://${url.host}/${DEFANGED}` })
  }
  return found
}

/** Whether the first look has to be followed by a second one: words behind a `?`. Pictures, and what is encoded, are marked by it anyhow. */
export function mayCarryWords(bytes: Uint8Array): boolean {
  for (let at = bytes.indexOf(QUESTION); at !== -1; at = bytes.indexOf(QUESTION, at + 1)) {
    let gaps = 0
    for (let next = at + 1; next < at + QUERY_CHARS && next < bytes.length; next++) {
      const byte = bytes[next] ?? 0
      if (byte <= 0x22 || byte === 0x3e || byte === QUESTION) break
      if (byte !== 0x2b && !(byte === 0x25 && bytes[next + 1] === 0x32 && bytes[next + 2] === 0x30)) continue
      if (++gaps >= SENTENCE_WORDS - 1) return true
    }
  }
  return false
}
const QUESTION = 0x3f
const QUERY_CHARS = 1_024

/** Whether whoever shows the text loads something of a stranger's: asking for it already tells the stranger what stands in its address. */
export function picturesIn(text: string): boolean {
  for (const { isPicture } of linksIn(text)) if (isPicture) return true
  return false
}

interface Linked {
  readonly url: URL
  readonly isPicture: boolean
  /** Where a form is sent to. */
  readonly isForm: boolean
  readonly index: number
  readonly whole: string
}

/** Links to places that are not our own. */
function* linksIn(text: string): Generator<Linked> {
  if (!/[\\/]{2}|(?:p|ps):[\\/]/i.test(text)) return
  const shown = text.includes('![') ? referredIn(text) : NO_NAMES
  for (const { index, 0: matched } of text.matchAll(URLS)) {
    const before = text.slice(Math.max(0, index - BEFORE_CHARS), index)
    const isLoaded = LOADED.test(before.slice(-12))
    const isForm = isLoaded && FORM_NAME.test(before.slice(-24)) && isInTag(before, FORM)
    const isMarkup = isLoaded && !isForm && (PICTURE.test(before) || (LOADING_NAME.test(before.slice(-32)) && isInTag(before, LOADING)))
    const isPicture = isMarkup || (shown.size > 0 && shown.has(DEFINED.exec(before.slice(-120))?.[1]?.toLowerCase() ?? ''))
    if (!isPicture && matched.startsWith('//')) continue
    const whole = isPicture && /\(\s{0,4}<?$/.test(before) ? withSpaces(text, index, matched) : matched.replace(/[.,;:!?*_~]+$/, '')
    const url = URL.parse(whole.startsWith('//') ? `https:${whole}` : whole)
    if (url !== null && url.host !== '' && !isPrivateHost(url.hostname)) yield { url, isPicture, isForm, index, whole }
  }
}

const NO_NAMES: ReadonlySet<string> = new Set()

/** By which names pictures are shown. */
function referredIn(text: string): ReadonlySet<string> {
  const names = new Set<string>()
  for (const [, alt = '', name = ''] of text.matchAll(REFERRED)) names.add((name === '' ? alt : name).toLowerCase())
  return names
}

/** Whether a tag is still open where its text ends; what stands in quotes closes none. */
function isInTag(before: string, tags: RegExp): boolean {
  const starts = [...before.matchAll(tags)].map(({ index }) => index).slice(-TAGS_MAX)
  return starts.some((start) => {
    let quote = ''
    for (let at = start; at < before.length; at++) {
      const sign = before[at] ?? ''
      if (quote !== '') quote = sign === quote ? '' : quote
      else if (sign === '>') return false
      else if ((sign === '"' || sign === "'") && before[at - 1] !== '\\') quote = sign
    }
    return true
  })
}

/** In brackets a URL goes on behind spaces, as some who show it read it; a title in quotes is none of it. */
function withSpaces(text: string, index: number, matched: string): string {
  const more = /^ [^\r\n"'()<>]{1,1000}(?=[)>])/.exec(text.slice(index + matched.length, index + matched.length + 1_024))?.[0]
  return matched + (more ?? '').trimEnd()
}

function isFilled(text: string, from: number): boolean {
  const fields = text.slice(from, from + FORM_CHARS).split(/<\/form\b/i, 1)[0] ?? ''
  for (const [, value = ''] of fields.matchAll(FILLED)) if (saysSomething(value)) return true
  return false
}

function carries(url: URL, isPicture: boolean, depth: number): boolean {
  const given = [...url.searchParams]
  const values = given.map(([name, value]) => value || name)
  const account = [url.username, url.password].map(decoded)
  const parts = [...values, ...account, url.hash.slice(1), ...url.pathname.split('/'), ...url.hostname.split('.')]
  if (parts.some((part) => part.length >= SAID_CHARS && saysSomething(part))) return true
  const search = decoded(url.search)
  if (TEMPLATE.test(search)) return true
  if (!isPicture) return given.some(([name, value]) => !WRITTEN.test(name) && isSentence(value.split(/\s+/)))
  return (
    WORDS.test(search) ||
    account.some((part) => part.length >= RANDOM_VALUE_CHARS) ||
    url.hostname.split('.').some((label) => isSentence(label.split('-'))) ||
    isSpread(given) ||
    values.some((value) => {
      // A picture of a page is asked for by its URL.
      const inner = depth === 0 && /^https?:/i.test(value) ? URL.parse(value) : null
      if (inner !== null) return carries(inner, true, depth + 1)
      return (
        value.length >= PICTURE_VALUE_CHARS ||
        (value.length >= RANDOM_VALUE_CHARS && isRandom(value)) ||
        value.split(' ').length >= SENTENCE_WORDS
      )
    })
  )
}

function isSentence(words: readonly string[]): boolean {
  return words.length >= SENTENCE_WORDS && words.some((word) => SMALL_WORD.test(word))
}

/** A word each in parameters that say nothing by their names: `a=project&b=bluebird&…`. */
function isSpread(given: readonly (readonly [string, string])[]): boolean {
  const words = given.filter(([name, value]) => /^[a-z]?\d{0,2}$/i.test(name) && /^\p{L}{2,}$/u.test(value))
  return words.length >= SENTENCE_WORDS - 1
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
