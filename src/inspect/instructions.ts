/** Orders to a model in a text that is meant to inform: read as models read it, disguises undone, sentence by sentence. States facts, refuses nothing. */

import { textOf32 } from './base32.ts'
import { COAXING } from './coaxing.ts'
import { BEHAVIOUR } from './conduct.ts'
import { DECEIT } from './deceit.ts'
import { fold } from './decode.ts'
import { LANGUAGES } from './languages.ts'
import { cheapestFirst, isMet, type Rule, SECRET_FILE } from './lexicon.ts'
import { ORDERS } from './orders.ts'
import { OVERREACH } from './overreach.ts'
import { ROUTES } from './routes.ts'
import { RUSES } from './ruses.ts'
import { hasDisguisedWord } from './skeleton.ts'
import { judgeCharacters } from './text.ts'
import { THEFT } from './theft.ts'

const RULES: readonly Rule[] = [
  ...ORDERS,
  ...DECEIT,
  ...THEFT,
  ...OVERREACH,
  ...ROUTES,
  ...BEHAVIOUR,
  ...RUSES,
  ...COAXING,
  ...LANGUAGES,
].map(cheapestFirst)

/** Of one text so much is read, most of it from the beginning: orders stand where models look. What is cut is not judged. */
export const TEXT_MAX_CHARS = 32 * 1024
const TAIL_CHARS = 8 * 1024
/** A sentence that goes on longer is read in pieces. */
const SENTENCE_MAX_CHARS = 600
/** Encoded pieces of one text that are looked into. */
const ENCODED_MAX = 16

