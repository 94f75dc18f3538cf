/** Certificate requests (PKCS #10, RFC 2986), which Node does not make: a key, and the DNS name that it is to be certified for. */
import { createPublicKey, type KeyObject, sign } from 'node:crypto'

const SEQUENCE = 0x30
const SET = 0x31
const INTEGER = 0x02
const BIT_STRING = 0x03
const OCTET_STRING = 0x04
/** `[0]`: the attributes of a request. `[2]`: a DNS name among the names (RFC 5280 §4.2.1.6). */
const ATTRIBUTES = 0xa0
const DNS_NAME = 0x82

/** Object identifiers as they are written, with their tag and length. */
const EXTENSION_REQUEST = Buffer.from('06092a864886f70d01090e', 'hex')
const SUBJECT_ALT_NAME = Buffer.from('0603551d11', 'hex')
const ECDSA_WITH_SHA256 = Buffer.from('06082a8648ce3d040302', 'hex')

/** @param key of P-256. @returns DER. The name is among the alternative names alone: authorities take no other (CA/Browser Forum 7.1.2.7). */
export function createCertificateRequest(key: KeyObject, name: string): Buffer {
  const names = element(SEQUENCE, element(DNS_NAME, Buffer.from(name, 'ascii')))
  const extensions = element(SEQUENCE, element(SEQUENCE, SUBJECT_ALT_NAME, element(OCTET_STRING, names)))
  const request = element(
    SEQUENCE,
    element(INTEGER, Buffer.from([0])),
    element(SEQUENCE),
    createPublicKey(key).export({ format: 'der', type: 'spki' }),
    element(ATTRIBUTES, element(SEQUENCE, EXTENSION_REQUEST, element(SET, extensions))),
  )
  const signature = element(BIT_STRING, Buffer.from([0]), sign('sha256', request, key))
  return element(SEQUENCE, request, element(SEQUENCE, ECDSA_WITH_SHA256), signature)
}

/** Tag, length, content (X.690 §8.1). */
function element(tag: number, ...content: readonly Buffer[]): Buffer {
  const bytes = Buffer.concat(content)
  const { length } = bytes
  const long = length < 0x80 ? [] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...(long.length === 0 ? [length] : long)]), bytes])
}
