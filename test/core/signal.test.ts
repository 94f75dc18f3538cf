import assert from 'node:assert/strict'
import { test } from 'node:test'
import { abortSignalOf, Stop } from '../../src/core/signal.ts'

test('every listener is told of the abort, once, whichever form it has', () => {
  const stop = new Stop()
  const told: string[] = []
  const object = { handleEvent: () => told.push('object') }
  stop.addEventListener('abort', () => told.push('function'))
  stop.addEventListener('abort', object)
  stop.addEventListener('abort', object)
  stop.abort()
  stop.abort()
  assert.deepEqual([told, stop.aborted], [['function', 'object'], true])
})

test('who has left, or comes too late, is not told', () => {
  const stop = new Stop()
  const told: string[] = []
  const left = (): void => void told.push('left')
  stop.addEventListener('abort', left)
  stop.removeEventListener('abort', left)
  stop.removeEventListener('abort', left)
  stop.abort()
  stop.addEventListener('abort', () => told.push('late'))
  assert.deepEqual(told, [])
})

test('for the platform a stop becomes an AbortSignal, before and after the abort', () => {
  const stop = new Stop()
  const early = abortSignalOf(stop)
  assert.equal(early.aborted, false)
  stop.abort()
  assert.deepEqual([early.aborted, abortSignalOf(stop).aborted], [true, true])
  const own = new AbortController().signal
  assert.equal(abortSignalOf(own), own)
})
