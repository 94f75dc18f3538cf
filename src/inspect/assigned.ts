/** Secrets that have no form of their own and are known by what they are called: `password=`, `Authorization:`, the password in a URL. */
import { isPlaceholder } from './shapes.ts'

/** A stretch of a text that is a secret, and what it is. */
export interface Span {
  readonly rule: string
  readonly start: number
  readonly end: number
}

/** What a name says of its value: a password may be a word; a key or token is never one. */
type Sort = 'password' | 'key'

const PASSWORD =
  /(?:^|_)(?:pass|passcode|pwd|pw|psk|contrasena|salasana|senha|lozinka|haslo)\d*$|(?:password|passwd|passphrase|passwort|kennwort|motdepasse)\d*$/
const KEY =
  /(?:^|_|api|access|secret|private|auth|client|app|master|account|service)(?:api|access|secret|private|auth|account|signing|encryption|master|service|shared|storage|consumer|app|application|client|license|admin|deploy|webhook|hmac|session|subscription|function|functions|root|server|integration|project)_?(?:access_?)?key(?:_?base(?:64)?)?$|(?:^|_)enc_key$|api_?key$|^x_functions_key$/
const SECRET = /secret$|(?:^|_)(?:secret_value|credential|credentials|dsn|otp|authorization|auth|sig|bearer|pat)$/
const TOKEN = /token$/
/** Tokens that are places in a list, units of text, or numbers of them. */
const NO_SECRET_TOKEN =
  /(?:^|_)(?:page|next|prev|previous|continuation|continue|cursor|sync|position|pad|eos|bos|unk|stop|sep|cls|mask|image|max|min|total|prompt|completion|input|output|special|design|cancellation|change|resume|skip|delta|start|end|progress|per|new|last|first|non_fungible)_?token$/

/** @param name as it stands: `DB_PASSWORD`, `clientSecret`, `x-api-key`. */
function sortOf(name: string): Sort | undefined {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
  if (PASSWORD.test(words)) return 'password'
  if (TOKEN.test(words)) return NO_SECRET_TOKEN.test(words) ? undefined : 'key'
  return KEY.test(words) || SECRET.test(words) ? 'key' : undefined
}

