import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ALGS, bytesOf, readKey } from '../../src/trust/jwk.ts'
import { isCommonlyFactored } from '../../src/trust/roca.ts'
import { makePair } from './fixture.ts'

/** A modulus made as that library makes its primes: a power of 65537 modulo the product of the first primes, and a multiple of that product. */
function weakModulus(): Buffer {
  const isPrime = (n: number): boolean => Array.from({ length: n - 2 }, (_, at) => at + 2).every((divisor) => n % divisor !== 0)
  const primes = Array.from({ length: 166 }, (_, at) => at + 2).filter(isPrime)
  const product = primes.reduce((total, prime) => total * BigInt(prime), 1n)
  const power = 65537n ** 77n % product
  const base = (1n << 2047n) + (1n << 2046n)
  return Buffer.from((base - (base % product) + power).toString(16), 'hex')
}

test('a modulus of CVE-2017-15361 is known, and vouches for nothing', () => {
  const modulus = weakModulus()
  assert.equal(isCommonlyFactored(modulus), true)
  assert.match(String(readKey({ kty: 'RSA', n: modulus.toString('base64url'), e: 'AQAB' }, ALGS)), /CVE-2017-15361/)
})

test('a modulus made at random is not taken for one', () => {
  for (let round = 0; round < 5; round++) {
    const modulus = bytesOf(makePair('RS256').jwk['n'])
    assert.ok(modulus !== undefined)
    assert.equal(isCommonlyFactored(modulus), false)
  }
})
