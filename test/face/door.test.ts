import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { Denial, type DenialCode } from '../../src/core/denial.ts'
import { createDoor } from '../../src/face/door.ts'

const door = createDoor({
  publicUrl: 'https://mcp.example.com',
  allowedHosts: ['inside:8443'],
  allowedOrigins: ['https://chat.example.com'],
})

/** The door reads headers only. */
const asking = (headers: Record<string, string>, rawHeaders = Object.entries(headers).flat()): IncomingMessage =>
  ({ headers, rawHeaders }) as unknown as IncomingMessage

function verdict(headers: Record<string, string>): DenialCode | 'open' {
  try {
    door.check(asking(headers))
    return 'open'
  } catch (error) {
    return Denial.from(error).code
  }
}

test('the host of publicUrl, listed hosts and names of this machine are served', () => {
  for (const host of ['mcp.example.com', 'inside:8443', 'localhost', 'localhost:9999', '127.0.0.1:1', '[::1]:8080', 'LOCALHOST:80'])
    assert.equal(verdict({ host }), 'open', host)
})

test('more than one host is refused, however it is spelled and whichever is served', () => {
  const hosts = ['Host', 'localhost', 'hOST', 'localhost']
  assert.throws(() => door.check(asking({ host: 'localhost' }, hosts)), { code: 'foreign_host' })
})

test('any other host is refused: DNS rebinding ends here', () => {
  for (const host of [
    'evil.example.com',
    'mcp.example.com.evil.com',
    'localhost.evil.com',
    '127.0.0.1.evil.com',
    'inside',
    'inside:80',
    '',
    '0.0.0.0',
    '192.168.0.1',
  ]) {
    assert.equal(verdict({ host }), 'foreign_host', host)
  }
})

test('a host that carries a path, a query, a user or a space is refused', () => {
  for (const host of [
    '127.0.0.1/health?',
    'localhost/admin',
    'localhost?x',
    'localhost#x',
    'user@localhost',
    'localhost\\x',
    'localhost ',
    'localhost:80:80',
    'localhost:',
    'localhost:123456',
  ]) {
    assert.equal(verdict({ host }), 'foreign_host', host)
  }
})

test('the first host that is not served is told, once, and never what is no host', () => {
  const told: string[] = []
  const own = createDoor({
    publicUrl: 'http://localhost:8080',
    allowedHosts: [],
    allowedOrigins: [],
    onForeignHost: (host) => void told.push(host),
  })
  own.check(asking({ host: 'localhost' }))
  for (const host of ['\u009b31m', '10.0.0.5:8200', 'other.example'])
    assert.throws(() => own.check(asking({ host })), { code: 'foreign_host' })
  assert.deepEqual(told, ['10.0.0.5:8200'])
})

test('a request without a host is refused', () => {
  assert.equal(verdict({}), 'foreign_host')
})

test('a page of our own, a listed one or one of this machine may call; every other may not', () => {
  const host = 'localhost'
  for (const origin of [
    'https://mcp.example.com',
    'https://chat.example.com',
    'http://localhost:3000',
    'https://127.0.0.1',
    'http://[::1]:1',
  ])
    assert.equal(verdict({ host, origin }), 'open', origin)
  const foreign = [
    'null',
    'https://evil.com',
    'https://chat.example.com.evil.com',
    'http://chat.example.com',
    'https://chat.example.com:8443',
    'http://localhost.evil.com',
    'file://',
    'http://localhost/x',
    'http://evil@localhost',
  ]
  for (const origin of foreign) assert.equal(verdict({ host, origin }), 'foreign_origin', origin)
})

test('an allowed page is told so by name, never by a star, and may read what clients need', () => {
  const headers = door.check(asking({ host: 'localhost', origin: 'https://chat.example.com' }))
  assert.equal(headers[headers.indexOf('Access-Control-Allow-Origin') + 1], 'https://chat.example.com')
  assert.match(headers[headers.indexOf('Access-Control-Expose-Headers') + 1] ?? '', /Mcp-Session-Id/)
  assert.equal(headers.includes('Access-Control-Allow-Credentials'), false)
})

test('a preflight allows our headers and the mirrored arguments that were asked for, and no others', () => {
  const headers = door.preflight(
    asking({
      host: 'localhost',
      origin: 'https://chat.example.com',
      'access-control-request-headers': 'Mcp-Param-Region, x-evil, mcp-param-bad(name',
    }),
  )
  const allowed = headers[headers.indexOf('Access-Control-Allow-Headers') + 1] ?? ''
  assert.match(allowed, /mcp-method/)
  assert.match(allowed, /mcp-param-region$/)
  assert.doesNotMatch(allowed, /evil|bad/)
})

test('a preflight of a foreign page is refused', () => {
  assert.throws(() => door.preflight(asking({ host: 'localhost', origin: 'https://evil.com' })), Denial)
})
