/**
 * Signatures that are made to be taken by a careless reader, group by group as Project Wycheproof sorts them: paddings of RSA, values of r and
 * s, encodings of points. Each is on a token that is good in all else, and comes to a Bearer scheme.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ALG_OF, claims, encode, header, type KeyName, publicKey, rawSignature, signWith } from '../../identity/issuer.ts'
import { aBearer, verdict } from '../../identity/tokens-world.ts'

interface Pss {
  readonly hash?: string
  readonly mgf?: string
  readonly saltBytes?: number
  readonly saltByte?: number
  readonly padding?: string
  readonly separator?: string
  readonly trailer?: string
  readonly topBit?: boolean
  /** Which byte of the padded text loses a bit, from the end when negative. */
  readonly flip?: number
}

interface Row {
  readonly id: string
  /** Which of Wycheproof's it stands beside. */
  readonly group: string
  readonly why: string
  readonly key: KeyName
  readonly alg: string
  /** PKCS #1 v1.5, written out; `@ff` is as long as it must be. */
  readonly padded?: string
  readonly pss?: Pss
  /** An RSA signature as a number, or a good one changed. */
  readonly value?: string
  readonly r?: string
  readonly s?: string
  /** More for each of r and s. */
  readonly bytes?: number
  readonly edwards?: string
  readonly expect: 'good' | 'signature'
}

