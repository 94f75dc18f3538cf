/** Personal data in a text, by the kinds that an operator asks for: what checks itself is checked, what does not needs a form or a word that tells. */
import type { Span } from './assigned.ts'
import { passesIban, passesLuhn } from './check-digits.ts'
import { PERSONAL_IDS, type PersonalId } from './personal-ids.ts'

export const PERSONAL_KINDS = ['email', 'phone', 'card', 'iban', 'national-id', 'address', 'birth-date', 'health'] as const
export type PersonalKind = (typeof PERSONAL_KINDS)[number]

const digitsOf = (text: string): string => text.replace(/\D/g, '')
const always = (): boolean => true

/** Names of files look like hosts: `logo@2x.png`. */
const FILE_ENDS =
  /\.(?:png|jpe?g|gif|svg|webp|ico|js|mjs|cjs|ts|tsx|jsx|css|scss|json|ya?ml|md|py|rs|go|rb|html?|txt|zip|gz|tgz|map|lock)$/i
/** Who answers there is no person. */
const NOBODY = /^(?:git|noreply|no-reply|donotreply|do-not-reply|mailer-daemon)@/i
/** Issuers of cards (ISO/IEC 7812), and how long their numbers are. */
const CARD =
  /^(?:4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11}|6(?:011|5\d\d|4[4-9]\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}|62\d{14,17}|(?:50|5[6-9]|6[37])\d{12,17})$/
/** How long an IBAN is in each country (ISO 13616 registry). */
const IBAN_CHARS: ReadonlyMap<string, number> = new Map(
  'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20'
    .split(' ')
    .map((row) => [row.slice(0, 2), Number(row.slice(2))] as const),
)

interface Row extends PersonalId {
  readonly kind: PersonalKind
}

const STREETS =
  'Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Way|Court|Ct|Place|Pl|Square|Sq|Boulevard|Blvd|Terrace|Close|Crescent|Gardens|Parkway|Pkwy|Row|Mews|Hill|Circle|Cir'
const UK_US_CODE = '(?:[A-Z]{1,2}\\d[A-Z\\d]? ?\\d[A-Z]{2}|[A-Z]{2},? \\d{5}(?:-\\d{4})?)'

