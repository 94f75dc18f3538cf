/** The labelled tokens of `attacks.jsonl` against a Bearer scheme with two trusted issuers: each is refused, and for the reason it was made for. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { JsonObject, JsonValue } from '../../../src/core/json.ts'
import { tokenDigest } from '../../../src/identity/revocation.ts'
import {
  aSource,
  ALG_OF,
  aToken,
  claims,
  encode,
  header,
  hmac,
  ISSUER,
  type KeyName,
  NOW,
  OTHER_ISSUER,
  OTHER_JWKS,
  publicKey,
  seconds,
  signWith,
} from '../../identity/issuer.ts'
import { aBearer, SECRET, verdict } from '../../identity/tokens-world.ts'

interface Row {
  readonly id: string
  readonly why: string
  /** Who signs. */
  readonly key?: KeyName
  readonly header?: Readonly<Record<string, JsonValue>>
  readonly headerText?: string
  readonly claims?: Readonly<Record<string, JsonValue>>
  readonly without?: readonly string[]
  /** The payload as text; `@claims` stands for the members of a good one. */
  readonly payload?: string
  readonly payloadHex?: string
  readonly sign?: string
  /** What is done to the finished token. */
  readonly edit?: string
  /** `good`, or a part of what the operator is told. */
  readonly expect: string
}