/** Emoji are joined by what has no width, and coloured by what selects; scripts that join need joiners. */
/** A flag of a region: tags that spell its name (Unicode TR51, ED-14a). */
const FLAG = /\u{1f3f4}[\u{e0020}-\u{e007e}]{1,16}\u{e007f}/gu
const JOINED =
  /\p{Extended_Pictographic}\ufe0f?\p{Emoji_Modifier}?(?:\u200d\p{Extended_Pictographic}\ufe0f?\p{Emoji_Modifier}?)*|[#*0-9]\ufe0f?\u20e3/gu
const JOINING_SCRIPT = /[\u0600-\u08ff\u0900-\u0dff\u1000-\u109f\u1780-\u17ff\u1800-\u18af]/
const WIDTHLESS = /[\u00ad\u180e\u200b-\u200d\u2060-\u2064\ufeff]|(?:[\ufe00-\ufe0e])/
const FOREIGN = /[^\0-\x7f]/
/** Blank space that pushes what follows out of sight. */
const FAR_AWAY = /(?:[ \t\u00a0]{2}){40}\S|(?:\r?\n[ \t]{0,40}){30}\S/

/** What no honest definition hides, by detector; undefined when nothing is hidden. */
export function hiddenIn(text: string): string | undefined {
  const bare = FOREIGN.test(text) ? text.replace(FLAG, '').replace(JOINED, '') : text
  const label = judgeCharacters(bare)
  if (label !== undefined) return `instructions/${label}`
  if (WIDTHLESS.test(bare) && !JOINING_SCRIPT.test(bare)) return 'instructions/zero-width'
  if (hasDisguisedWord(text)) return 'instructions/homoglyph'
  return FAR_AWAY.test(text) ? 'instructions/far-away' : undefined
}

/**
 * The orders in a text, by detector: `instructions/secrecy`, `instructions/override`. Linear in the text, of which at most `TEXT_MAX_CHARS` are read.
 * @param purpose the text begins by saying what a thing is for ("Send an email."): its first verb is no order.
 */
export function ordersIn(text: string, purpose = false): ReadonlySet<string> {
  const found = new Set<string>()
  const read = cut(text)
  judge(plain(read), purpose, found)
  for (const hidden of decodedIn(read)) {
    const inner = new Set<string>()
    // Read letter by letter, it is the same text, and begins as it does.
    judge(plain(hidden), purpose && hidden.length === read.length, inner)
    for (const known of found) inner.delete(known)
    if (
      inner.size > 0 ||
      isEncodedOrder(hidden, read) ||
      (text.match(ROTATED_WORDS)?.length ?? 0) >= ROTATED_MIN ||
      (text.match(BACKWARD_WORDS)?.length ?? 0) >= ROTATED_MIN ||
      isHiddenFile(hidden, read)
    )
      found.add('instructions/encoded')
  }
  return found
}

const isHiddenFile = (hidden: string, text: string): boolean =>
  SECRET_FILE.test(hidden.toLowerCase()) && !SECRET_FILE.test(text.toLowerCase())

/** Prose that begins with an order, and was written so that nobody reads it. */
const ENCODED_ORDER =
  /^[^a-z]{0,4}(?:call|send|read|run|ignore|forward|upload|follow|delete|post|include|fetch|copy|execute|tell|add|pass|open|always|never|do not|before|after|first|when|you|ask|get|take|give|put|show|list|write|use|set|reveal|print|remember|curl|wget|rm|bash|sh|sudo|chmod|powershell|python3?|nc)\b(?: \S+){2,}/i

function isEncodedOrder(hidden: string, text: string): boolean {
  // Neither base64 nor hexadecimal of it: a text with its letters put right is as long as it was.
  return hidden.length < text.length * 0.8 && ENCODED_ORDER.test(hidden)
}

function cut(text: string): string {
  if (text.length <= TEXT_MAX_CHARS) return text
  return `${text.slice(0, TEXT_MAX_CHARS - TAIL_CHARS)}\n${text.slice(-TAIL_CHARS)}`
}

const SPELLED = /(?<![\p{L}\p{N}])(?:\p{L} ){4,}\p{L}(?![\p{L}\p{N}])/gu

/** Lower case, plain apostrophes, and words that were spelled apart put together. */
function plain(text: string): string {
  const folded = fold(text).toLowerCase()
  return folded.replace(SPELLED, (run) => run.replaceAll(' ', ''))
}

/** Not behind what is only shortened. */
const END = /(?<!\b(?:e\.g|i\.e|etc|vs|approx))[.!?。！？](?=[\s)"'`<]|$)|[。！？\n;]|(?<=\.)(?=<)/u

function judge(text: string, purpose: boolean, found: Set<string>): void {
  let before = ''
  let isFirst = purpose
  for (const piece of text.split(END)) {
    const whole = piece.trim().replace(/\s+/g, ' ')
    if (whole === '') continue
    for (let at = 0; at < whole.length; at += SENTENCE_MAX_CHARS) {
      const sentence = whole
        .slice(at, at + SENTENCE_MAX_CHARS + 60)
        .replace(SAMPLE, '$1')
        .replace(SAMPLE, '$1')
      // What a thing is for is told like an order; what follows in the same breath is one.
      const done = isFirst ? sentence.replace(/^[^\p{L}]*\p{L}+/u, 'it does') : sentence
      isFirst = false
      for (const rule of RULES) {
        if (found.has(rule.detector)) continue
        const said = DEEDS.has(rule.detector) ? done : sentence
        if (isMet(rule, said) || (before !== '' && JOINED_RULES.has(rule.detector) && isMet(rule, `${before}, ${said}`)))
          found.add(rule.detector)
      }
      before = done.length <= SENTENCE_MAX_CHARS / 2 ? done : ''
    }
  }
}

/** An order that is quoted by who looks for such: `Detects "ignore all previous instructions".` */
const SAMPLE =
  /(\b(?:(?:classif|detect|recogni[sz]|scan|flag|judg)\w*\b(?:[^.]|\be\.g\.|\bi\.e\.){0,80}|(?:check|lint|search|look|find|test|block|score|rate|evaluat|measur|catch)\w*\b(?:[^."']|\be\.g\.){0,60}\b(?:phrases?|prompts?|strings?|patterns?|injections?|jailbreaks?)\b[^."']{0,20}))(["'])(?:ignore|disregard|forget|override|bypass|reveal|do not (?:tell|mention)|you are now|pretend)\b[^"'.]{0,48}\2(?=$|[ ,)])/

/** What a tool may well be there for. */
const DEEDS = new Set(
  [
    'secret-file',
    'collect',
    'exfiltration',
    'evasion',
    'escalation',
    'supply-chain',
    'tool-order',
    'destruction',
    'execute',
    'persistence',
  ].map((name) => `instructions/${name}`),
)
/** Told in two sentences as often as in one. */
const JOINED_RULES = new Set(['instructions/secret-file', 'instructions/persistence', 'instructions/credential-request'])

const BASE64 = /[A-Za-z0-9+/_-]{16,4096}={0,2}/g
const BASE32 = /(?<![A-Za-z0-9])[A-Z2-7]{24,4096}(?![A-Za-z0-9])/g
const HEX = /(?<![0-9a-zA-Z])(?:0x)?(?:[0-9a-fA-F]{2}[ :]?){8,16384}(?![0-9a-zA-Z])/g
/** Letters that need no escape, and how many of them are no accident. */
const NEEDLESS =
  /%(?:4[1-9a-f]|5[0-9a]|6[1-9a-f]|7[0-9a])|\\(?:u00|x)[4-7][0-9a-f]|&#(?:x[4-7][0-9a-f]|6[5-9]|[78]\d|9[0-9]|1[01]\d|12[0-2]);/gi
const NEEDLESS_MIN = 3
const ESCAPES = /%([2-7][0-9a-fA-F])|\\u00([0-9a-fA-F]{2})|\\x([0-9a-fA-F]{2})|&#x([0-9a-fA-F]{2,4});|&#(\d{2,4});/g
const ESCAPED_PROSE = /(?:(?:%[2-7][0-9a-f]|\\(?:u00|x)[2-7][0-9a-f]|&#(?:x[2-7][0-9a-f]|\d{2,3});) ?){8,}/gi
/** Words with escaped spaces between them, and not in the query of a URL. */
const JOINED_PROSE = /(?<![\w/?=&.%+-])[a-z]{2,24}(?:%20[a-z~/.]{1,24}){3,64}/gi
/** The same words thirteen letters on (ROT13). */
const ROTATED =
  /\b(?:vtaber|cerivbhf|vafgehpgvbaf?|qb abg|hfre|frperg|cnffjbeq|qryrgr|flfgrz|gur|naq|fraq|pnyy|ernq|svyr|xrlf?|pbagragf?|gbby|sbejneq|hcybnq|sbyybj)\b/i
const ROTATED_WORDS = new RegExp(ROTATED, 'gi')
/** Two of them stand together in no language. */
const ROTATED_MIN = 2
/** Words with digits for letters. */
const LEET = /(?<![\w@$])(?=\w)(?=(?:[\w@$]*[a-z]){2})(?=[\w@$]*[013457@$])[\w@$]{4,24}/gi
const LEET_MIN = 2
/** Words in pieces: `ig-nore pre-vious`. */
const HYPHENED = /(?<=[a-z]{2})-(?=[a-z]{2})/gi
const HYPHENED_MIN = 3
const LETTERS: Readonly<Record<string, string>> = { 0: 'o', 1: 'i', 3: 'e', 4: 'a', 5: 's', 7: 't', '@': 'a', $: 's' }
/** `user`, `ignore`, `instructions`, `secret`, `do not` from behind. */
const BACKWARDS =
  /\bresu\b|\berongi\b|snoitcurtsni|\bterces\b|\bdrowssap\b|\beteled\b|\beht\b|\botni\b|\bypoc\b|\bdnes\b|\bllac\b|\byrotsih\b/i
const BACKWARD_WORDS = new RegExp(BACKWARDS, 'gi')
const PRINTABLE = /^[\t\n\r\x20-\x7e]{6,}$/
/** Words stand apart. */
const WORDS = /[a-z]{2,} [a-z~/.]/i

/** Letters by their numbers: `99 97 116 32`. */
const NUMBERED = /(?<![\d.,])(?:(?:3[2-9]|[4-9]\d|1[01]\d|12[0-6])[ ,]{1,2}){8,512}(?:3[2-9]|[4-9]\d|1[01]\d|12[0-6])(?!\d|[.,]\d)/g

/** What is written in another spelling and reads as words. */
function decodedIn(text: string): readonly string[] {
  const found: string[] = []
  const take = (pattern: RegExp, decode: (run: string) => string): void => {
    for (const [run] of text.matchAll(pattern)) {
      if (found.length >= ENCODED_MAX) return
      const said = decode(run)
      if (PRINTABLE.test(said) && WORDS.test(said)) found.push(said)
    }
  }
  take(BASE64, (run) => Buffer.from(run, 'base64').toString('latin1'))
  if (text.includes('%20')) take(JOINED_PROSE, (run) => run.replaceAll('%20', ' '))
  take(NUMBERED, (run) => String.fromCharCode(...run.split(/[ ,]+/).map(Number)))
  take(BASE32, (run) => textOf32(run) ?? '')
  take(HEX, (run) => Buffer.from(run.replace(/^0x|[ :]/g, ''), 'hex').toString('latin1'))
  // What is escaped letter by letter is read in its sentence, and by itself.
  if ((text.match(NEEDLESS)?.length ?? 0) >= NEEDLESS_MIN) {
    found.push(text.replace(ESCAPES, unescaped))
    take(ESCAPED_PROSE, (run) => run.replace(ESCAPES, unescaped))
  }
  if (ROTATED.test(text)) found.push(text.replace(/[a-z]/gi, rotated))
  if ((text.match(LEET)?.length ?? 0) >= LEET_MIN)
    found.push(text.replace(LEET, (word) => word.replace(/[013457@$]/g, (sign) => LETTERS[sign] ?? sign)))
  if ((text.match(HYPHENED)?.length ?? 0) >= HYPHENED_MIN) found.push(text.replace(HYPHENED, ''))
  if (BACKWARDS.test(text)) found.push([...text].reverse().join(''))
  return found
}

function rotated(letter: string): string {
  const code = letter.charCodeAt(0)
  const first = code >= 97 ? 97 : 65
  return String.fromCharCode(((code - first + 13) % 26) + first)
}

function unescaped(run: string, ...[percent, unit, byte, hex, decimal]: readonly (string | undefined)[]): string {
  const written = percent ?? unit ?? byte ?? hex
  const code = written === undefined ? Number(decimal) : Number.parseInt(written, 16)
  return code >= 0x20 && code < 0x7f ? String.fromCharCode(code) : run
}
