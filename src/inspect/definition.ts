/** What a server says of a tool, prompt, resource or itself, looked through for what a person would not accept if they read all of it. States facts, refuses nothing. */
import type { Finding } from '../core/finding.ts'
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { isBomb, isEndless } from './expansion.ts'
import { cutPointer, escapeStep } from './flaw.ts'
import { judgeHint, judgeName } from './honesty.ts'
import { hiddenIn, ordersIn, TEXT_MAX_CHARS } from './instructions.ts'
import { PRIVATE, WANTS_ALL } from './lexicon.ts'
import { judgeMarkup } from './markup.ts'
import { askedBeyond } from './overreach.ts'
import { growthOf } from './regex.ts'
import { suspectIn } from './wording.ts'

export type DefinitionKind = 'server' | 'tool' | 'prompt' | 'resource' | 'template'

export interface Around {
  /** Names of other things that are taken for this one's, and its own where another server has it too. */
  readonly siblings: readonly string[]
}

/** Texts of one definition; a larger one is not looked through to its end, and that is held against it. */
const TEXTS_MAX = 4_000
const CHARS_MAX = 128 * 1024
const DEPTH_MAX = 48
/** A proof about a single one may take some milliseconds. */
const PATTERNS_MAX = 128
/** More than a person reads. */
const FINDINGS_MAX = 16
const LABEL = 'definition/poisoned'

/** Members whose text says what the whole is for. */
const PURPOSES = new Set(['/description', '/title'])
/** A URI is no sentence. */
const URIS = new Set(['uri', 'uriTemplate', 'src', 'websiteUrl', '$ref', '$id', '$schema', 'mimeType', 'format', 'type', 'pattern'])
/** Names of arguments that open something, as servers write them. */
const SECRET_NAME =
  /pass(?:word|wd|phrase|code)|secret|token|credential|api[_-]?key|private[_-]?key|\botp\b|\bpin\b|cookie|authorization|session[_-]?id|\bcvv\b|\bssn\b|seed/i
/** What opens something elsewhere, of whoever calls; by where. */
const OWN_SECRET =
  /\byour (?:own )?(openai|anthropic|claude|gemini|mistral|hugging ?face|aws|amazon|azure|google|gcp|github|gitlab|npm|pypi|stripe|slack|discord|telegram|cloudflare|paypal|coinbase)(?: [\w-]+){0,2} (?:keys?|tokens?|passwords?|passphrases?|secrets?|credentials?|cookies?)\b/
const CONVERSATIONAL = /chat|conversation|messages?|summar|transcript|history|context/i

/** Shorter names are what a tool does: `ignore_rules`. */
const SENTENCE_WORDS = 4

interface Walk {
  readonly kind: DefinitionKind
  readonly definition: JsonObject
  readonly found: Finding[]
  /** Where switches are described: by what they do. */
  readonly switches: Set<string>
  texts: number
  chars: number
  patterns: number
  /** Members whose names models fill by themselves. */
  filled: number
}

/** @returns findings labelled `definition/poisoned`; what was seen is in the detector, where in the pointer. */
export function judgeDefinition(kind: DefinitionKind, definition: JsonObject, { siblings }: Around): readonly Finding[] {
  const walk: Walk = { kind, definition, found: [], switches: new Set(), texts: 0, chars: 0, patterns: 0, filled: 0 }
  for (const detector of judgeName(kind, definition, siblings)) note(walk, detector, '/name')
  // A name of many words is a sentence.
  const spoken = String(definition['name'] ?? '').replace(/[_-]/g, ' ')
  if (spoken.split(' ').length >= SENTENCE_WORDS) for (const detector of ordersIn(spoken)) note(walk, detector, '/name')
  if (kind === 'tool') {
    for (const [detector, pointer] of judgeHint(definition)) note(walk, detector, pointer)
    for (const schema of ['inputSchema', 'outputSchema'] as const)
      if (isBomb(definition[schema]) || isEndless(definition[schema])) note(walk, 'definition/expansion', `/${schema}`)
  }
  visit(definition, '', '', 0, walk)
  const suspect = walk.found.length === 0 ? suspectIn(definition) : undefined
  if (suspect !== undefined) note(walk, 'instructions/wording', suspect)
  return walk.found
}

