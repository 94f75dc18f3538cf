import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parsePointer, textAt } from '../../src/policy/entities.ts'
import { anEngine, aPrincipal, aQuery, aTool, NO_RULES } from './fixtures.ts'

const CALL = 'principal, action == Action::"call", resource'
const permits = (condition: string, parts: Parameters<typeof aQuery>[0]) =>
  anEngine(`permit (${CALL}) when { ${condition} };`, NO_RULES).decide(aQuery(parts)).effect === 'permit'

test('a JSON Pointer is read as RFC 6901 §4 says', () => {
  assert.deepEqual(parsePointer(''), [])
  assert.deepEqual(parsePointer('/a~1b/m~0n/~01/'), ['a/b', 'm~n', '~1', ''])
  for (const none of ['a', '#/a', '/a~', '/a~2']) assert.equal(parsePointer(none), undefined, none)
})

test('a pointer finds members and elements, and only own ones', () => {
  const root = { a: [{ b: 'x' }], '': 'empty', 'a/b': 'slash' }

  assert.equal(textAt(root, ['a', '0', 'b']), 'x')
  assert.equal(textAt(root, ['']), 'empty')
  assert.equal(textAt(root, ['a/b']), 'slash')
  for (const path of [['a', '00'], ['a', '-'], ['a', 'length'], ['constructor'], ['a', '0', 'b', '0']])
    assert.equal(textAt(root, path), undefined)
})

test('what is not a text is read as its canonical JSON', () => {
  const root = { n: 5, f: 1.5, t: true, z: null, o: { b: 1, a: ['x'] } }

  assert.deepEqual(
    ['n', 'f', 't', 'z', 'o'].map((name) => textAt(root, [name])),
    ['5', '1.5', 'true', 'null', '{"a":["x"],"b":1}'],
  )
})

test('an argument hides from no policy by being wrapped', () => {
  const hidden = '!(context.input.hasTag("/path"))'

  assert.equal(permits(hidden, { input: {} }), true)
  for (const path of [['/etc'], { a: '/etc' }, null, 0, '']) assert.equal(permits(hidden, { input: { path } }), false)
})

test('claims are sets of texts, by name or by pointer', () => {
  const claims = { acr: 'phr', groups: ['a', 'b'], level: 3, verified: true, realm_access: { roles: ['r'] }, 'https://example.com/x': 'y' }
  const principal = aPrincipal({ claims })
  const reads = (key: string, value: string) =>
    permits(`principal.hasTag("${key}") && principal.getTag("${key}").contains("${value}")`, { principal })

  assert.equal(reads('acr', 'phr'), true)
  assert.equal(reads('groups', 'b'), true)
  assert.equal(reads('groups', 'c'), false)
  assert.equal(reads('level', '3'), true)
  assert.equal(reads('verified', 'true'), true)
  assert.equal(reads('/realm_access/roles', 'r'), true)
  assert.equal(reads('https://example.com/x', 'y'), true)
  assert.equal(reads('none', ''), false)
})

test('every attribute of a principal says what it should', () => {
  const principal = aPrincipal({ kind: 'service', client: 'c1', tenant: 't1', actors: ['a1', 'a2'], roles: ['r1'], scopes: ['s1'] })

  for (const condition of [
    'principal.kind == "service"',
    'principal.issuer == "https://login.example.com"',
    'principal.subject == "ann"',
    'principal has client && principal.client == "c1"',
    'principal has tenant && principal.tenant == "t1"',
    'principal.actors == ["a2", "a1"]',
    'principal.roles == ["r1"]',
    'principal.scopes == ["s1"]',
  ]) {
    assert.equal(permits(condition, { principal }), true, condition)
  }
  assert.equal(permits('principal has client || principal has tenant', {}), false)
})

test('two issuers with the same subject are two principals', () => {
  const engine = anEngine(`permit (principal == Principal::"https://a.example#ann", action == Action::"call", resource);`, NO_RULES)
  const decide = (issuer: string) => engine.decide(aQuery({ principal: aPrincipal({ issuer }) })).effect

  assert.equal(decide('https://b.example'), 'forbid')
  assert.equal(decide('https://a.example'), 'permit')
  assert.equal(decide('https://b.example'), 'forbid')
})

test('quotes, line breaks and NUL in names are part of the names', () => {
  const engine = anEngine(
    `permit (principal == Principal::"key#ann", action == Action::"call", resource == Tool::"s/t");
     permit (${CALL}) when { principal.subject == "a\\"b\\n\\0c" && resource.name == "t\\"\\n\\0" };`,
    NO_RULES,
  )
  const decide = (subject: string, name: string) =>
    engine.decide(aQuery({ principal: aPrincipal({ issuer: 'key', subject }), resource: aTool(name, 's') })).effect

  assert.equal(decide('ann', 't'), 'permit')
  for (const subject of ['ann"', 'ann\0', 'ann\n', '"ann', 'ann", action, resource); //'])
    assert.equal(decide(subject, 't'), 'forbid', subject)
  for (const name of ['t\0', 't\n', 't"', 't/']) assert.equal(decide('ann', name), 'forbid', name)
  assert.equal(decide('a"b\n\0c', 't"\n\0'), 'permit')
})

test('a text that is not well-formed Unicode is a fault, for Cedar would read another', () => {
  const engine = anEngine(`permit (${CALL}) when { principal.subject == "a\u{fffd}" };`, NO_RULES)

  assert.throws(() => engine.decide(aQuery({ principal: aPrincipal({ subject: 'a\ud800' }) })), { code: 'FAULT_POLICY' })
})

test('a server is within itself, and what it offers is within it', () => {
  const engine = anEngine('permit (principal, action, resource in Server::"s");', NO_RULES)
  const decide = (server: string) => [
    engine.decide(aQuery({ resource: aTool('t', server) })).effect,
    engine.decide(aQuery({ action: 'read', resource: { kind: 'resource', server, name: 'a:b' } })).effect,
  ]

  assert.deepEqual(decide('s'), ['permit', 'permit'])
  assert.deepEqual(decide('t'), ['forbid', 'forbid'])
})
