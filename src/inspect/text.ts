/** What is dangerous in any text, and what is dangerous in text that is meant for people: little, because people write about everything. */
import { readEveryWay } from './decode.ts'
import { isExpressionAttack } from './expression.ts'
import { isFormulaAttack } from './formula.ts'
import type { Label } from './labels.ts'

/** Everything that a person cannot see: controls, format characters, tags, lone surrogates. */
const UNSEEN =
  /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\p{Variation_Selector}\ufeff\ufff9-\ufffb\p{Surrogate}\u{e0000}-\u{e01ef}]/u
/** Where a page ends, in the text files that printers were sent: beside the end of a line. */
const PAGE_END = /(?<=[\r\n])\f|\f(?=[\r\n])/g
const CONTROL = /[\0-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x84\x86-\x8f\x91-\x9a\x9c\x9e\x9f\ufff9-\ufffb\p{Surrogate}]/u
/** ESC, and the 8-bit introducers of ECMA-48 §5.3. */
const ESCAPE = /[\x1b\x90\x9b\x9d]/
const OVERRIDE = /[\u202d\u202e]/
const EMBEDDING = /[\u202a-\u202e\u2066-\u2069]/
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/
/** Tag characters spell ASCII that nobody sees; the one honest use is a flag (Unicode TR51, ED-14a). */
const FLAG = /\u{1f3f4}[\u{e0020}-\u{e007e}]{1,16}\u{e007f}/gu
const TAG = /[\u{e0000}-\u{e007f}]/u
/** Bits or bytes carried by what has no width: more of them in a row than any script needs. */
const CARRIER = /[\u200b-\u200f\u2060-\u2064\ufeff]{4}|\p{Variation_Selector}{3}/u
/** Between letters of a script that joins nothing, a character without width only parts what belongs together. */
const PARTING = /[A-Za-z][\u00ad\u200b-\u200d\u2060-\u2064\ufeff][A-Za-z]/
const PARTINGS = new RegExp(PARTING, 'g')
/** Where a word may be broken at the end of a line: nobody breaks off a single letter. */
const HYPHENATION = /(?<=\p{L}{2})\u00ad(?=\p{L}{2})/gu
/** Once may come from a web page; more often, it is meant. */
const PARTINGS_MAX = 1

/** What no text may carry, whatever it is for. */
export function judgeCharacters(text: string): Label | undefined {
  if (!UNSEEN.test(text)) return undefined
  if (ESCAPE.test(text)) return 'terminal-escape'
  if (CONTROL.test(text.includes('\f') ? text.replace(PAGE_END, '') : text)) return 'control-characters'
  if (OVERRIDE.test(text) || (EMBEDDING.test(text) && (!RIGHT_TO_LEFT.test(text) || !isBalanced(text)))) return 'bidi-override'
  if (CARRIER.test(text) || TAG.test(text.replace(FLAG, ''))) return 'hidden-text'
  if (!PARTING.test(text)) return undefined
  return (text.replace(HYPHENATION, '').match(PARTINGS)?.length ?? 0) > PARTINGS_MAX ? 'hidden-text' : 'zero-width'
}

/** Whether every embedding ends where it began (Unicode TR9 §3.3.2), so that nothing outside of the text is turned around. */
function isBalanced(text: string): boolean {
  let open = 0
  for (const [sign] of text.matchAll(/[\u202a-\u202e\u2066-\u2069]/g)) {
    const isEnd = sign === '\u202c' || sign === '\u2069'
    open += isEnd ? -1 : 1
    if (open < 0) return false
  }
  return open === 0
}

/** Text for people: prose, messages, documents. Talking about an attack is none; being one is. */
export function judgeText(text: string): Label | undefined {
  return readEveryWay(text, { percent: text.startsWith('%') || text.includes('%7b') || text.includes('%7B') }, judgePayload)
}

/** One line, as in a subject, a name or a header. */
export function judgeLine(text: string): Label | undefined {
  if (/[\r\n\x85\u2028\u2029]/.test(text)) return 'header-injection'
  const hidden = readEveryWay(text, { percent: true }, (view) =>
    /\r?\n[\w-]{1,40}:|\r\n/.test(view) ? ('header-injection' as const) : undefined,
  )
  return hidden ?? judgeText(text)
}