function note({ found }: Walk, detector: string, pointer: string): void {
  if (found.length >= FINDINGS_MAX || found.some((one) => one.detector === detector && one.pointer === pointer)) return
  found.push({ label: LABEL, detector, pointer: cutPointer(pointer) })
}

function visit(value: JsonValue | undefined, name: string, pointer: string, depth: number, walk: Walk): void {
  if (typeof value === 'string') {
    judgeText(value, name, pointer, walk)
    return
  }
  if (typeof value !== 'object' || value === null) return
  if (depth >= DEPTH_MAX || walk.texts > TEXTS_MAX || walk.chars > CHARS_MAX) {
    note(walk, 'definition/size', '')
    return
  }
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) visit(item, name, `${pointer}/${index}`, depth + 1, walk)
    return
  }
  if (isObject(value) && value['type'] === 'boolean') walk.switches.add(`${pointer}/description`)
  for (const [member, inner] of Object.entries(value)) {
    const place = `${pointer}/${escapeStep(member)}`
    if (member === '__proto__') note(walk, 'definition/prototype', place)
    judgeMember(member, place, walk)
    if (member === 'x-mcp-header') judgeHeader(inner, name, pointer, walk)
    // A property's name is the name of what is said below it.
    visit(inner, member === 'description' || member === 'title' || member === 'x-mcp-header' ? `${name}` : member, place, depth + 1, walk)
  }
}

/** A sentence that a person who reads the page does not see, and a model does. */
const HIDDEN_COMMENT = /<!--[^<>]{0,40}?[a-z]{2,}[ :,]+[a-z]{2,}[ :,]+[a-z]{2,}[^<>]{0,2000}?-->/i

/** What a name asks for by itself: `content_from_reading_ssh_id_rsa`. */
const COLLECTING =
  /(?:^|_)(?:contents?|text|dump|read(?:ing)?|values?|copy)_(?:[a-z]{1,16}_){0,6}(?:id_(?:rsa|ed25519|ecdsa)|ssh_keys?|private_keys?|passwd|shadow|dotenv|env_file|credentials|cookies|system_prompt)(?:_|$)|(?:^|_)(?:api_?keys?|tokens?|passwords?|secrets?|credentials?)_(?:found_in|seen_in|known_from|from|in)_(?:the_)?(?:context|chat|conversation|memory|environment|files?|history)/i

/** Names that models fill by themselves. Of one it may be the business of a tool; whoever wants two of them wants all that there is. */
const FILLED =
  /^(?:system_?prompt|(?:conversation|chat|message)_?(?:history|transcript|context|log)|(?:previous|prior|all)_?messages|(?:available_?|all_?)?tools?_?(?:list|names)|available_?tools|full_?context|chain_?of_?thought|user_?(?:prompt|profile|secrets?|credentials))$/i
/** An order of some words, written as a name. */
const NAMED_ORDER =
  /^(?:you_must|please|always|never|first|before|must|read|paste|copy|include|send|fetch|call|ignore|put|add|run|tell|dump|attach|upload|list|get|open)_(?:[a-z0-9.~/]+_){3,}[a-z0-9.~/]+$/i

/** Names of members are texts that models read. */
function judgeMember(written: string, place: string, walk: Walk): void {
  // `patternProperties` has names between anchors.
  const member = written.replace(/^\^|\$$/g, '')
  walk.texts++
  walk.chars += member.length
  const hidden = hiddenIn(member)
  if (hidden !== undefined) note(walk, hidden, place)
  if (COLLECTING.test(member) || (NAMED_ORDER.test(member) && /_(?:and|here|it|into|then|first|before|must)(?:_|$)/i.test(member)))
    note(walk, 'instructions/collect', place)
  if (FILLED.test(member) && ++walk.filled > 1 && walk.kind === 'tool' && !ABOUT_MODELS.test(aboutOf(walk.definition)))
    note(walk, 'instructions/collect', place)
  if (member.includes(' ')) for (const detector of ordersIn(member)) note(walk, detector, place)
}

