/** Whether a number is a multiple of another as they are written: 19.99 is one of 0.01, though neither is what a computer holds. */

/** `-12.5e-3` as it is written: what is before the point, behind it, and the exponent. */
const WRITTEN = /^-?(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/

/** Both finite, `step` above 0. Never off by a rounding: digits are compared, as JSON has them. */
export function isMultiple(value: number, step: number): boolean {
  if (Number.isSafeInteger(value) && Number.isSafeInteger(step)) return value % step === 0
  const [left, right] = [decimalOf(value), decimalOf(step)]
  const exponent = Math.min(left.exponent, right.exponent)
  return scaled(left, exponent) % scaled(right, exponent) === 0n
}

interface Decimal {
  readonly digits: bigint
  readonly exponent: number
}

/** By the shortest text that is this number, which is what was written wherever fewer than 16 digits were. */
function decimalOf(value: number): Decimal {
  const [, whole = '0', fraction = '', exponent = '0'] = WRITTEN.exec(String(value)) ?? []
  return { digits: BigInt(whole + fraction), exponent: Number(exponent) - fraction.length }
}

/** At most some 650 digits: a number of JSON ends at 1e308 and begins at 5e-324. */
const scaled = ({ digits, exponent }: Decimal, to: number): bigint => digits * 10n ** BigInt(exponent - to)