/** PHP's serialize(), node-serialize, Java's and .NET's streams, pickle, Ruby's Marshal; and YAML tags that build objects. */
const SERIALIZED =
  /^\s{0,8}(?:[OC]:\+?\d{1,6}:"[^"]{1,200}":\d{1,6}:\{|a:\d{1,6}:\{[is]:\d)|_\$\$ND_FUNC\$\$_|^(?:rO0AB|H4sIAAAAA[A-Za-z0-9+/]{2}(?=.{0,80}rO0)|AAEAAAD\/{3,5}|BAh[vbi]|gASV|Tzo[0-9A-Za-z]{6}|YTo[0-9A-Za-z]{6})[A-Za-z0-9+/_-]|^aced0005|^\\?\xac\xed\0\x05|^c(?:os|posix|subprocess|__builtin__|builtins)\n\w{1,40}\n|!!(?:python\/(?:object|name|module)|javax?\.|com\.sun\.)|!ruby\/(?:object|hash)|"(?:@type|\$type)"\s{0,8}:\s{0,8}"(?:[a-z]{1,20}\.){2}/
const EXTERNAL = /https?:\/\/www\.w3\.org\/2001\/XInclude|<!ENTITY\s{1,20}(?:%\s{1,20})?[\w.-]{1,80}\s{1,20}(?:SYSTEM|PUBLIC)\b/i
/** A document with declarations of its own. */
const DECLARING = /<!DOCTYPE([^>[]{0,200})\[/i
/** The name of a character or of a few words (XML §4.2.1); a reference in them could be to another entity, and written as a number it could be an ampersand. */
const PLAIN_ENTITY =
  /<!ENTITY\s{1,20}[\w.-]{1,80}\s{1,20}(?:"(?:[^"&%<]|&#(?!0*(?:37|38|60);|x0*(?:25|26|3c);)x?[0-9a-f]{1,8};){0,200}"|'(?:[^'&%<]|&#(?!0*(?:37|38|60);|x0*(?:25|26|3c);)x?[0-9a-f]{1,8};){0,200}')\s{0,20}>/gi

/** Whether a parser would fetch something for it, or make much of little. */
function declaresEntities(text: string): boolean {
  if (EXTERNAL.test(text)) return true
  const [, identifier] = DECLARING.exec(text) ?? []
  if (identifier === undefined) return false
  return /\b(?:SYSTEM|PUBLIC)\b/i.test(identifier) || /<!ENTITY|%[\w.-]{1,80};/i.test(text.replace(PLAIN_ENTITY, ''))
}

/** Server-side includes, edge-side includes, and programs in pages. */
const DIRECTIVE =
  /<!--#\s{0,8}(?:exec|include|echo|printenv|config|set)\b|<esi:(?:include|inline|remove|debug|vars)\b|^\s{0,8}<\?(?:php\b|=)|^\s{0,8}<%[@=]?\s/i
/** Out of a quoted place at once and into a condition: nobody begins a sentence so. */
const BREAKOUT = /^\s{0,8}['"]\s{0,8}\)?\s{0,8}\]?\s{0,8}(?:or|and)\s{1,8}[^\n]{0,200}(?:=|<|>|\bor\b|\band\b)[^\n]{0,200}$/i
/** Four words in a row: a sentence about something. */
const isProse = (text: string): boolean => /(?:\b[a-z]{1,20}[ ,]{1,2}){3}[a-z]{2}/i.test(text)
const PATH_QUERY = /^\s{0,8}['"]\s{0,8}\]?\s{0,8}\|\s{0,8}\/{1,2}[\w*@]|^\s{0,8}['"]\]\s{0,8}[|/]/
/** A filter closed and another one opened (RFC 4515 §3). */
const LDAP =
  /\)\s{0,4}\(\s{0,4}[|&!]\s{0,4}\(|\*\)\s{0,4}\(\s{0,4}[\w;.-]{1,40}[~<>]?=|^\(?[|&]\([\w-]{1,40}=[^)]{0,80}\)\(|^[\w.@*-]{0,80}\)\(&\)|\)\(\w{1,40}=\*\)?\)?$/
/** A filter from its first bracket to its last, as a directory is asked with one: nothing was closed that it did not open. */
function isWholeFilter(text: string): boolean {
  const bare = text.trim()
  if (!bare.startsWith('(')) return false
  let open = 0
  for (const [at, letter] of [...bare].entries()) {
    if (letter === '(') open++
    else if (letter === ')' && --open === 0 && at < bare.length - 1) return false
  }
  return open === 0
}
/** A whole answer in a value. */
const RESPONSE = /^(?!HTTP\/)[^\r\n:]{0,80}\r\n(?:HTTP\/\d|(?:Set-Cookie|Location)\s{0,4}:)/i

function judgePayload(text: string): Label | undefined {
  if (text.includes('${') && resolvesToLookup(text)) return 'lookup-injection'
  if (isFormulaAttack(text)) return 'formula-injection'
  if (SERIALIZED.test(text)) return 'deserialization'
  // A document that is one; speaking of one is not.
  const document = /^[\s\ufeff]{0,8}</.test(text) ? judgeDocument(text) : undefined
  if (document !== undefined) return document
  if (text.includes(')(') || text.includes(') (') || text.startsWith('(')) {
    if (!isProse(text) && LDAP.test(text) && !isWholeFilter(text)) return 'query-injection'
  }
  if ((BREAKOUT.test(text) && !isProse(text)) || PATH_QUERY.test(text)) return 'query-injection'
  if (RESPONSE.test(text)) return 'header-injection'
  return isTemplateAttack(text) ? 'template-injection' : undefined
}

/** Documents that act on whoever parses or serves them. */
export function judgeDocument(text: string): Label | undefined {
  if (!text.includes('<')) return undefined
  if ((text.includes('<!') || text.includes('XInclude')) && declaresEntities(text)) return 'external-entity'
  return DIRECTIVE.test(text) ? 'server-directive' : undefined
}

const TEMPLATE = /^\s{0,8}(?:\{\{|\$\{|#\{|\*\{|@\{|<%=?|\{%|\[\[)/
const INSIDE = /(?:\{\{|[$#*@%]\{|<%=?|\{%)([^{}%]{1,400})/g
/** Ways of template engines to the classes below them (FreeMarker, Velocity, Smarty). */
const ENGINE = /<#assign\b[^>]{0,200}\?new\s{0,4}\(|#set\s{0,4}\(\s{0,4}\$[^)]{0,80}\)[^\n]{0,80}\.class\b|\{php\}/i

/** Being a template that reaches out is an attack; containing one, only if what it reaches for is the machine itself. */
export function isTemplateAttack(text: string): boolean {
  if (!text.includes('{') && !text.includes('<%') && !text.includes('#set')) return false
  if (ENGINE.test(text)) return true
  for (const [, inside = ''] of text.matchAll(INSIDE)) {
    if (isExpressionAttack(inside, 'reach')) return true
  }
  return TEMPLATE.test(text) && !isProse(text) && /^\W{2,12}\d{1,12}\s{0,4}\*\s{0,4}['"]?\d{1,12}/.test(text)
}

/** Substitutions nested deeper than this resolve to nothing in Log4j either. */
const LOOKUP_DEPTH_MAX = 24

/**
 * Whether Log4j's own substitution (CVE-2021-44228) makes a `jndi:` lookup of it. Lookups are undone the way it does: a default after `:-`
 * stands for the whole, `lower:` and `upper:` for what they are given.
 */
function resolvesToLookup(text: string): boolean {
  const frames: string[] = ['']
  const push = (piece: string): void => {
    frames[frames.length - 1] = (frames[frames.length - 1] ?? '') + piece
  }
  for (let at = 0; at < text.length; ) {
    const next = nextOf(text, at)
    if (next > at) push(text.slice(at, next))
    at = next
    if (at >= text.length) break
    if (text[at] === '$' && text[at + 1] === '{') {
      if (frames.length > LOOKUP_DEPTH_MAX) return true
      frames.push('')
      at += 2
    } else {
      if (text[at] === '}' && frames.length > 1) {
        const inner = frames.pop() ?? ''
        if (isJndi(inner)) return true
        push(resolved(inner))
      } else push(text[at] ?? '')
      at += 1
    }
  }
  return frames.some((frame, depth) => (depth > 0 && isJndi(frame)) || isJndi(frame.slice(frame.lastIndexOf('${') + 2)))
}

const MARK = /[$}]/g
function nextOf(text: string, from: number): number {
  MARK.lastIndex = from
  return MARK.exec(text)?.index ?? text.length
}

/** A lookup of some place: with dots for the place, somebody only speaks of it. */
const isJndi = (lookup: string): boolean => /^\s{0,4}jndi\s{0,4}:\s{0,4}[a-z]{1,12}\s{0,4}:[^\w]{0,12}\w/i.test(lookup)

function resolved(lookup: string): string {
  const otherwise = lookup.indexOf(':-')
  if (otherwise !== -1) return lookup.slice(otherwise + 2)
  const [, value] = /^(?:lower|upper):(.*)$/is.exec(lookup) ?? []
  if (value !== undefined) return value
  const [, quoted] = /^date:'(.*)'$/s.exec(lookup) ?? []
  return quoted ?? ''
}
