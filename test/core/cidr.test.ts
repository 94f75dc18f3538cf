import assert from 'node:assert/strict'
import { BlockList, isIPv4 } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { countedAs, isWithin, neighbourhoodOf, parseCidr, parseIp, showCidr, showIp } from '../../src/core/cidr.ts'

const shown = (text: string): string | undefined => {
  const ip = parseIp(text)
  return ip === undefined ? undefined : showIp(ip)
}
const place = (text: string): string | undefined => {
  const ip = parseIp(text)
  return ip === undefined ? undefined : showCidr(neighbourhoodOf(ip))
}

test('an address has one spelling, whatever it was written as', () => {
  const spellings = {
    '203.0.113.7': '203.0.113.7',
    '::ffff:203.0.113.7': '203.0.113.7',
    '::FFFF:cb00:7107': '203.0.113.7',
    '0:0:0:0:0:ffff:203.0.113.7': '203.0.113.7',
    '2001:DB8:0:0::0001': '2001:db8::1',
    '2001:0db8:0000:0001:0000:0000:0000:0001': '2001:db8:0:1::1',
    '::': '::',
    '::1': '::1',
    '1::': '1::',
    'fe80::1%eth0': 'fe80::1',
    '64:ff9b::192.0.2.1': '64:ff9b::c000:201',
  }
  for (const [written, spelling] of Object.entries(spellings)) assert.equal(shown(written), spelling, written)
  for (const none of ['', 'nobody', '010.1.2.3', '1.2.3', '1.2.3.4.5', '::ffff:1.2.3.256', ':::', '1.2.3.4/32', ' 1.2.3.4'])
    assert.equal(shown(none), undefined, none)
})

test('one place is an IPv4 address, also in IPv6 clothes, or a whole /64', () => {
  assert.deepEqual(['203.0.113.7', '::ffff:203.0.113.7', '2001:db8:1:2:3:4:5:6', '2001:db8:1:2::'].map(place), [
    '203.0.113.7/32',
    '203.0.113.7/32',
    '2001:db8:1:2::/64',
    '2001:db8:1:2::/64',
  ])
})

test('a range is kept without the bits behind its prefix, and one address is a range', () => {
  const written = ['203.0.113.7/24', '203.0.113.7', '2001:db8::ffff/32', '::1', '0.0.0.0/0', '::ffff:10.0.0.0/104']
  const kept = ['203.0.113.0/24', '203.0.113.7/32', '2001:db8::/32', '::1/128', '0.0.0.0/0', '10.0.0.0/8']
  assert.deepEqual(
    written.map((text) => {
      const range = parseCidr(text)
      return range === undefined ? undefined : showCidr(range)
    }),
    kept,
  )
  for (const none of ['', '/8', '10.0.0.0/', '10.0.0.0/33', '10.0.0.0/-1', '::/129', '10.0.0.0/8/8', 'fe80::1%lo/64', '::ffff:10.0.0.0/90'])
    assert.equal(parseCidr(none), undefined, none)
})

test('what lies within a range is what the system says lies within it', () => {
  const address = fc.oneof(fc.ipV4(), fc.ipV6())
  fc.assert(
    fc.property(address, address, fc.nat(128), (base, other, bits) => {
      const ip = parseIp(other)
      const prefix = isIPv4(base) ? bits % 33 : bits
      const range = parseCidr(`${base}/${prefix}`)
      if (ip === undefined || range === undefined || ip.bytes.length !== range.bytes.length) return
      const list = new BlockList()
      const family = range.bytes.length === 4 ? 'ipv4' : 'ipv6'
      list.addSubnet(showIp(range), range.prefix, family)
      assert.equal(isWithin(range, ip), list.check(showIp(ip), family))
    }),
  )
})

test('the one spelling reads back as the same address', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
      const ip = parseIp(text)
      assert.ok(ip)
      assert.deepEqual(parseIp(showIp(ip)), ip)
    }),
  )
})

test('an IPv6 subscriber is counted as one, a mapped address as the IPv4 one, and what is no address as it is written', () => {
  assert.equal(countedAs('2001:db8:1:2:3:4:5:6'), countedAs('2001:db8:1:2::9'))
  assert.notEqual(countedAs('2001:db8:1:2::1'), countedAs('2001:db8:1:3::1'))
  assert.equal(countedAs('::1'), '::/64')
  assert.equal(countedAs('fe80::1%eth0'), 'fe80::/64')
  assert.equal(countedAs('::ffff:10.0.0.1'), countedAs('10.0.0.1'))
  assert.equal(countedAs('10.0.0.1'), '10.0.0.1/32')
  assert.equal(countedAs('pipe'), 'pipe')
})
