import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ACTIONS, type Resource, type ResourceKind } from '../../src/core/call.ts'
import { APPLIES } from '../../src/policy/schema.ts'
import { anEngine, aPrincipal, aQuery, aTool, EXAMPLE, NO_RULES, patterns } from './fixtures.ts'

const OVERFLOW = 'context.hour * 9007199254740991 * 100 > 0'

test('a forbid that errs denies, and does so with a fault', () => {
  const engine = anEngine(
    `permit (principal, action, resource);\n@id("bad") forbid (principal, action == Action::"call", resource) when { ${OVERFLOW} };`,
  )

  assert.throws(() => engine.decide(aQuery()), { code: 'FAULT_POLICY', message: /bad: .*overflow/ })
  assert.equal(engine.decide(aQuery({ action: 'read', resource: { kind: 'resource', server: 's', name: 'a:b' } })).effect, 'permit')
})

test('a permit that errs denies too, even where another permits', () => {
  const engine = anEngine(
    `permit (principal, action, resource);\npermit (principal, action == Action::"call", resource) when { ${OVERFLOW} };`,
  )

  assert.throws(() => engine.decide(aQuery()), { code: 'FAULT_POLICY' })
  assert.throws(() => engine.isVisible(aQuery()), { code: 'FAULT_POLICY' })
})

test('a fault is not remembered as an answer', () => {
  let now = Date.UTC(2026, 0, 1, 12)
  const engine = anEngine(
    `permit (principal, action, resource);\nforbid (principal, action, resource) when { ${OVERFLOW} };`,
    NO_RULES,
    () => now,
  )

  assert.throws(() => engine.decide(aQuery()), { code: 'FAULT_POLICY' })
  now = Date.UTC(2026, 0, 1, 3)
  assert.equal(engine.decide(aQuery()).effect, 'forbid')
})

test('a question that no method asks is a fault', () => {
  assert.throws(() => anEngine().decide(aQuery({ action: 'call', resource: { kind: 'prompt', server: 's', name: 'p' } })), {
    code: 'FAULT_POLICY',
  })
})

test('every action can be asked of every kind that it applies to', () => {
  const engine = anEngine('', NO_RULES)
  const resource = (kind: ResourceKind): Resource => ({ kind, server: 's', name: kind === 'server' ? 's' : 'x' })
  const answers = ACTIONS.flatMap((action) =>
    APPLIES[action].map((kind) => `${action} ${kind}: ${engine.decide(aQuery({ action, resource: resource(kind) })).effect}`),
  )

  assert.deepEqual(answers, [
    'list server: permit',
    'list task: permit',
    'call tool: forbid',
    'read resource: forbid',
    'read task: permit',
    'get prompt: forbid',
    'get task: permit',
    'complete prompt: forbid',
    'complete resource: forbid',
    'listen server: permit',
    'listen resource: forbid',
    'listen task: permit',
    'control server: permit',
    'control task: permit',
    'receive server: permit',
    'receive tool: permit',
    'receive resource: permit',
    'receive prompt: permit',
    'receive task: permit',
  ])
})

test('a key that reaches nothing on a server may not speak to it', () => {
  const engine = anEngine()
  const decide = (allow: string[], server: string) =>
    engine.decide(
      aQuery({ principal: aPrincipal({ grants: patterns(...allow) }), action: 'list', resource: { kind: 'server', server, name: server } }),
    ).effect

  assert.equal(decide(['files/read_*'], 'files'), 'permit')
  assert.equal(decide(['files/read_*'], 'weather'), 'forbid')
  assert.equal(decide(['read_*'], 'weather'), 'permit')
  assert.equal(decide([], 'files'), 'forbid')
})

test('a permit brings its limit along, a forbid none', () => {
  const engine = anEngine(`
    @id("a") @limit("60/m") permit (principal, action == Action::"call", resource);
    @id("b") @limit("5/s") permit (principal in Role::"user", action == Action::"call", resource);
    @id("c") forbid (principal in Role::"barred", action, resource);`)
  const obligations = (...roles: string[]) => engine.decide(aQuery({ principal: aPrincipal({ roles }), resource: aTool('x') })).obligations

  assert.deepEqual(obligations(), [{ policy: 'a', kind: 'limit', value: '60/m' }])
  assert.deepEqual(
    obligations('user').map(({ policy }) => policy),
    ['a', 'b'],
  )
  assert.deepEqual(obligations('user', 'barred'), [])
})

