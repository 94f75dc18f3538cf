/** RSA moduli of a smart card library whose primes are few (ROCA, CVE-2017-15361): told by their remainders, as its finders do. */

/** Of such a modulus, the remainder by each of these primes is a power of 65537. A modulus at random passes all of them once in 2^27. */
const PRIMES = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139,
  149, 151, 157, 163, 167,
] as const
const GENERATOR = 65537

const POWERS: readonly (readonly [prime: number, powers: ReadonlySet<number>])[] = PRIMES.map((prime) => [prime, powersOf(prime)])

function powersOf(prime: number): ReadonlySet<number> {
  const powers = new Set<number>()
  for (let power = 1; !powers.has(power); power = (power * GENERATOR) % prime) powers.add(power)
  return powers
}

/** @param modulus big-endian. */
export function isCommonlyFactored(modulus: Uint8Array): boolean {
  return POWERS.every(([prime, powers]) => powers.has(remainder(modulus, prime)))
}

function remainder(modulus: Uint8Array, prime: number): number {
  let rest = 0
  for (const byte of modulus) rest = (rest * 256 + byte) % prime
  return rest
}