const ROWS: readonly Row[] = [
  {
    kind: 'email',
    rule: 'email',
    pattern:
      /(?<![\p{L}\p{N}._%+/-]|[\p{L}\p{N}]')[\p{L}\p{N}][\p{L}\p{N}._%+'-]{0,63}@(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,62}[\p{L}\p{N}])?\.){1,8}[\p{L}]{2,24}(?![\p{L}\p{N}@])/gu,
    holds: (text) => !FILE_ENDS.test(text) && !NOBODY.test(text),
  },
  {
    kind: 'email',
    rule: 'email/spelt',
    pattern:
      /(?<![\w.+-])[\w.+-]{1,64}\s{0,2}[[({]\s?at\s?[\])}]\s{0,2}[\w-]{1,63}(?:(?:\s{0,2}[[({]\s?dot\s?[\])}]\s{0,2}|\.)[\w-]{2,63}){1,4}/gi,
    holds: always,
  },
  {
    kind: 'phone',
    rule: 'phone/international',
    pattern: /(?<![\w+.-])\+(?:[ ().-]{0,2}\d){8,15}(?![\w-])/g,
    holds: (text) => !/^\+0/.test(text),
  },
  {
    kind: 'phone',
    rule: 'phone/international',
    pattern: /(?<![\w+.-])00[1-9]\d{0,2}[ .-](?:[ ().-]{0,2}\d){7,12}(?![\w-])/g,
    holds: always,
  },
  {
    kind: 'phone',
    rule: 'phone/north-american',
    pattern: /(?<![\w.+-])(?:1[-. ])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[-. ])[2-9]\d{2}[-. ]\d{4}(?![\w-]|\.\d)/g,
    holds: always,
  },
  {
    kind: 'phone',
    rule: 'phone/told',
    pattern: /(?<![\w+.-])\(?0\d(?:[ ()/.-]{0,2}\d){6,12}(?![\w-])/g,
    holds: always,
    behind:
      /(?:\b(?:tel|telephone|phone|mobile|mob|cell|call|fax|puh|puhelin|telefon|handy|gsm|whatsapp|sms|ring|dial)\b|☎|📞)[^\n\d]{0,20}$/i,
  },
  {
    kind: 'card',
    rule: 'card',
    pattern: /(?<![\w.+-])\d(?:[ -]?\d){12,18}(?![\w-]|\.\d)/g,
    holds: (text) =>
      CARD.test(digitsOf(text)) && passesLuhn(digitsOf(text)) && new Set(digitsOf(text)).size > 1 && !/[ -]\d{0,2}[ -]/.test(text),
  },
  {
    kind: 'iban',
    rule: 'iban',
    pattern: /(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}(?![A-Za-z0-9])/g,
    holds: (text) => passesIban(text.replace(/[ -]/g, '')),
  },
  {
    kind: 'address',
    rule: 'address/english',
    pattern: new RegExp(
      `(?<![\\w-])\\d{1,5}[A-Za-z]?,? (?:[A-Z][A-Za-z'.-]{1,24} ){1,4}(?:${STREETS})\\b\\.?(?:,? [A-Z0-9#][A-Za-z0-9'.#-]{0,24}){0,6},? ${UK_US_CODE}(?![A-Za-z0-9])`,
      'g',
    ),
    holds: always,
  },
  {
    kind: 'address',
    rule: 'address/continental',
    pattern:
      /(?<!\p{L})\p{Lu}[\p{L}-]{1,32}(?:straße|strasse|str\.|weg|platz|allee|gasse|ring|damm|katu|tie|kuja|gatan|vägen|straat|laan|gracht) \d{1,4}(?: ?[a-zA-Z](?: ?\d{1,3})?)?,? (?:[A-Z]{1,2}-)?\d{4,5}(?: [A-Z]{2})? \p{Lu}\p{L}+/gu,
    holds: always,
  },
  {
    kind: 'address',
    rule: 'address/french',
    pattern:
      /(?<!\p{L})\d{1,4}(?: (?:bis|ter))?,? (?:rue|avenue|boulevard|place|chemin|allée|impasse|quai|cours) [\p{L}' -]{2,40},? \d{5} \p{Lu}[\p{L}-]+/gu,
    holds: always,
  },
  {
    kind: 'birth-date',
    rule: 'birth-date',
    pattern:
      /(?<![\w-])(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/. ]\d{1,2}[-/. ]\d{2,4}|\d{1,2}\.? \p{L}{3,9},? \d{4}|\p{L}{3,9} \d{1,2},? \d{4})(?![\w-])/gu,
    holds: always,
    behind:
      /(?:\bdob|date of birth|born(?: on)?|birth ?da(?:te|y)|geboren(?: am)?|geburtsdatum|syntymäaika|né(?:e)? le|fecha de nacimiento)\b[^\n\d\p{L}]{0,6}$/iu,
  },
  { kind: 'health', rule: 'medical-record', pattern: /\bMRN[\s:#-]{0,3}\d{5,12}\b/g, holds: always },
  {
    kind: 'health',
    rule: 'medical-record',
    pattern: /(?<![\w-])(?=[A-Z-]*\d)[A-Z0-9-]{5,14}(?![\w-])/g,
    holds: (text) => digitsOf(text).length >= 5,
    behind: /(?:medical record|patient|chart|health (?:card|insurance))(?: (?:no|nr|number|id))?\.?[:#]? {0,2}$/i,
  },
  {
    kind: 'health',
    rule: 'uk-nhs-number',
    pattern: /(?<![\w-])\d{3}[ -]?\d{3}[ -]?\d{4}(?![\w-])/g,
    holds: (text) => {
      const digits = digitsOf(text)
      const sum = [...digits.slice(0, 9)].reduce((total, digit, at) => total + Number(digit) * (10 - at), 0)
      return (11 - (sum % 11)) % 11 === Number(digits[9])
    },
    behind: /\bNHS\b[^\n\d]{0,16}$/,
  },
  ...PERSONAL_IDS.map((row) => ({ kind: 'national-id' as const, ...row })),
]

/** How far in front of a number the word that tells is looked for. */
const BEHIND_CHARS = 48

export type PersonalIn = (text: string) => readonly Span[]

export function createPersonalIn(kinds: readonly PersonalKind[]): PersonalIn {
  const rows = ROWS.filter(({ kind }) => kinds.includes(kind))
  return (text) => {
    if (!mayHold(text)) return NOTHING
    const found: Span[] = []
    for (const { rule, pattern, holds, behind } of rows) {
      if (rule === 'email' && !text.includes('@')) continue
      for (const match of text.matchAll(pattern)) {
        const whole = rule === 'iban' ? ibanIn(match[0]) : match[0]
        if (whole === undefined || !holds(whole)) continue
        if (behind !== undefined && !behind.test(text.slice(Math.max(0, match.index - BEHIND_CHARS), match.index))) continue
        found.push({ rule, start: match.index, end: match.index + whole.length })
      }
    }
    return found
  }
}

const NOTHING: readonly Span[] = []

/** Every kind has a digit, or an `@` in one spelling or another. */
function mayHold(text: string): boolean {
  return /\d|@|[[({]\s?at\s?[\])}]/i.test(text)
}

/** As much of what looks like an IBAN as its country's has; words behind it are not of it. */
function ibanIn(text: string): string | undefined {
  const chars = IBAN_CHARS.get(text.slice(0, 2))
  if (chars === undefined) return undefined
  let seen = 0
  for (let at = 0; at < text.length; at++) {
    if (text[at] !== ' ' && text[at] !== '-') seen++
    if (seen === chars) return /[A-Za-z0-9]/.test(text[at + 1] ?? '') ? undefined : text.slice(0, at + 1)
  }
  return undefined
}