const rows = readFileSync(new URL('./attacks.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Row)

/** What stands for something that changes, or is too long to be written into the file. */
function fill(value: JsonValue): JsonValue {
  if (value === '@long') return 'x'.repeat(600)
  if (value === '@huge') return 'x'.repeat(20_000)
  const match = typeof value === 'string' ? /^@now(?:([+-]\d+)|\*(\d+))?$/.exec(value) : null
  if (match === null) return value
  return match[2] === undefined ? seconds(NOW) + Number(match[1] ?? 0) : seconds(NOW) * Number(match[2])
}
const filled = (said: Readonly<Record<string, JsonValue>> = {}) =>
  Object.fromEntries(Object.entries(said).map(([name, value]) => [name, fill(value)]))

function payloadOf({ claims: said, payload, payloadHex, without = [] }: Row): Buffer {
  if (payloadHex !== undefined) return Buffer.from(payloadHex, 'hex')
  const all: JsonObject = Object.fromEntries(Object.entries(claims(filled(said))).filter(([name]) => !without.includes(name)))
  if (payload === undefined) return Buffer.from(JSON.stringify(all))
  return Buffer.from(payload.replace('@claims', () => JSON.stringify(all).slice(1, -1)))
}

const SIGNERS: Readonly<Record<string, (key: KeyName, signed: string, alg: string) => Uint8Array>> = {
  empty: () => Buffer.alloc(0),
  key: (key, signed) => signWith(key, signed),
  pkcs1: (key, signed) => signWith(key, signed, 'ieee-p1363', 'RS256'),
  'hmac-pem': (key, signed) => hmac(String(publicKey(key).export({ type: 'spki', format: 'pem' })), signed),
  'hmac-space-pem': (key, signed) => hmac(` ${String(publicKey(key).export({ type: 'spki', format: 'pem' }))}`, signed),
  'hmac-jwk': (key, signed) => hmac(JSON.stringify(publicKey(key).export({ format: 'jwk' })), signed),
  'hmac-n': (key, signed) => hmac(Buffer.from(String(publicKey(key).export({ format: 'jwk' }).n), 'base64url'), signed),
  'hmac-der': (key, signed) => hmac(publicKey(key).export({ type: 'spki', format: 'der' }), signed),
  'hmac-empty': (_key, signed) => hmac('', signed),
  'hmac-ours': (_key, signed) => hmac(SECRET, signed),
}

const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
const numberOf = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
const bytesOf = (number: bigint): Buffer => Buffer.from((number % (1n << 256n)).toString(16).padStart(64, '0'), 'hex')

const EDITS: Readonly<Record<string, (parts: readonly [string, string, string], signature: Buffer) => string>> = {
  flip: ([head, body], signature) => `${head}.${body}.${encode(signature.map((byte, at) => (at === 9 ? byte ^ 1 : byte)))}`,
  zero: ([head, body]) => `${head}.${body}.${encode(Buffer.alloc(64))}`,
  der: ([head, body]) => `${head}.${body}.${encode(signWith('ec', `${head}.${body}`, 'der'))}`,
  short: ([head, body], signature) => `${head}.${body}.${encode(signature.subarray(0, 63))}`,
  long: ([head, body], signature) => `${head}.${body}.${encode(Buffer.concat([signature, Buffer.alloc(1)]))}`,
  foreign: ([head, body]) => `${head}.${body}.${aToken({ sub: 'bob' }).split('.')[2]}`,
  order: ([head, body], signature) =>
    `${head}.${body}.${encode(Buffer.concat([bytesOf(numberOf(signature.subarray(0, 32)) + ORDER), signature.subarray(32)]))}`,
  'high-s': ([head, body], signature) =>
    `${head}.${body}.${encode(Buffer.concat([signature.subarray(0, 32), bytesOf(ORDER - numberOf(signature.subarray(32)))]))}`,
  // 64 bytes are 86 characters, of which the last holds four bits that mean nothing.
  'spare-bits': ([head, body, tail]) => `${head}.${body}.${tail.slice(0, -1)}${{ A: 'B', Q: 'R', g: 'h', w: 'x' }[tail.slice(-1)] ?? ''}`,
  padding: ([head, body, tail]) => `${head}.${body}.${tail}==`,
  space: ([head, body, tail]) => `${head}.${body.slice(0, 9)} ${body.slice(9)}.${tail}`,
  newline: (parts) => `${parts.join('.')}\n`,
  standard: ([head, body]) => `${head}.${body}.${Buffer.alloc(64, 0xfb).toString('base64').replace(/=+$/, '')}`,
  'header-padding': ([head, body, tail]) => `${head}=.${body}.${tail}`,
  'four-parts': (parts) => `${parts.join('.')}.x`,
  'five-parts': (parts) => `${parts.join('.')}.x.y`,
  'two-parts': ([head, body]) => `${head}.${body}`,
  json: ([head, body, tail]) => JSON.stringify({ protected: head, payload: body, signature: tail }),
  detached: ([head, , tail]) => `${head}..${tail}`,
}

function tokenOf(row: Row): string {
  const { key = 'ec', sign, edit } = row
  const head = encode(row.headerText ?? JSON.stringify(header(key, filled(row.header))))
  const body = encode(payloadOf(row))
  const alg = String(row.header?.['alg'] ?? ALG_OF[key])
  const signed = `${head}.${body}`
  // With the algorithm that is told where the key can, else with its own.
  const usual = alg === 'PS256' ? alg : ALG_OF[key]
  const signature = Buffer.from(sign === undefined ? signWith(key, signed, 'ieee-p1363', usual) : (SIGNERS[sign]?.(key, signed, alg) ?? assert.fail(`no signer ${sign}`)))
  const parts = [head, body, encode(signature)] as const
  return edit === undefined ? parts.join('.') : (EDITS[edit]?.(parts, signature) ?? assert.fail(`no edit ${edit}`))
}

const issuers = () => [{}, { rules: { issuer: OTHER_ISSUER }, source: aSource(OTHER_JWKS) }]

for (const row of rows) {
  test(`${row.id} is ${row.expect === 'good' ? 'taken' : 'refused'}: ${row.why}`, async () => {
    const { ask } = aBearer(issuers())
    const said = await verdict(ask(tokenOf(row)))
    if (row.expect === 'good') assert.equal(said, 'good')
    else {
      assert.match(said, /^invalid_token: /)
      assert.ok(said.includes(row.expect), said)
    }
  })
}

test('the vectors have names of their own, and each would be taken but for what is wrong with it', async () => {
  assert.equal(new Set(rows.map(({ id }) => id)).size, rows.length)
  const { ask } = aBearer(issuers())
  assert.equal((await ask(aToken()))?.issuer, ISSUER)
})

test('the second signature of a token is revoked with the first', async () => {
  const { ask, revocations } = aBearer()
  const first = aToken()
  const [head = '', body = '', tail = ''] = first.split('.')
  const second = EDITS['high-s']?.([head, body, tail], Buffer.from(tail, 'base64url')) ?? ''
  assert.notEqual(first, second)
  assert.equal((await ask(second))?.subject, 'ann')
  await revocations.revoke(tokenDigest(first), NOW + 300_000)
  assert.match(await verdict(ask(second)), /revoked/)
})