test('the hour and the weekday are those of the clock, and a new hour is a new question', () => {
  let now = Date.UTC(2026, 10, 20, 8, 59, 59)
  const engine = anEngine(
    'permit (principal, action == Action::"call", resource) when { context.weekday <= 5 && context.hour >= 9 && context.hour < 17 };',
    NO_RULES,
    () => now,
  )
  const at = (...instant: [number, number, number, number]) => {
    now = Date.UTC(...instant)
    return engine.decide(aQuery()).effect
  }

  assert.equal(engine.decide(aQuery()).effect, 'forbid')
  assert.equal(at(2026, 10, 20, 9), 'permit')
  assert.equal(at(2026, 10, 20, 17), 'forbid')
  assert.equal(at(2026, 10, 22, 12), 'forbid')
  assert.equal(at(2026, 10, 23, 12), 'permit')
})

test('equal questions have one answer, remembered', () => {
  const engine = anEngine()
  const ask = () => engine.decide(aQuery({ principal: aPrincipal({ roles: ['guest'] }), input: { anything: Math.PI } }))

  assert.equal(ask(), ask())
})

test('what no policy reads makes no new question', () => {
  const engine = anEngine()
  const ask = (subject: string, name: string, input: string) =>
    engine.decide(
      aQuery({ principal: aPrincipal({ subject, roles: ['guest'], claims: { x: subject } }), resource: aTool(name), input: { input } }),
    )

  assert.equal(ask('ann', 'get_a', '1'), ask('cid', 'get_b', '2'))
})

test('an argument makes a new question only where a policy reads it', () => {
  const engine = anEngine(`
    permit (principal, action == Action::"call", resource);
    forbid (principal, action == Action::"call", resource == Tool::"s/a") when { context.input.hasTag("/path") && context.input.getTag("/path") == "x" };`)
  const ask = (tool: string, path: string) => engine.decide(aQuery({ resource: aTool(tool, 's'), input: { path } }))

  assert.deepEqual([ask('a', 'x').effect, ask('a', 'y').effect], ['forbid', 'permit'])
  assert.equal(ask('b', 'x'), ask('b', 'y'))
})

test('names cannot be arranged so that two things are one', () => {
  const engine = anEngine('permit (principal, action == Action::"call", resource == Tool::"a/b");', EXAMPLE)
  const ask = (server: string, name: string) => engine.decide(aQuery({ resource: aTool(name, server) })).effect

  assert.equal(ask('a', 'b'), 'permit')
  for (const [server, name] of [
    ['', 'ab'],
    ['ab', ''],
    ['1', 'ab'],
    ['a', 'b '],
    ['a ', 'b'],
  ] as const)
    assert.equal(ask(server, name), 'forbid')
})

test('a server called by a digit takes no other’s answers', () => {
  const engine = anEngine('permit (principal, action == Action::"call", resource in Server::"abcdefghijk");', NO_RULES)

  assert.equal(engine.decide(aQuery({ resource: aTool('z', 'abcdefghijk') })).effect, 'permit')
  assert.equal(engine.decide(aQuery({ resource: aTool('abcdefghijkz', '1') })).effect, 'forbid')
})

test('what is too long to remember is answered all the same', () => {
  const engine = anEngine(
    `permit (principal, action == Action::"read", resource is Resource) when { resource.uri like "a:*" };
     forbid (principal, action == Action::"read", resource) when { context.input.hasTag("/x") && context.input.getTag("/x") like "*bad" };`,
    NO_RULES,
  )
  const ask = (uri: string, x: string, grants = patterns('a:*')) =>
    engine.decide(
      aQuery({ action: 'read', principal: aPrincipal({ grants }), resource: { kind: 'resource', server: 's', name: uri }, input: { x } }),
    ).effect

  for (const _ of [1, 2]) {
    assert.equal(ask(`a:${'x'.repeat(100_000)}`, 'good'), 'permit')
    assert.equal(ask(`b:${'x'.repeat(100_000)}`, 'good'), 'forbid')
    assert.equal(ask('a:x', `${'x'.repeat(100_000)}bad`), 'forbid')
    assert.equal(ask('a:x', `${'x'.repeat(100_000)}`), 'permit')
  }
})

test('findings count by label, in whatever order and number', () => {
  const engine = anEngine('forbid (principal, action == Action::"receive", resource) when { context.findings.contains("a") };')
  const ask = (...findings: string[]) => engine.decide(aQuery({ action: 'receive', findings }))

  assert.equal(ask('a', 'b'), ask('b', 'a', 'a'))
  assert.equal(ask('b').effect, 'permit')
})