const rows = readFileSync(new URL('./signatures.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line): Row => JSON.parse(line))

const MODULUS_BYTES = 256
const digest = (name: string, ...parts: readonly Uint8Array[]): Buffer =>
  parts.reduce((hash, part) => hash.update(part), createHash(name)).digest()
const numberOf = (bytes: Uint8Array): bigint => BigInt(`0x0${Buffer.from(bytes).toString('hex')}`)
/** The lowest bytes of a number. */
const bytesOf = (number: bigint, length: number): Buffer =>
  Buffer.from((number % (1n << BigInt(8 * length))).toString(16).padStart(2 * length, '0'), 'hex')
const flipped = (bytes: Buffer, at: number): Buffer => Buffer.from(bytes.map((byte, index) => (index === at ? byte ^ 1 : byte)))
const filled = (length: number, byte: number): Buffer => Buffer.alloc(Math.max(0, length), byte)

/** EMSA-PKCS1-v1_5 (RFC 8017 §9.2), as the row says it. */
function pkcs1(template: string, signed: Buffer): Buffer {
  const hash = digest('sha256', signed)
  const words: Readonly<Record<string, Buffer>> = {
    '@hash': hash,
    '@sha1': digest('sha1', signed),
    '@sha512': digest('sha512', signed),
    '@flipped': flipped(hash, 5),
    '@short': hash.subarray(1),
  }
  const parts = template.split(' ')
  const fillings = new Map([['@ff', 0xff], ['@garbage', 0xa5], ['@00', 0]])
  const written = parts.map((part) => (fillings.has(part) ? filled(0, 0) : (words[part] ?? Buffer.from(part, 'hex'))))
  const rest = MODULUS_BYTES - written.reduce((sum, { length }) => sum + length, 0)
  return Buffer.concat(parts.map((part, at) => (fillings.has(part) ? filled(rest, fillings.get(part) ?? 0) : (written[at] ?? filled(0, 0)))))
}

/** MGF1 (RFC 8017 §B.2.1). */
function mask(name: string, seed: Buffer, length: number): Buffer {
  const blocks: Buffer[] = []
  for (let counter = 0; blocks.length * 20 < length; counter++) blocks.push(digest(name, seed, bytesOf(BigInt(counter), 4)))
  return Buffer.concat(blocks).subarray(0, length)
}

/** EMSA-PSS (RFC 8017 §9.1.1), as it should be but for what the row says. */
function pss({ hash = 'sha256', mgf = hash, saltBytes = 32, saltByte = 0x5a, ...change }: Pss, signed: Buffer): Buffer {
  const { padding = '00', separator = '01', trailer = 'bc', topBit = false, flip } = change
  const salt = filled(saltBytes, saltByte)
  const seal = digest(hash, filled(8, 0), digest(hash, signed), salt)
  const zeros = filled(MODULUS_BYTES - seal.length - saltBytes - 2, Number.parseInt(padding, 16))
  const block = Buffer.concat([zeros, Buffer.from(separator, 'hex'), salt])
  const over = mask(mgf, seal, block.length)
  const masked = Buffer.from(block.map((byte, at) => byte ^ (over[at] ?? 0)))
  masked[0] = ((masked[0] ?? 0) & 0x7f) | (topBit ? 0x80 : 0)
  const padded = Buffer.concat([masked, seal, Buffer.from(trailer, 'hex')])
  // One bit less than the modulus has: with it, not every salt makes a number that is still less than the modulus.
  if (topBit && numberOf(padded) >= modulusOf()) return pss({ ...change, hash, mgf, saltBytes, saltByte: saltByte + 1 }, signed)
  return flip === undefined ? padded : flipped(padded, flip < 0 ? padded.length + flip : flip)
}

const modulusOf = (): bigint => numberOf(Buffer.from(String(publicKey('rsa').export({ format: 'jwk' }).n), 'base64url'))

function rsaValue(value: string, good: Buffer): Buffer {
  const modulus = modulusOf()
  switch (value) {
    case 'truncated':
      return good.subarray(1)
    case 'zero-before':
      return Buffer.concat([filled(1, 0), good])
    case 'zero-behind':
      return Buffer.concat([good, filled(1, 0)])
    case 'good+n':
      return bytesOf(numberOf(good) + modulus, (numberOf(good) + modulus) >> BigInt(8 * MODULUS_BYTES) === 0n ? 256 : 257)
    case 'n':
      return bytesOf(modulus, MODULUS_BYTES)
    case 'n-1':
      return bytesOf(modulus - 1n, MODULUS_BYTES)
    default:
      return bytesOf(BigInt(value), MODULUS_BYTES)
  }
}

/** Of the groups of P-256, P-384 (SEC 2) and edwards25519 (RFC 8032 §5.1). */
const ORDERS: Readonly<Partial<Record<KeyName, bigint>>> = {
  ec: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  ec384: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  ed: 0x1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3edn,
}

function ecdsa({ key, r = 'good', s = 'good', bytes = 0 }: Row, good: Buffer): Buffer {
  const [length, order] = [good.length / 2, ORDERS[key] ?? assert.fail(key)]
  const [goodR, goodS] = [numberOf(good.subarray(0, length)), numberOf(good.subarray(length))]
  const values = (own: bigint): Readonly<Record<string, bigint>> => ({
    good: own,
    'good+n': own + order,
    'n-good': order - own,
    r: goodR,
    s: goodS,
    n: order,
    'n-1': order - 1n,
    max: (1n << BigInt(8 * length)) - 1n,
  })
  const write = (said: string, own: bigint): Buffer => bytesOf(values(own)[said] ?? BigInt(said), length + bytes)
  return Buffer.concat([write(r, goodR), write(s, goodS)])
}

const turned = (bytes: Uint8Array): Buffer => Buffer.from(bytes).reverse()

function eddsa(edit: string, good: Buffer): Buffer {
  const order = ORDERS.ed ?? assert.fail()
  const [r, s] = [good.subarray(0, 32), good.subarray(32)]
  const withS = (value: bigint): Buffer => Buffer.concat([r, turned(bytesOf(value, 32))])
  const withR = (point: bigint): Buffer => Buffer.concat([turned(bytesOf(point, 32)), filled(32, 0)])
  const edits: Readonly<Record<string, () => Buffer>> = {
    's+l': () => withS(numberOf(turned(s)) + order),
    's-0': () => withS(0n),
    's-l': () => withS(order),
    'r-0': () => withR(0n),
    'r-identity': () => withR(1n),
    // p + 1 is the identity once more, p being 2^255 - 19.
    'r-p': () => withR((1n << 255n) - 18n),
    'flip-r': () => flipped(good, 3),
    'flip-s': () => flipped(good, 40),
    'top-bits': () => Buffer.concat([good.subarray(0, 63), Buffer.from([(good[63] ?? 0) | 0xe0])]),
    truncated: () => good.subarray(0, 63),
    'zero-behind': () => Buffer.concat([good, filled(1, 0)]),
    swapped: () => Buffer.concat([s, r]),
  }
  return (edits[edit] ?? assert.fail(edit))()
}

function signatureOf(row: Row, signed: string): Buffer {
  const bytes = Buffer.from(signed)
  if (row.padded !== undefined) return rawSignature('rsa', pkcs1(row.padded, bytes))
  if (row.pss !== undefined) return rawSignature('rsa', pss(row.pss, bytes))
  const good = signWith(row.key, signed, 'ieee-p1363', row.alg)
  if (row.value !== undefined) return rsaValue(row.value, good)
  return row.edwards === undefined ? ecdsa(row, good) : eddsa(row.edwards, good)
}

function tokenOf(row: Row): string {
  const signed = `${encode(JSON.stringify(header(row.key, { alg: row.alg })))}.${encode(JSON.stringify(claims()))}`
  return `${signed}.${encode(signatureOf(row, signed))}`
}

for (const row of rows) {
  test(`${row.group} ${row.id} is ${row.expect === 'good' ? 'taken' : 'refused'}: ${row.why}`, async () => {
    const said = await verdict(aBearer().ask(tokenOf(row)))
    if (row.expect === 'good') assert.equal(said, 'good')
    else assert.equal(said, "invalid_token: the token's signature is not its issuer's")
  })
}

test('the vectors have names of their own, and each would be taken but for its signature', async () => {
  assert.equal(new Set(rows.map(({ id }) => id)).size, rows.length)
  for (const key of ['rsa', 'ec', 'ec384', 'ed'] as const) {
    const signed = `${encode(JSON.stringify(header(key, { alg: ALG_OF[key] })))}.${encode(JSON.stringify(claims()))}`
    assert.equal(await verdict(aBearer().ask(`${signed}.${encode(signWith(key, signed))}`)), 'good', key)
  }
})

test('an RSA signature without the zeros in front of it is refused, though OpenSSL takes it of PSS', async () => {
  const signed = `${encode(JSON.stringify(header('rsa', { alg: 'PS256' })))}.${encode(JSON.stringify(claims()))}`
  // Every other salt makes another signature, and one of 256 begins so.
  let good = signWith('rsa', signed, 'ieee-p1363', 'PS256')
  for (let tries = 0; good[0] !== 0 && tries < 10_000; tries++) good = signWith('rsa', signed, 'ieee-p1363', 'PS256')
  assert.equal(good[0], 0)
  assert.equal(await verdict(aBearer().ask(`${signed}.${encode(good)}`)), 'good')
  const said = await verdict(aBearer().ask(`${signed}.${encode(good.subarray(1))}`))
  assert.equal(said, "invalid_token: the token's signature is not its issuer's")
})