function judgeText(text: string, name: string, pointer: string, walk: Walk): void {
  walk.texts++
  walk.chars += text.length
  if (text.length > TEXT_MAX_CHARS) note(walk, 'definition/size', pointer)
  const hidden = hiddenIn(text)
  if (hidden !== undefined) note(walk, hidden, pointer)
  const last = pointer.slice(pointer.lastIndexOf('/') + 1)
  if (URIS.has(last)) {
    const harm = last === 'pattern' ? judgePattern(text, walk) : judgeUri(text, last)
    if (harm !== undefined) note(walk, harm, pointer)
    // Models read it all the same.
    if (!/\s/.test(text)) return
    if (last === 'pattern' && /(?:[a-z]{2,} ){3,}[a-z]{2,}/i.test(text) && OUT_OF_PLACE.test(text))
      note(walk, 'instructions/out-of-place', pointer)
  }
  if (walk.kind === 'prompt' && PLEDGE.test(text) && isAnswer(pointer, walk.definition)) note(walk, 'instructions/consent', pointer)
  if ((last === 'default' || last === 'const' || /\/enum\/\d+$/.test(pointer)) && TRAILING.test(text))
    note(walk, 'instructions/out-of-place', pointer)
  if (HIDDEN_COMMENT.test(text)) note(walk, 'instructions/comment', pointer)
  const markup = judgeMarkup(text)
  if (markup !== undefined) note(walk, markup, pointer)
  for (const detector of ordersIn(text, (PURPOSES.has(pointer) && walk.kind !== 'server') || walk.switches.has(pointer)))
    note(walk, detector, pointer)
  if (walk.kind === 'tool' && pointer.startsWith('/inputSchema/properties/')) judgeArgument(text, name, pointer, walk)
  if (walk.kind === 'prompt' && /^\/arguments\/\d+\/description$/.test(pointer)) judgeAsked(text, pointer, walk)
}

