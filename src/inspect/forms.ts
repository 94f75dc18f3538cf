/** Forms that servers have clients put before people: whether one asks for a credential, which no form may (2026-07-28, client/elicitation "Security Considerations"). */
import type { Finding } from '../core/finding.ts'
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'

/** Fields that are looked at; a form for a person has a dozen. */
const FIELDS_MAX = 256
const TEXT_MAX_CHARS = 4_096

/** What only a credential, or what opens an account or pays, is called. In names and titles, where nothing else is said. */
const CALLED =
  /\b(?:pass ?words?|passwd|pwd|pass ?phrase|pass ?codes?|passwort|kennwort|mot de passe|contraseñas?|contrasena|senha|wachtwoord|haslo|hasło|пароль|密码|パスワード|secrets?|credentials?|api ?keys?|(?:access|secret|private|signing|encryption|license|recovery|ssh) keys?|keyphrase|(?:seed|recovery|mnemonic) (?:phrase|words?|codes?)|mnemonic|otp|totp|mfa|2fa|(?:one ?time|verification|authentication|security|sms|backup|login) (?:code|pin|password)s?|pin ?(?:code|number)|cvv2?|cvc2?|card (?:number|no|security code)|(?:credit|debit) card|ssn|social security(?: number)?|(?:access|auth|authentication|bearer|api|refresh|session|secret|personal access|security|id|oauth|login) tokens?|session ?(?:id|cookie))\b|(?:password|passwd|passphrase|api ?key)$/iu
/** A field called just so. */
const ALONE = /^(?:token|key|pass|pin|pw|auth|authorization)$/i
/** What is about a credential, and not the credential. */
const ABOUT =
  / (?:names?|length|policy|strength|type|kind|manager|expiry|expires|expiration|lifetime|ttl|counts?|rotation|age|format|label|id)$/i
/** In sentences such words also stand beside what is asked for: there they must be what is to be given. */
const ASKED =
  /\b(?:enter|type|provide|give|submit|supply|confirm|paste|share|tell|send|fill in|need|requires?|your|eingeben|angeben|geben sie)\b[^.!?\n]{0,60}\b(?:pass ?words?|pass ?phrase|passwort|kennwort|api ?keys?|(?:secret|private|access) keys?|access tokens?|bearer tokens?|credentials|(?:seed|recovery) phrase|one ?time code|(?:verification|security|sms) code|cvv|cvc|card number|credit card)\b/iu
/** What says that it is not to be given. */
const WARNED = /\b(?:not|never|don't|do not|without|nicht|keine?n?)\b/i
/** The format of a field in which nobody can read what is typed. */
const HIDDEN = 'password'

/** @param params of an `elicitation/create`, at this pointer. @returns one finding for each place that asks; none for a page that is to be opened. Never throws. */
export function askedOnForm(params: JsonValue | undefined, pointer: string): readonly Finding[] {
  if (!isObject(params) || params['mode'] === 'url') return []
  const found: Finding[] = []
  const note = (rule: string, at: string): void =>
    void found.push({ label: 'credential-form', detector: `form/${rule}`, pointer: `${pointer}${at}` })
  if (asks(params['message'])) note('message', '/message')
  const { properties } = isObject(params['requestedSchema']) ? params['requestedSchema'] : NO_SCHEMA
  if (!isObject(properties)) return found
  for (const name of Object.keys(properties).slice(0, FIELDS_MAX)) {
    const field = properties[name]
    const at = `/requestedSchema/properties/${name.slice(0, 128).replaceAll('~', '~0').replaceAll('/', '~1')}`
    if (isObject(field) ? isCredentialField(name, field) : isCredentialName(name)) note('field', at)
  }
  return found
}

const NO_SCHEMA: JsonObject = {}

/** A yes or no about a credential is none. */
function isCredentialField(name: string, { type, format, writeOnly, title, description }: JsonObject): boolean {
  if (type === 'boolean') return false
  return (
    isCredentialName(name) ||
    format === HIDDEN ||
    writeOnly === true ||
    (typeof title === 'string' && isCredentialName(title)) ||
    asks(description)
  )
}

/** Whether a name is that of a credential, and not of something about one. */
export function isCredentialName(name: string): boolean {
  const words = name
    .slice(0, TEXT_MAX_CHARS)
    .normalize('NFKC')
    .replace(/\p{Cf}/gu, '')
    .replace(/(\p{Ll}|\p{Nd})(\p{Lu})/gu, '$1 $2')
    .replace(/[\s_.-]+/gu, ' ')
    .trim()
  return !ABOUT.test(words) && (ALONE.test(words) || CALLED.test(words) || CALLED.test(words.replaceAll(' ', '')))
}

function asks(text: JsonValue | undefined): boolean {
  if (typeof text !== 'string') return false
  const plain = text
    .slice(0, TEXT_MAX_CHARS)
    .normalize('NFKC')
    .replace(/\p{Cf}/gu, '')
  const found = ASKED.exec(plain)
  return found !== null && !WARNED.test(plain.slice(Math.max(0, found.index - 24), found.index + found[0].length))
}
