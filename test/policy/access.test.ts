import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AccessRules, compileAccess } from '../../src/policy/access.ts'
import { anEngine, aPrincipal, aQuery, aResource, aTool, EXAMPLE, NO_RULES, patterns } from './fixtures.ts'

const engine = anEngine()
const guest = aPrincipal({ roles: ['guest'] })

test('a rule becomes one permit, named after its place in the configuration', () => {
  const decision = engine.decide(aQuery({ principal: guest, resource: aTool('get_weather') }))

  assert.equal(decision.effect, 'permit')
  assert.deepEqual(decision.policies, ['access.tools["weather/get_*"]'])
})

test('what no rule with a permission matches is denied, whoever asks', () => {
  const admin = aPrincipal({ roles: ['admin'] })

  assert.equal(engine.decide(aQuery({ principal: admin, resource: aTool('reboot') })).effect, 'forbid')
})

test('a permission with a star is held for every permission that it covers', () => {
  const admin = aPrincipal({ roles: ['admin'] })

  assert.equal(engine.decide(aQuery({ principal: admin, resource: aTool('write_file', 'files') })).effect, 'permit')
})

test('a pattern with a prefix does not cover a name without it', () => {
  const decide = (name: string) => engine.decide(aQuery({ principal: guest, resource: aTool(name) })).effect

  assert.equal(decide('get_'), 'permit')
  assert.equal(decide('get'), 'forbid')
  assert.equal(decide('forget_weather'), 'forbid')
  assert.equal(decide('GET_weather'), 'forbid')
})

test('the order of roles does not matter', () => {
  const rules: AccessRules = {
    ...NO_RULES,
    roles: { a: { permissions: [] }, b: { permissions: ['t:call'] } },
    tools: { t: { permission: 't:call' } },
  }
  const ordered = anEngine('', rules)
  const decisions = [
    ['a', 'b'],
    ['b', 'a'],
    ['b', 'a', 'b'],
  ].map((roles) => ordered.decide(aQuery({ principal: aPrincipal({ roles }), resource: aTool('t') })))

  assert.equal(new Set(decisions).size, 1)
  assert.equal(decisions[0]?.effect, 'permit')
})

test('a token needs one of the scopes that the matching rules list, or a broader one', () => {
  const decide = (...scopes: string[]) => engine.decide(aQuery({ principal: aPrincipal({ roles: ['guest'], scopes }) }))

  for (const scope of ['tools:read', 'tools:*', 'mcp:tool:get_weather', 'mcp:tool:*', 'mcp:*'])
    assert.equal(decide(scope).effect, 'permit', scope)
  for (const scope of ['tools', 'tools:write', 'mcp:tool:get', 'mcp:tool:get_*', 'mcp:tool:get_weather:x', 'mcp']) {
    assert.equal(decide(scope).effect, 'forbid', scope)
  }
  assert.deepEqual(decide('other').remedies, [{ kind: 'scope', scopes: ['mcp:tool:get_weather', 'tools:read'] }])
})

test('scopes grant nothing: they only narrow what roles grant', () => {
  const decision = engine.decide(aQuery({ principal: aPrincipal({ scopes: ['tools:read', '*'] }) }))

  assert.equal(decision.effect, 'forbid')
  assert.deepEqual(decision.remedies, [])
})

test('a credential that knows no scopes is not measured by them', () => {
  assert.equal(engine.decide(aQuery({ principal: guest })).effect, 'permit')
})

test('a name fills a scope template as it stands', () => {
  const facts = compileAccess({ ...NO_RULES, tools: { '*': { scopes: ['mcp:{server}:{name}'] } } }).facts(aTool('{server}', 'a'))

  assert.deepEqual(facts.listed, ['mcp:a:{server}'])
  assert.deepEqual(facts.scopes, ['mcp:a:{server}', 'mcp:a:*', 'mcp:*', '*'])
})

test('of several rules the most sensitive counts', () => {
  const { facts } = compileAccess({
    ...NO_RULES,
    tools: { '*': { sensitivity: 'public' }, 'x/*': { sensitivity: 'secret' }, 'x/a': { sensitivity: 'internal' } },
  })

  assert.equal(facts(aTool('a', 'x')).sensitivity, 'secret')
  assert.equal(facts(aTool('a', 'y')).sensitivity, 'public')
})

test('a URI is read by the roles of its rules, and listened to by those of subscribe', () => {
  const decide = (role: string, action: 'read' | 'complete' | 'listen', uri: string) =>
    engine.decide(aQuery({ principal: aPrincipal({ roles: [role] }), action, resource: aResource(uri) })).effect

  assert.equal(decide('guest', 'read', 'file:///data/public/a/b.txt'), 'permit')
  assert.equal(decide('guest', 'read', 'file:///data/private.txt'), 'forbid')
  assert.equal(decide('user', 'read', 'file:///data/private.txt'), 'permit')
  assert.equal(decide('user', 'complete', 'file:///data/private.txt'), 'permit')
  assert.equal(decide('user', 'listen', 'file:///data/private.txt'), 'forbid')
  assert.equal(decide('admin', 'listen', 'file:///data/private.txt'), 'permit')
  assert.equal(decide('admin', 'read', 'file:///etc/passwd'), 'forbid')
})

test('a URI rule may name a single principal, and means only that of its issuer', () => {
  const listen = (issuer: string) =>
    engine.decide(aQuery({ principal: aPrincipal({ issuer, subject: 'bob' }), action: 'listen', resource: aResource('file:///data/a') }))
      .effect

  assert.equal(listen('https://login.example.com'), 'permit')
  assert.equal(listen('https://login.evil.example'), 'forbid')
})