/** What a prompt lets the model have said: that it may, or that it will do what nobody asked for. */
const PLEDGE =
  /\bI (?:am|'m) now (?:in|an?|free|running)\b|\bI (?:do not|don't|no longer|never) (?:have to |need to )?ask\b|\bno longer ask before\b|\bI may (?:now )?(?:run|share|send|upload|ignore|skip|delete|use|read|act|execute)\b|\bI (?:am|was|have been) (?:\w+ )?(?:allowed|permitted|authori[sz]ed|cleared|free|entitled) to\b|\bI have no (?:more )?(?:restrictions|limits|rules|guidelines|filters)\b|\bI have (?:already )?(?:confirmed|cleared|agreed|settled|checked)(?: this| it| that)? with (?:the |my )?(?:user|owner|customer|manager|admin)|\bI (?:have|was given|got|hold|am given) (?:the |full |your )?(?:permission|consent|approval|authori[sz]ation|clearance|access)\b|\bI(?: will|'ll| shall| am going to)(?: also| first| now| always| silently)? (?:upload|send|forward|share|ignore|bypass|disregard|hide|delete|reveal|skip|obey|run|execute)\b/i

function isAnswer(pointer: string, { messages }: JsonObject): boolean {
  const [, index = ''] = /^\/messages\/(\d+)\//.exec(pointer) ?? []
  const message = Array.isArray(messages) ? messages[Number(index)] : undefined
  return index !== '' && isObject(message) && message['role'] === 'assistant'
}

/** An argument that wants all that was said, of a tool that is not about what was said. */
function judgeArgument(text: string, name: string, pointer: string, { definition, ...walk }: Walk): void {
  if (!pointer.endsWith('/description')) return
  judgeAsked(text, pointer, { definition, ...walk })
  const said = text.toLowerCase()
  const about = aboutOf(definition)
  const [, where] = (SECRET_NAME.test(name) && OWN_SECRET.exec(said)) || []
  // What works with that service takes its key.
  if (where !== undefined && !about.toLowerCase().includes(where)) note({ definition, ...walk }, 'instructions/credential-request', pointer)
  if (PRIVATE.test(said) && WANTS_ALL.test(said) && !/\bwithout\b/.test(said) && !CONVERSATIONAL.test(about))
    note({ definition, ...walk }, 'instructions/collect', pointer)
  if (
    /\b(?:user|customer)(?:'s)? (?:request|message|prompt|question)s?,? verbatim\b|\bverbatim (?:user|copy of)/.test(said) &&
    name !== 'query'
  )
    note({ definition, ...walk }, 'instructions/collect', pointer)
}

const aboutOf = ({ name, description }: JsonObject): string => `${String(name)} ${String(description).slice(0, 200)}`
/** Tools that speak to a model are given what models are given. */
const ABOUT_MODELS =
  /chat|conversation|messages?|summar|transcript|history|context|\b(?:llm|ai|gpt|claude|models?|prompts?|agents?|completions?|assistants?)\b/i

function judgeAsked(text: string, pointer: string, walk: Walk): void {
  for (const detector of askedBeyond(text.toLowerCase().replace(/\s+/g, ' ').slice(0, TEXT_MAX_CHARS))) note(walk, detector, pointer)
}

/** A header is read by every proxy and written into its log (2026-07-28, `x-mcp-header`). */
function judgeHeader(header: JsonValue | undefined, property: string, pointer: string, walk: Walk): void {
  const place = `${pointer}/x-mcp-header`
  if (typeof header !== 'string' || !/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/.test(header)) note(walk, 'definition/header-form', place)
  else if (SECRET_NAME.test(property.replace(/([a-z])([A-Z])/g, '$1_$2')) || SECRET_NAME.test(header))
    note(walk, 'definition/header-leak', place)
}

/** A short value, and then what to do besides. */
const TRAILING =
  /^[\w .:/-]{1,32}[;.] (?=(?:\S+ ){3})(?:.*\b)?(?:then|afterwards?|before|first|also|and)\b.{0,40}\b(?:call|send|read|run|hand|forward|upload|delete|empty|copy|tell|use|give|open|paste|disable|transfer|invite|share|grant|remove)\b/i

/** An order where no prose belongs. */
const OUT_OF_PLACE =
  /\b(?:call|send|read|run|ignore|forward|upload|delete|include|copy|execute|tell|use|must|always|never|first|assign|grant|give|system|make|set|add)\b/i

/** Our own engine takes any pattern in linear time; whoever else checks arguments by it, the client above all, mostly does not. */
function judgePattern(pattern: string, walk: Walk): string | undefined {
  if (++walk.patterns > PATTERNS_MAX) return 'definition/size'
  return growthOf(pattern) === 'exponential' ? 'definition/pattern' : undefined
}

/** Icons and links that run, and schemas that are elsewhere. */
function judgeUri(uri: string, member: string): string | undefined {
  const start = uri.trimStart().toLowerCase()
  if (/^(?:javascript|vbscript|file):/.test(start) && member !== 'uri' && member !== 'uriTemplate') return 'definition/script'
  if (/^data:(?!image\/(?:png|gif|jpe?g|webp|avif|bmp|x-icon|svg\+xml)[;,])/.test(start)) return 'definition/script'
  if (/^data:image\/svg/.test(start) && /<script|onload|base64/.test(start)) return 'definition/script'
  // Out of the attribute that a page would put it in.
  if (/^[^\s]{0,2000}["'<>`]/.test(start) && !start.startsWith('data:') && (member === 'src' || member === 'websiteUrl'))
    return 'definition/script'
  if (member === 'src' && start.startsWith('http://')) return 'definition/remote'
  if (member === '$ref' && /^(?:[a-z][a-z0-9+.-]*:|\/\/)/.test(start)) return 'definition/remote'
  if (member === '$schema' && /^https?:/.test(start) && !/^https?:\/\/json-schema\.org\//.test(start)) return 'definition/remote'
  return undefined
}
