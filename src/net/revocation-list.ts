/** Revocation lists (RFC 5280 §5): taken apart one by one, and until when each is good, which Node does not tell. */

const PEM = /-----BEGIN X509 CRL-----([^-]+)-----END X509 CRL-----/g
const SEQUENCE = 0x30
const INTEGER = 0x02
const UTC_TIME = 0x17
const GENERALIZED_TIME = 0x18

/** Each list of a PEM text as a text of its own: OpenSSL reads the first of a text only. */
export function splitLists(pem: string): readonly string[] {
  return [...pem.matchAll(PEM)].map(([text]) => text)
}

/**
 * When the next list is due, milliseconds since the epoch; from then on nobody is verified by this one.
 * @returns undefined when it does not say, or cannot be read: OpenSSL then has the last word.
 */
export function nextUpdateOf(pem: string): number | undefined {
  const der = Buffer.from(pem.replace(PEM, '$1'), 'base64')
  // CertificateList { tbsCertList { version?, signature, issuer, thisUpdate, nextUpdate?, … }, … }
  const list = elementsOf(der, 1)[0]
  const body = list && elementsOf(list.content, 1)[0]
  if (list?.tag !== SEQUENCE || body?.tag !== SEQUENCE) return undefined
  const [first, ...rest] = elementsOf(body.content, 5)
  const next = (first?.tag === INTEGER ? rest : [first, ...rest])[3]
  return next === undefined ? undefined : timeOf(next)
}

interface Element {
  readonly tag: number
  readonly content: Buffer
}

/** The first elements of a sequence (X.690 §8.1); fewer where the bytes end. */
function elementsOf(bytes: Buffer, most: number): readonly Element[] {
  const found: Element[] = []
  for (let at = 0; found.length < most && at + 2 <= bytes.length; ) {
    const tag = bytes.readUInt8(at)
    const short = bytes.readUInt8(at + 1)
    const more = short < 0x80 ? 0 : short & 0x7f
    if (more > 4 || at + 2 + more > bytes.length) break
    const length = more === 0 ? short & 0x7f : bytes.readUIntBE(at + 2, more)
    const start = at + 2 + more
    if (start + length > bytes.length) break
    found.push({ tag, content: bytes.subarray(start, start + length) })
    at = start + length
  }
  return found
}

/** `YYMMDDhhmmssZ` until 2049, `YYYYMMDDhhmmssZ` from 2050 on (RFC 5280 §5.1.2.4). */
function timeOf({ tag, content }: Element): number | undefined {
  if (tag !== UTC_TIME && tag !== GENERALIZED_TIME) return undefined
  const text = content.toString('latin1')
  const century = tag === UTC_TIME ? (Number(text.slice(0, 2)) >= 50 ? '19' : '20') : ''
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(century + text)
  if (match === null) return undefined
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number)
  return Date.UTC(year, month - 1, day, hour, minute, second)
}