test('a URI rule for one server is none for another', () => {
  const rules: AccessRules = { ...NO_RULES, roles: { r: { permissions: [] } }, resources: [{ uri: '**', server: 'a', read: ['r'] }] }
  const decide = (server: string) =>
    anEngine('', rules).decide(aQuery({ principal: aPrincipal({ roles: ['r'] }), action: 'read', resource: aResource('x:y', server) }))
      .effect

  assert.equal(decide('a'), 'permit')
  assert.equal(decide('b'), 'forbid')
})

test('a prompt rule opens getting and completing', () => {
  const rules: AccessRules = { ...EXAMPLE, roles: { r: { permissions: ['prompts:use'] } }, resources: [] }
  const prompts = anEngine('', rules)

  for (const action of ['get', 'complete'] as const) {
    const resource = { kind: 'prompt', server: 'x', name: 'summarise_mail' } as const
    assert.equal(prompts.decide(aQuery({ principal: aPrincipal({ roles: ['r'] }), action, resource })).effect, 'permit')
  }
})

test('an allow-list is a ceiling: it takes away and never gives', () => {
  const decide = (roles: string[], ...allow: string[]) =>
    engine.decide(aQuery({ principal: aPrincipal({ roles, grants: patterns(...allow) }) }))

  assert.equal(decide(['guest'], 'get_*').effect, 'permit')
  assert.equal(decide(['guest'], 'weather/*').effect, 'permit')
  assert.deepEqual(decide(['guest'], 'files/*').policies, ['house.ceiling'])
  assert.deepEqual(decide(['guest']).policies, ['house.ceiling'])
  assert.equal(decide([], '*').effect, 'forbid')
})

test('a tool that must be approved or confirmed is forbidden without, and only for want of that', () => {
  const rules: AccessRules = {
    ...NO_RULES,
    roles: { user: { permissions: ['t:call'] } },
    tools: { '*': { permission: 't:call' }, 'drop_*': { approval: true }, 'send"_*': { confirm: true }, drop_all: { confirm: true } },
  }
  const guarded = anEngine('', rules)
  const decide = (name: string, said = {}) => {
    const { effect, policies, remedies } = guarded.decide(
      aQuery({ principal: aPrincipal({ roles: ['user'] }), resource: aTool(name), ...said }),
    )
    return [effect, ...policies, ...remedies.map(({ kind }) => kind)]
  }

  assert.deepEqual(decide('drop_one'), ['forbid', 'access.tools["drop_*"].approval', 'approval'])
  assert.deepEqual(decide('drop_one', { approved: true }), ['permit', 'access.tools["*"]'])
  assert.deepEqual(decide('drop_one', { confirmed: true })[0], 'forbid')
  assert.deepEqual(decide('send"_mail'), ['forbid', 'access.tools["send\\"_*"].confirm', 'confirm'])
  assert.deepEqual(decide('send"_mail', { confirmed: true })[0], 'permit')
  assert.deepEqual(decide('send"_mail', { approved: true })[0], 'forbid')
  assert.deepEqual(decide('drop_all').slice(-2), ['approval', 'confirm'])
  assert.deepEqual(decide('drop_all', { approved: true, confirmed: true })[0], 'permit')
  assert.deepEqual(decide('read'), ['permit', 'access.tools["*"]'])
})

test('mistakes in the section are faults that name the place', () => {
  const wrong: readonly [Partial<AccessRules>, RegExp][] = [
    [{ tools: { '/x': {} } }, /^access\.tools\["\/x"\]/],
    [{ tools: { x: { permission: 'files:*' } } }, /^access\.tools\["x"\]\.permission/],
    [{ prompts: { '': {} } }, /^access\.prompts\[""\]/],
    [{ resources: [{ uri: '' }] }, /^access\.resources\[0\]\.uri/],
    [{ resources: [{ uri: 'a:*', read: ['nobody'] }] }, /^access\.resources\["a:\*"\]\.read\["nobody"\]: no role of this name/],
  ]

  for (const [rules, message] of wrong) assert.throws(() => compileAccess({ ...NO_RULES, ...rules }), { code: 'FAULT_POLICY', message })
})

test('no name in the section can end a string and begin a policy', () => {
  const evil = 'x") }; permit (principal, action, resource); @id("y'
  const rules: AccessRules = {
    roles: { [evil]: { permissions: [evil] } },
    tools: { [evil]: { permission: evil } },
    resources: [{ uri: evil, read: [evil] }],
  }
  const injected = anEngine('', rules)

  assert.equal(injected.decide(aQuery()).effect, 'forbid')
  assert.equal(injected.decide(aQuery({ principal: aPrincipal({ roles: [evil] }), resource: aTool(evil) })).effect, 'permit')
})

test('a tool is destructive and reaches out unless a rule says otherwise, and of many rules the one that says yes counts', () => {
  const { facts } = compileAccess({
    roles: {},
    tools: { 'a/*': { destructive: false, openWorld: false }, 'a/x_*': { destructive: true }, 'b/*': {} },
    resources: [],
  })
  const told = (name: string, server: string): unknown => [facts(aTool(name, server)).destructive, facts(aTool(name, server)).openWorld]
  assert.deepEqual(
    [told('y', 'a'), told('x_1', 'a'), told('y', 'b')],
    [
      [false, false],
      [true, false],
      [undefined, undefined],
    ],
  )
})
