/** Names in their one canonical spelling: whatever could be read as another name is refused, nothing is normalised. */
import { Denial } from '../core/denial.ts'

/** Twice what the specification recommends (1 to 128): servers in the field have longer ones, none this long. */
const NAME_MAX_CHARS = 256

/** Linux's longest path (PATH_MAX); a longer URI is data, not a name. */
const URI_MAX_CHARS = 4096

/** Control, format (zero-width, bidi), unassigned, private, separators, and what renderers ignore. */
const INVISIBLE = /[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]/u

/** Why the name of a tool, prompt or task is not canonical; undefined when it is. */
export function nameFlaw(name: string): string | undefined {
  if (name.length === 0) return 'a name is empty'
  if (name.length > NAME_MAX_CHARS) return 'a name is too long'
  if (name.charCodeAt(0) === 0x20 || name.charCodeAt(name.length - 1) === 0x20) return 'a name begins or ends with a space'
  let ascii = true
  for (let at = 0; at < name.length; at++) {
    const unit = name.charCodeAt(at)
    if (unit < 0x20 || unit === 0x7f) return 'a name holds a control character'
    if (unit > 0x7f) ascii = false
  }
  if (ascii) return undefined
  if (INVISIBLE.test(name.replaceAll(' ', ''))) return 'a name holds an invisible character'
  return name.normalize('NFKC') === name ? undefined : 'a name is not in its compatibility-normal form (NFKC)'
}

/** @throws Denial `not_found`: a name in another spelling is the name of nothing. */
export function checkName(name: string): void {
  const flaw = nameFlaw(name)
  if (flaw !== undefined) throw new Denial('not_found', { detail: flaw })
}

/** @throws Denial `not_found`. `template`: RFC 6570 expressions in braces are allowed (`completion/complete`). */
export function checkUri(uri: string, template = false): void {
  const flaw = uriFlaw(uri, template)
  if (flaw !== undefined) throw new Denial('not_found', { detail: flaw })
}

/** Schemes whose authority every URL parser rewrites (WHATWG URL "special"). */
const SPECIAL = new Set(['http', 'https', 'ws', 'wss', 'ftp'])

const SCHEME = /^[a-z][a-z0-9+.-]*:/

/** Why a URI is not canonical (RFC 3986 §6.2.2); undefined when it is. */
export function uriFlaw(uri: string, template = false): string | undefined {
  if (uri.length > URI_MAX_CHARS) return 'a URI is too long'
  const head = SCHEME.exec(uri)?.[0]
  if (head === undefined) return 'a URI has no lower-case scheme'
  const characters = characterFlaw(uri, template)
  if (characters !== undefined) return characters
  const end = uri.search(/[?#]/)
  const hierarchy = end === -1 ? uri.slice(head.length) : uri.slice(head.length, end)
  const scheme = head.slice(0, -1)
  return (template && hierarchy.startsWith('//{') ? undefined : authorityFlaw(uri, scheme, hierarchy)) ?? pathFlaw(scheme, hierarchy)
}

/** URI characters of RFC 3986 §2: 1 allowed, 2 needs no percent-encoding (unreserved). */
const URI_CHARACTERS = new Uint8Array(128)
for (const character of ":/?#[]@!$&'()*+,;=%") URI_CHARACTERS[character.charCodeAt(0)] = 1
for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~') URI_CHARACTERS[character.charCodeAt(0)] = 2

function characterFlaw(uri: string, template: boolean): string | undefined {
  let query = false
  for (let at = 0; at < uri.length; at++) {
    const unit = uri.charCodeAt(at)
    const allowed = unit < 128 ? URI_CHARACTERS[unit] : 0
    if (allowed === 0 && !(template && (unit === 0x7b || unit === 0x7d))) return 'a URI holds a character that must be encoded'
    if (unit === 0x3f || unit === 0x23) query = true
    if (unit !== 0x25) continue
    const flaw = encodingFlaw(uri, at, query)
    if (flaw !== undefined) return flaw
    at += 2
  }
  return undefined
}

/** What the percent-encoding at `at` spells: only what must be encoded, in upper-case hex, and never a separator of the path. */
function encodingFlaw(uri: string, at: number, query: boolean): string | undefined {
  const hex = uri.slice(at + 1, at + 3)
  if (!/^[0-9A-F]{2}$/.test(hex)) return 'a URI holds a percent-encoding that is not two upper-case hex digits'
  const byte = Number.parseInt(hex, 16)
  if (byte < 0x20 || byte === 0x7f) return 'a URI holds an encoded control character'
  if (byte < 128 && URI_CHARACTERS[byte] === 2) return 'a URI encodes a character that needs no encoding'
  if (!query && (byte === 0x2f || byte === 0x5c)) return 'a URI holds an encoded slash or backslash'
  // `%252e` is a dot, `%252f` a slash to whoever decodes twice.
  if (byte === 0x25 && /^(2e|2f|5c)/i.test(uri.slice(at + 3, at + 5))) return 'a URI is encoded twice'
  return undefined
}

function authorityFlaw(uri: string, scheme: string, hierarchy: string): string | undefined {
  if (scheme === 'file') return hierarchy.startsWith('///') ? undefined : 'a file URI names a host or has no absolute path'
  if (!SPECIAL.has(scheme)) return undefined
  if (!hierarchy.startsWith('//')) return 'a URI has no authority'
  const slash = hierarchy.indexOf('/', 2)
  const authority = slash === -1 ? hierarchy.slice(2) : hierarchy.slice(2, slash)
  if (authority === '' || !URL.canParse(uri)) return 'a URI has no valid authority'
  // Upper case, a default port, user information, `0x7f.1`: the parser says otherwise than the text.
  return new URL(uri).host === authority ? undefined : 'the authority of a URI is not in its normal form'
}

function pathFlaw(scheme: string, hierarchy: string): string | undefined {
  const segments = (hierarchy.startsWith('//') ? hierarchy.slice(2) : hierarchy).split('/')
  for (const [index, segment] of segments.entries()) {
    // Path parameters (`..;x`) are cut off by some servers before dot segments are removed.
    const semicolon = segment.indexOf(';')
    const bare = semicolon === -1 ? segment : segment.slice(0, semicolon)
    if (bare === '.' || bare === '..') return 'a URI holds a dot segment'
    if (scheme === 'file' && segment === '' && index > 0 && index < segments.length - 1) return 'a file URI holds an empty segment'
  }
  return undefined
}
