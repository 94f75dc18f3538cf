/** number.ts: which numbers keep their value in a double. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { survives } from '../../src/mcp/number.ts'

const KEPT = [
  '0',
  '-0',
  '-0.0',
  '0e999999999',
  '1',
  '0.1',
  '1.50',
  '1e21',
  '1E+2',
  '123456789012345',
  '9007199254740991',
  '9007199254740992',
  '-9007199254740991',
  '5e-324',
  '1.7976931348623157e308',
  '100000000000000000000',
  '0.30000000000000004',
  '3.141592653589793',
]
for (const text of KEPT) test(`${text} survives`, () => assert.equal(survives(text), true))

const LOST = [
  '9007199254740993',
  '-9007199254740993',
  '12345678901234567890',
  '3.14159265358979323846',
  '0.1000000000000000055511151231257827',
  '1e400',
  '-1e400',
  '1e-400',
  '1e99999999999999999999',
  '1.7976931348623159e308',
]
for (const text of LOST) test(`${text} does not survive`, () => assert.equal(survives(text), false))

test('a megabyte of zeros is judged in linear time', () => assert.equal(survives(`1${'0'.repeat(1_000_000)}`), false))
