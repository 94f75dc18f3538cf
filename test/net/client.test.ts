/** Whose request it is: only a proxy of ours is believed, and only what it saw itself. */
import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { createClients } from '../../src/net/client.ts'

/** The only two things that are looked at. */
function from(peer: string | undefined, forwarded?: string): Parameters<ReturnType<typeof createClients>['addressOf']>[0] {
  const socket = { remoteAddress: peer } as Socket
  return { socket, headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded } }
}

test('without a trusted proxy a thousand spoofed addresses are one', () => {
  const clients = createClients([])
  const seen = new Set(Array.from({ length: 1_000 }, (_, at) => clients.addressOf(from('198.51.100.9', `203.0.${at >> 8}.${at & 255}`))))
  assert.deepEqual([...seen], ['198.51.100.9'])
  assert.equal(clients.addressOf(from('::ffff:198.51.100.9')), '198.51.100.9')
  assert.equal(clients.addressOf(from(undefined)), undefined)
})

test('who is no proxy of ours is not believed although others are', () => {
  assert.equal(createClients(['10.0.0.0/8']).addressOf(from('198.51.100.9', '203.0.113.7')), '198.51.100.9')
})

test('behind proxies of ours the right-most hop that is none of them counts', () => {
  const clients = createClients(['10.0.0.0/8', '2001:db8:aaaa::/48'])
  const cases: readonly (readonly [string, string])[] = [
    ['203.0.113.7', '203.0.113.7'],
    ['1.1.1.1, 203.0.113.7', '203.0.113.7'],
    ['1.1.1.1, 203.0.113.7, 10.9.9.9', '203.0.113.7'],
    ['203.0.113.7, 10.1.1.1,2001:db8:aaaa::5', '203.0.113.7'],
    ['203.0.113.7:4711', '203.0.113.7'],
    ['[2001:DB8::0007]:443', '2001:db8::7'],
    ['2001:db8::7', '2001:db8::7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    // All of them ours: the one furthest away.
    ['10.3.3.3, 10.2.2.2', '10.3.3.3'],
    // What cannot be read ends the way at whoever passed it on.
    ['203.0.113.7, unknown', '10.0.0.1'],
    ['203.0.113.7, evil, 10.2.2.2', '10.2.2.2'],
    ['', '10.0.0.1'],
    [`${'10.2.2.2, '.repeat(5_000)}10.2.2.2`, '10.2.2.2'],
  ]
  for (const [forwarded, client] of cases) assert.equal(clients.addressOf(from('10.0.0.1', forwarded)), client, forwarded.slice(0, 80))
  assert.equal(clients.addressOf(from('10.0.0.1')), '10.0.0.1')
  assert.equal(clients.addressOf(from('::ffff:10.0.0.1', '203.0.113.7')), '203.0.113.7')
})

test('a proxy of ours is known as one', () => {
  const { isProxy } = createClients(['10.0.0.0/8'])
  assert.deepEqual(['10.1.2.3', '11.1.2.3', 'nobody'].map(isProxy), [true, false, false])
  assert.equal(createClients([]).isProxy('10.1.2.3'), false)
})
