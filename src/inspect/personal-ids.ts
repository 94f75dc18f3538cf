/** Numbers by which states know people: a table, each with its own arithmetic, or with a word in front where the form alone says too little. */
import { passesLuhn, passesMod1110, passesVerhoeff, remainder, weighted } from './check-digits.ts'

export interface PersonalId {
  readonly rule: string
  readonly pattern: RegExp
  /** @param text as it was matched. */
  readonly holds: (text: string) => boolean
  /** A word that must stand shortly before it. */
  readonly behind?: RegExp
}

const digitsOf = (text: string): string => text.replace(/\D/g, '')
const isDay = (day: number, month: number): boolean => day >= 1 && day <= 31 && month >= 1 && month <= 12
const always = (): boolean => true
const HETU = '0123456789ABCDEFHJKLMNPRSTUVWXY'
const DNI = 'TRWAGMYFPDXBNJZSQVHLCKE'

/** Numbers of cards and officials' examples, which are nobody's. */
const NOBODYS = new Set(['123456789', '078051120', '219099999', '111111111', '123121234'])

export const PERSONAL_IDS: readonly PersonalId[] = [
  {
    rule: 'us-ssn',
    pattern: /(?<![\w.-])(?!000|666|9)\d{3}([- ])(?!00)\d{2}\1(?!0000)\d{4}(?![\w-])/g,
    holds: (text) => !NOBODYS.has(digitsOf(text)),
  },
  {
    rule: 'us-ssn',
    pattern: /(?<![\w.-])(?!000|666|9)\d{9}(?![\w-])/g,
    holds: (text) => !NOBODYS.has(text),
    behind: /\b(?:ssn|social security(?: (?:no|number))?)\W{0,4}$/i,
  },
  {
    rule: 'fi-hetu',
    pattern: /(?<!\w)\d{6}[-+ABCDEFUVWXY]\d{3}[0-9A-FHJ-NPR-Y](?!\w)/g,
    holds: (text) =>
      isDay(Number(text.slice(0, 2)), Number(text.slice(2, 4))) && HETU[Number(text.slice(0, 6) + text.slice(7, 10)) % 31] === text[10],
  },
  {
    rule: 'uk-nino',
    pattern: /(?<!\w)(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D](?!\w)/g,
    holds: always,
  },
  { rule: 'es-dni', pattern: /(?<!\w)\d{8}-?[A-HJ-NP-TV-Z](?!\w)/g, holds: (text) => DNI[Number(text.slice(0, 8)) % 23] === text.at(-1) },
  {
    rule: 'es-nie',
    pattern: /(?<!\w)[XYZ]-?\d{7}-?[A-HJ-NP-TV-Z](?!\w)/g,
    holds: (text) => DNI[Number(`${'XYZ'.indexOf(text[0] ?? '')}${digitsOf(text)}`) % 23] === text.at(-1),
  },
  { rule: 'it-codice-fiscale', pattern: /(?<!\w)[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z](?!\w)/g, holds: always },
  {
    rule: 'fr-nir',
    pattern: /(?<![\w-])[12] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}(?![\w-])/g,
    holds: (text) => {
      const plain = text.replaceAll(' ', '').replace('2A', '19').replace('2B', '18')
      return 97 - remainder(plain.slice(0, 13), 97) === Number(plain.slice(13))
    },
  },
  {
    rule: 'de-steuer-id',
    pattern: /(?<![\w-])[1-9]\d(?: ?\d{3}){3}(?![\w-])/g,
    holds: (text) => passesMod1110(digitsOf(text)),
    behind: /(?:steuer|tax|tin|idnr|identifikationsnummer)[^\n]{0,24}$/i,
  },
  {
    rule: 'be-rijksregister',
    pattern: /(?<!\w)\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}(?!\w)/g,
    holds: (text) => {
      const digits = digitsOf(text)
      const check = Number(digits.slice(9))
      return [digits.slice(0, 9), `2${digits.slice(0, 9)}`].some((number) => 97 - remainder(number, 97) === check)
    },
  },
  {
    rule: 'se-personnummer',
    pattern: /(?<![\w-])(?:\d{2})?\d{6}[-+]\d{4}(?![\w-])/g,
    holds: (text) => {
      const digits = digitsOf(text).slice(-10)
      return isDay(Number(digits.slice(4, 6)) % 60, Number(digits.slice(2, 4))) && passesLuhn(digits)
    },
  },
  {
    rule: 'no-fodselsnummer',
    pattern: /(?<![\w-])\d{6} ?\d{5}(?![\w-])/g,
    holds: (text) => {
      const digits = digitsOf(text)
      const first = weighted(digits, [3, 7, 6, 1, 8, 9, 4, 5, 2, 1]) % 11
      return (
        isDay(Number(digits.slice(0, 2)) % 40, Number(digits.slice(2, 4))) &&
        first === 0 &&
        weighted(digits, [5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]) % 11 === 0
      )
    },
  },
  {
    rule: 'dk-cpr',
    pattern: /(?<![\w-])\d{6}-?\d{4}(?![\w-])/g,
    holds: (text) => isDay(Number(text.slice(0, 2)), Number(text.slice(2, 4))),
    behind: /\bcpr\b[^\n]{0,12}$/i,
  },
  {
    rule: 'pl-pesel',
    pattern: /(?<![\w-])\d{11}(?![\w-])/g,
    holds: (text) =>
      weighted(text, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]) % 10 === 0 && isDay(Number(text.slice(4, 6)), Number(text.slice(2, 4)) % 20),
    behind: /pesel[^\n]{0,12}$/i,
  },
  {
    rule: 'nl-bsn',
    pattern: /(?<![\w-])\d{9}(?![\w-])/g,
    holds: (text) => weighted(text, [9, 8, 7, 6, 5, 4, 3, 2, -1]) % 11 === 0,
    behind: /(?:bsn|burgerservicenummer|sofinummer)[^\n]{0,12}$/i,
  },
  {
    rule: 'ch-ahv',
    pattern: /(?<!\w)756\.\d{4}\.\d{4}\.\d{2}(?!\w)/g,
    holds: (text) => weighted(digitsOf(text), [1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]) % 10 === 0,
  },
  {
    rule: 'br-cpf',
    pattern: /(?<!\w)\d{3}\.\d{3}\.\d{3}-\d{2}(?!\w)/g,
    holds: (text) => {
      const digits = digitsOf(text)
      const check = (count: number): number =>
        ((weighted(
          digits,
          Array.from({ length: count }, (_, at) => count + 1 - at),
        ) *
          10) %
          11) %
        10
      return check(9) === Number(digits[9]) && check(10) === Number(digits[10]) && new Set(digits).size > 1
    },
  },
  {
    rule: 'ca-sin',
    pattern: /(?<![\w-])[1-9]\d{2}[- ]?\d{3}[- ]?\d{3}(?![\w-])/g,
    holds: (text) => passesLuhn(digitsOf(text)),
    behind: /\b(?:sin|social insurance)\b[^\n]{0,16}$/i,
  },
  {
    rule: 'au-tfn',
    pattern: /(?<![\w-])\d{3}[- ]?\d{3}[- ]?\d{3}(?![\w-])/g,
    holds: (text) => weighted(digitsOf(text), [1, 4, 3, 7, 5, 8, 6, 9, 10]) % 11 === 0,
    behind: /\b(?:tfn|tax file)\b[^\n]{0,16}$/i,
  },
  {
    rule: 'in-pan',
    pattern: /(?<!\w)[A-Z]{3}[ABCFGHLJPT][A-Z]\d{4}[A-Z](?!\w)/g,
    holds: always,
    behind: /\b(?:pan|permanent account)\b[^\n]{0,12}$/i,
  },
  {
    rule: 'at-svnr',
    pattern: /(?<![\w-])\d{4} ?\d{6}(?![\w-])/g,
    holds: (text) => isDay(Number(digitsOf(text).slice(4, 6)), Number(digitsOf(text).slice(6, 8))),
    behind: /(?:svnr|sv-nr|sozialversicherungsnummer|versicherungsnummer)[^\n\d]{0,12}$/i,
  },
  {
    rule: 'driving-licence',
    pattern: /(?<!\w)(?=[A-Z]*\d)[A-Z0-9]{6,16}(?!\w)/g,
    holds: (text) => digitsOf(text).length >= 5,
    behind: /(?:driver(?:'?s)?|driving|führerschein)[ -]?(?:licen[cs]e)?(?: (?:no|nr|number|id))?\.?[:#]? {0,2}$/i,
  },
  {
    rule: 'in-aadhaar',
    pattern: /(?<![\w-])[2-9]\d{3}[ -]?\d{4}[ -]?\d{4}(?![\w-])/g,
    holds: (text) => passesVerhoeff(digitsOf(text)),
    behind: /a+dhaa?r[^\n]{0,16}$/i,
  },
  {
    rule: 'cn-resident-id',
    pattern: /(?<!\w)[1-6]\d{5}(?:19|20)\d{9}[\dXx](?!\w)/g,
    holds: (text) =>
      '10X98765432'[weighted(text, [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]) % 11] === text.at(-1)?.toUpperCase(),
  },
  // Machine-readable zones of travel documents (ICAO 9303): both lines of a passport, the first of a card.
  { rule: 'travel-document', pattern: /(?<![A-Z0-9<])P[A-Z<][A-Z]{3}[A-Z<]{39}\s{1,2}[A-Z0-9<]{44}(?![A-Z0-9<])/g, holds: always },
  {
    rule: 'passport',
    pattern: /(?<!\w)(?=[A-Z]*\d)[A-Z0-9]{6,9}(?!\w)/g,
    holds: (text) => digitsOf(text).length >= 5,
    behind: /\bpass(?:port|eport|ep)(?: (?:no|nr|number|num))?\.?[:#]? {0,2}$/i,
  },
]