/** Values that say what a value is, or that there is none. */
const WORDS = new Set(
  'string text required optional password passwd passphrase secret token none null undefined nil true false yes no hidden masked unset empty default invalid missing incorrect wrong expired enabled disabled changed updated reset forgotten unknown number boolean object array varchar char field input label value prompt plaintext bcrypt argon2 argon2id sha256 md5 pbkdf2 scrypt keychain vault env file stdin basic bearer digest oauth oauth2 jwt'.split(
    ' ',
  ),
)
/** A piece of a program that would give the value: `os.environ["X"]`, `config.password`, `getpass()`. */
const CODE =
  /[([{}\])]|^[A-Za-z_$][\w$]*(?:(?:\.|->|::)[A-Za-z_$][\w$]*)+$|^[@$%#&]|^![a-z][\w-]*$|^process\b|^vault:|^ref:|^env:|^arn:|^file:|^[a-z][a-z0-9+-]{1,20}:\/\/|^https?:|^secrets?[/.:]|^\/|^~|^\.\.?\//

const MIN_PASSWORD_CHARS = 4
const MIN_KEY_CHARS = 10
const MAX_CHARS = 1_024

/** Whether a value is what its name says: not a placeholder, a word on it, or code. */
function isSecretValue(value: string, sort: Sort, style: Style): boolean {
  if (value.length < MIN_PASSWORD_CHARS || value.length > MAX_CHARS || /\s/.test(value)) return false
  if (WORDS.has(value.toLowerCase()) || isRedacted(value) || isNumber(value, sort)) return false
  if (sort === 'key' && style !== 'quoted' && isMember(value)) return false
  if (sort === 'key')
    return (
      value.length >= MIN_KEY_CHARS &&
      (isRandom(value) || BASE32.test(value)) &&
      !isPlaceholder(value) &&
      !/^(?:https?|arn|ref|env):/.test(value)
    )
  if (
    (style !== 'quoted' && CODE.test(value)) ||
    /^[<$%{]|^\*+$|^[.…•x]+$/i.test(value) ||
    /your|example|placeholder|changeme|redacted/i.test(value)
  )
    return false
  if (/[^A-Za-z]/.test(value)) return style === 'assigned' || value.length >= 6 || !/^[\d.,:/-]+$/.test(value)
  // Letters alone are a password where nothing else can stand: in `NAME=value`, and in quotes when it is no word that is shown to people.
  return style === 'assigned' || (style === 'quoted' && value.length >= 6 && (value === value.toLowerCase() || isRandom(value)))
}

/** What an authenticator is given (RFC 4648 section 6): capitals, and digits among them. */
const BASE32 = /^(?=(?:[A-Z]*[2-7]){2})[A-Z2-7]{16,}=*$/

/** In hexadecimal; of the length of a key and called one, it is one. */
const isNumber = (value: string, sort: Sort): boolean => /^0x[0-9a-f]+$/i.test(value) && (sort !== 'key' || value.length < 66)

/** `fs.readFileSync`: a member of something in a program, none of whose names is random. */
function isMember(value: string): boolean {
  return (
    /^[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)+$/.test(value) &&
    !value.split('.').some((name) => name.length >= MIN_KEY_CHARS && isRandom(name))
  )
}

/** `assigned`: `NAME=value` without a space; `quoted`: in quotes; `told`: after a colon, or with spaces. */
type Style = 'assigned' | 'quoted' | 'told'

export const isRedacted = (value: string): boolean => value.includes('[redacted:') || value.includes('%5Bredacted:')

/** Letters and digits that change by chance, or long hexadecimal. */
export function isRandom(value: string): boolean {
  if (!/\d/.test(value) || !/[A-Za-z]/.test(value)) return changes(value) * 5 >= value.length * 2 && value.length >= 20
  if (/^[0-9a-fA-F-]{16,}$/.test(value)) return true
  return changes(value) * 7 >= value.length
}

function changes(value: string): number {
  let count = 0
  let before = ''
  for (const character of value) {
    const sort =
      character >= 'a' && character <= 'z'
        ? 'a'
        : character >= 'A' && character <= 'Z'
          ? 'A'
          : character >= '0' && character <= '9'
            ? '0'
            : ''
    if (sort !== before && sort !== '' && before !== '') count++
    before = sort
  }
  return count
}

/** A leaf of an object under its name. */
export function secretUnderName(name: string, value: string): Span | undefined {
  const sort = name.length > NAME_MAX_CHARS ? undefined : sortOf(name)
  if (sort === undefined) return undefined
  const bare = value.trim()
  const [, scheme = ''] = /^((?:bearer|basic|token|apikey|digest) +)/i.exec(bare) ?? []
  const start = value.indexOf(bare) + scheme.length
  const end = value.indexOf(bare) + bare.length
  return isSecretValue(value.slice(start, end), sort, 'quoted') ? { rule: `named/${sort}`, start, end } : undefined
}

const NAME_MAX_CHARS = 64
const NAME = /(?:--)?([A-Za-z][A-Za-z0-9_.\-$]{1,63})(?:["'`]|\\["'])?\]?(?:\s{1,3}(?:is|was|ist|est|es|on|of [\w.-]{1,32}))?\s{0,3}$/
const VALUE =
  /(?:=>|[:=>])?\s{0,4}(?:(\\?["'`])((?:(?!\1)[^\r\n\\]|\\(?!["'`])[^\r\n]){1,1024})\1?|((?:[^\s"'`,;<>&|]|&(?!&|[\w.-]{1,40}=)){1,1024}))/y
const SCHEME = /(?:=>|[:=])?\s{0,4}\\?["'`]?(?:bearer|basic|token|apikey|api-key|negotiate|ntlm|digest|aws4-hmac-sha256)\s+/iy

/** @param at where `=` or `:` stands, or the space or `>` in front of what is told without one. @returns the value behind it, when the name in front of it calls it a secret. */
export function secretAssigned(text: string, at: number): readonly Span[] {
  const before = text.slice(Math.max(0, at - NAME_MAX_CHARS - 8), at)
  const name = nameIn(before)
  if (name === undefined) return NOTHING
  // The name of a secret that is kept elsewhere.
  if (/\barn:[\w:/-]*$/.test(before)) return NOTHING
  if (/cookie$/i.test(name)) return cookies(text, at + 1)
  if (PHRASED.test(before)) return phrases(text, at)
  const sort = sortOf(name)
  if (sort === undefined) return NOTHING
  SCHEME.lastIndex = at
  const isListed = text[at] === ','
  const from = SCHEME.test(text) ? SCHEME.lastIndex : isListed ? at + 1 : at
  VALUE.lastIndex = from
  const match = VALUE.exec(text)
  if (match === null) return NOTHING
  const value = trimmed(match[2] ?? match[3] ?? '', match[2] !== undefined, sort)
  const start =
    VALUE.lastIndex -
    (match[2] === undefined ? (match[3] ?? '').length : match[0].length - match[0].indexOf(match[2], match[0].indexOf(match[1] ?? '') + 1))
  const isTight = text[at] === '=' && /[A-Za-z0-9_\]]/.test(text[at - 1] ?? '') && !/\s/.test(text[at + 1] ?? ' ')
  const style = match[2] !== undefined ? 'quoted' : isTight ? 'assigned' : 'told'
  // Behind a comma another name stands as often as the value.
  if (isListed && (style !== 'quoted' || !/\d/.test(value) || changes(value) < LISTED_MIN_CHANGES)) return NOTHING
  if (/[\s>]/.test(text[at] ?? '') && style === 'told' && !isToldPassword(value, before)) return NOTHING
  return isSecretValue(value, sort, style) ? [{ rule: `named/${sort}`, start, end: start + value.length }] : NOTHING
}

const LISTED_MIN_CHANGES = 4

/** The words that a wallet is made of again (BIP 39): twelve to twenty-four, none shorter than three letters or longer than eight. */
const PHRASED = /\b(?:(?:seed|recovery|mnemonic|backup|wallet|secret)[ _-]?(?:phrase|words)|mnemonic)["'`]?\s{0,3}$/i
const PHRASE = /[:=]?\s{0,4}["'`[]?((?:[a-z]{3,8}["']?[ ,]{1,3}["']?){11,23}[a-z]{3,8})\b/iy

function phrases(text: string, at: number): readonly Span[] {
  PHRASE.lastIndex = at
  const words = PHRASE.exec(text)?.[1]
  return words === undefined ? NOTHING : [{ rule: 'named/phrase', start: PHRASE.lastIndex - words.length, end: PHRASE.lastIndex }]
}

/** `<add key="ApiSecret" value=`, `"name": "DB_PASSWORD", "value":`, `- name: DB_PASSWORD` with `value:` on the next line. */
const BESIDE =
  /(?:key|name|id|variable|property)\\?["']?\s{0,3}[:=]\s{0,3}\\?["']?([\w.-]{1,64})\\?["']?[\s,]{1,16}\\?["']?value\\?["']?\s{0,3}$/i

/** `API key: …`: what a key is for stands in front of it, as a word of its own. */
function nameIn(before: string): string | undefined {
  const match = NAME.exec(before)
  const name = match?.[1]
  if (name !== undefined && /^value$/i.test(name)) return BESIDE.exec(before)?.[1]
  if (name === undefined || !/^key$/i.test(name)) return name
  const kind = /([A-Za-z]{2,16})\s{1,2}$/.exec(before.slice(0, match?.index))?.[1]
  return kind === undefined ? name : `${kind}_${name}`
}

/** Without a sign in front of it a value must look like a password, or every sentence on passwords would hold one. */
function isToldPassword(value: string, before: string): boolean {
  if (!/\d/.test(value) || !/[A-Za-z]/.test(value) || value.length < 6) return false
  if (/[!@#$%^&*?+]/.test(value)) return true
  if (!/^[A-Za-z0-9]+$/.test(value)) return false
  return /[a-z]/.test(value) && (/[A-Z]/.test(value) || /\b(?:is|was|ist|:)$|<[^<>]{1,40}$/.test(before))
}

/** What stands behind an unquoted value is not of it. */
function trimmed(value: string, isQuoted: boolean, sort: Sort): string {
  if (isQuoted) return value
  const whole = sort === 'key' ? value.replace(/[()[\]{}].*$/, '') : value
  return whole.replace(/[)\]}.!?:\\]+$/, '')
}

const NOTHING: readonly Span[] = []

const PAIR = /\s*([A-Za-z0-9_.%-]{1,64})=([^;,\s"'\\]{1,4096})/y
/** Browsers keep 180 cookies a site; what is behind the first of them stands behind `=` too. */
const PAIRS_MAX = 32
const ATTRIBUTES = new Set('expires max-age domain path samesite secure httponly version'.split(' '))

/** The values of `Cookie` and `Set-Cookie` that could be a session. */
function cookies(text: string, from: number): readonly Span[] {
  const found: Span[] = []
  const quote = /\s*\\?["'`]?/y
  quote.lastIndex = from
  quote.test(text)
  PAIR.lastIndex = quote.lastIndex
  for (let match = PAIR.exec(text), left = PAIRS_MAX; match !== null && left > 0; match = PAIR.exec(text), left--) {
    const [, name = '', value = ''] = match
    const end = PAIR.lastIndex
    if (
      !ATTRIBUTES.has(name.toLowerCase()) &&
      value.length >= MIN_KEY_CHARS &&
      isRandom(value) &&
      !isPlaceholder(value) &&
      !isRedacted(value)
    )
      found.push({ rule: 'cookie', start: end - value.length, end })
    if (text[end] !== ';') break
    PAIR.lastIndex = end + 1
  }
  return found
}

const SCHEME_OF_URL = /(?:^|[^a-z0-9+.-])([a-z][a-z0-9+.-]{1,30})$/i
const USER_INFO = /^[^\s:@/'"<>`]{0,128}:([^\s'"<>`]{1,256})$/
/** What documentation writes there. */
export const SHOWN = /^(?:pass(?:word|wd|w)?|pwd|secret|user(?:name)?|postgres|mysql|root|admin|test|guest|token|key|pw|p|xxx+|\*+|\.+)$/i

/** @param at where `@` stands. @returns the password in front of it, when it is that of a URL. */
export function secretInUrl(text: string, at: number): Span | undefined {
  const before = text.slice(Math.max(0, at - URL_CHARS), at)
  const slashes = before.lastIndexOf('://')
  if (slashes === -1) return undefined
  const scheme = SCHEME_OF_URL.exec(before.slice(Math.max(0, slashes - 32), slashes))?.[1]
  const password = USER_INFO.exec(before.slice(slashes + 3))?.[1]
  if (scheme === undefined || password === undefined || SHOWN.test(password) || /^[<$%{]|\$[{(]/.test(password)) return undefined
  // What stands behind a slash is a path; only databases are given passwords with slashes.
  if (/^https?$/i.test(scheme) && /[/?#]/.test(password)) return undefined
  if (!/^[A-Za-z0-9[]/.test(text[at + 1] ?? '') || isRedacted(before.slice(slashes))) return undefined
  if (/your|example|x{4}|\*/i.test(password)) return undefined
  return { rule: 'url/password', start: at - password.length, end: at }
}

/** As long as the part of a URL in front of its host gets. */
const URL_CHARS = 512

const SCHEMED = /(?:bearer|basic|token|apikey)\s+$/i

/** RFC 7617 §2. Two looks: one expression for both tries every colon. */
const isUserAndPassword = (text: string): boolean => text.includes(':') && /^[\x20-\x7e]*$/.test(text)

/** Whether what follows is the credential of an authorization scheme. @param start of a run. @param endOf where its word ends. */
export function schemed(text: string, start: number, endOf: () => number): Span | undefined {
  const [scheme] = SCHEMED.exec(text.slice(Math.max(0, start - 12), start)) ?? []
  if (scheme === undefined) return undefined
  const end = endOf()
  const value = text.slice(start, end)
  if (isPlaceholder(value) || isRedacted(value)) return undefined
  const isCredential = /^basic/i.test(scheme)
    ? isUserAndPassword(Buffer.from(value, 'base64').toString('latin1'))
    : value.length >= 16 && isRandom(value) && !/^token/i.test(scheme)
  return isCredential ? { rule: 'authorization', start, end } : undefined
}
