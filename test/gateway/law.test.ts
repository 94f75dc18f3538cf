/** The law of a gateway that serves: read again from where it lies, whole or not at all, and nothing of the one before stays. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { queryEvents } from '../../src/audit/query.ts'
import type { AuditEvent } from '../../src/core/event.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { aGateway, post, type Reply, type RunningGateway } from '../fixtures/gateway.ts'
import { aBareUpstream, type BareUpstream, text } from '../fixtures/upstream.ts'

const forbid = (id: string, tool: string): string =>
  `@id("${id}") forbid (principal, action == Action::"call", resource is Tool) when { resource.name == "${tool}" };\n`

/** What a call comes to: 200, or the code of its refusal. */
async function call(house: RunningGateway, key: string, name = 'echo', args: JsonObject = {}): Promise<unknown> {
  const { status, body }: Reply = await post(`${house.url}/mcp`, 'tools/call', { name, arguments: args }, { 'x-api-key': key })
  const data = (body['error'] as JsonObject | undefined)?.['data'] as JsonObject | undefined
  return (body['result'] as JsonObject | undefined)?.['isError'] === true ? 'tool error' : (data?.['code'] ?? status)
}

/** Each of these events as it comes, however long that takes. */
async function* told(house: RunningGateway, ...types: readonly string[]): AsyncGenerator<AuditEvent, never> {
  for await (const { event } of queryEvents(house.gateway.house.store, { follow: { everyMs: 5, signal: new AbortController().signal } }))
    if (types.includes(event.type)) yield event
  throw new Error('the journal ended')
}

const lastFault = (house: RunningGateway): string => house.faults.at(-1)?.message ?? ''

/** A folder of its own, and a server with an echo in it. */
async function inFolder(work: (folder: string, upstream: BareUpstream) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-law-'))
  await using upstream = await aBareUpstream({ echo: (args) => text(String(args['path'])), burn: () => text('burnt') })
  try {
    await work(folder, upstream)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const withPolicies = ({ url }: BareUpstream, policies: string): string => `servers: { tools: { url: "${url}" } }
access: { roles: { user: { permissions: ["*"] } }, tools: { "*": { permission: tools:use } }, policies: ${JSON.stringify(policies)} }
`

test('a policy folder that goes away takes no forbid with it, and is looked at again when one stands in its place', () =>
  inFolder(async (folder, upstream) => {
    const [policy, aside] = [join(folder, 'policy'), join(folder, 'aside')]
    mkdirSync(policy)
    writeFileSync(join(policy, 'a.cedar'), forbid('no-echo', 'echo'))
    await using house = await aGateway(withPolicies(upstream, join(policy, '*.cedar')), { folder })
    const key = await house.key({ roles: ['user'] })
    const events = told(house, 'policy.rejected', 'policy.loaded')
    const { revision } = house.gateway.house.law
    assert.deepEqual([await call(house, key), await call(house, key, 'burn')], ['not_found', 200])

    renameSync(policy, aside)
    const rejected = await events.next()
    assert.deepEqual([rejected.value.type, rejected.value.law], ['policy.rejected', revision])
    assert.equal(
      lastFault(house),
      `access.policies: policy/*.cedar finds no file any more; put its files back, or take it out of access.policies; not taken, the law before stays in force, revision ${revision}`,
    )
    assert.equal(await call(house, key), 'not_found')

    writeFileSync(join(aside, 'a.cedar'), forbid('no-burning', 'burn'))
    renameSync(aside, policy)
    assert.equal((await events.next()).value.type, 'policy.loaded')
    assert.deepEqual([await call(house, key), await call(house, key, 'burn')], [200, 'not_found'])
  }))

test('a link that is turned round is followed, at the folder of the policies and above it', () =>
  inFolder(async (folder, upstream) => {
    for (const [release, tool] of [
      ['one', 'echo'],
      ['two', 'burn'],
    ] as const) {
      mkdirSync(join(folder, release, 'policy'), { recursive: true })
      writeFileSync(join(folder, release, 'policy/a.cedar'), forbid(`no-${tool}`, tool))
    }
    const turn = (link: string, to: string): void => {
      symlinkSync(to, join(folder, 'next'))
      renameSync(join(folder, 'next'), join(folder, link))
    }
    turn('current', 'one')
    turn('policy', 'current/policy')
    await using house = await aGateway(withPolicies(upstream, join(folder, 'policy/*.cedar')), { folder })
    const key = await house.key({ roles: ['user'] })
    const events = told(house, 'policy.loaded')
    assert.deepEqual([await call(house, key), await call(house, key, 'burn')], ['not_found', 200])

    turn('current', 'two')
    await events.next()
    assert.deepEqual([await call(house, key), await call(house, key, 'burn')], [200, 'not_found'])
    turn('policy', 'one/policy')
    await events.next()
    assert.deepEqual([await call(house, key), await call(house, key, 'burn')], ['not_found', 200])
  }))

test('a pattern that finds nothing any more may be taken out, and one that is misspelled from then on is told', () =>
  inFolder(async (folder, upstream) => {
    writeFileSync(join(folder, 'a.cedar'), forbid('no-echo', 'echo'))
    await using house = await aGateway(withPolicies(upstream, '*.cedar'), { folder })
    const key = await house.key({ roles: ['user'] })
    rmSync(join(folder, 'a.cedar'))
    assert.equal(await house.gateway.reload(), false)
    assert.equal(await call(house, key), 'not_found')
    house.write(withPolicies(upstream, '*.ceder'))
    assert.equal(await house.gateway.reload(), true)
    assert.equal(lastFault(house), 'access.policies: *.ceder finds no file')
    assert.equal(await call(house, key), 200)
  }))

const ISSUER = 'authentication: { issuers: [{ issuer: "https://id.example", jwksUri: "https://id.example/keys" }] }\n'

test('the access section is law as soon as it is written: roles, what tools need, what their arguments are for, who inherits which limit', () =>
  inFolder(async (folder, upstream) => {
    const rest = `servers: { tools: { url: "${upstream.url}" } }\n${ISSUER}limits: { roles: { slow: { rate: 1/h, burst: 2 } } }\n`
    const access = (roles: string, echo: string): string => `${rest}access: { roles: { ${roles} }, tools: { echo: { ${echo} } } }\n`
    const scopes = async (): Promise<unknown> =>
      ((await (await fetch(`${house.url}/.well-known/oauth-protected-resource/mcp`)).json()) as JsonObject)['scopes_supported']
    const write = async (roles: string, echo: string): Promise<void> => {
      house.write(access(roles, echo))
      await events.next()
    }
    const WRITER = 'slow: {}, user: { permissions: ["tools:use"] }'
    await using house = await aGateway(access(WRITER, 'permission: tools:use, scope: "tools:read"'), { folder })
    const key = await house.key({ roles: ['user'] })
    const events = told(house, 'policy.loaded')
    const outside = { path: '../../etc/passwd' }
    assert.deepEqual([await call(house, key, 'echo', outside), await scopes()], ['tool error', ['tools:read']])

    await write(WRITER, 'permission: tools:use, scope: "tools:write", arguments: { path: { kind: opaque } }')
    assert.deepEqual([await call(house, key, 'echo', outside), await scopes()], [200, ['tools:write']])
    await write('slow: {}, user: { permissions: ["tools:other"] }', 'permission: tools:use')
    assert.deepEqual([await call(house, key), await scopes()], ['not_found', undefined])
    await write('slow: { permissions: ["tools:use"] }, user: { inherits: slow }', 'permission: tools:use')
    assert.deepEqual([await call(house, key), await call(house, key), await call(house, key)], [200, 200, 'rate_limited'])
    assert.deepEqual([...house.gateway.house.law.roles.keys()], ['slow', 'user'])
    assert.deepEqual(house.faults, [])
  }))

test('a configuration that is wrong changes nothing of the law, and what else differs is told to need a restart, once', () =>
  inFolder(async (folder, upstream) => {
    const access = 'access: { roles: { user: { permissions: ["*"] } }, tools: { echo: { permission: tools:use } } }\n'
    const servers = `servers: { tools: { url: "${upstream.url}" } }\n`
    await using house = await aGateway(servers + access, { folder })
    const key = await house.key({ roles: ['user'] })
    const { revision } = house.gateway.house.law
    for (const [wrong, why] of [
      [`${servers}access: { roles: { user: { inherits: nobody } } }\n`, /:4:\d+: access\.roles\.user\.inherits: expected a role/],
      [`${servers}${access}profil: strict\n`, /:5:1: profil: unknown setting, did you mean profile\?/],
      [`${servers}access: {`, /:4:\d+: not valid YAML/],
    ] as const) {
      house.write(wrong)
      assert.equal(await house.gateway.reload(), false)
      assert.match(lastFault(house), why)
      assert.match(lastFault(house), new RegExp(`; not taken, the law before stays in force, revision ${revision}$`))
      assert.equal(await call(house, key), 200)
    }
    const told = house.faults.length
    house.write(`${servers.replace('tools:', 'renamed:')}${access.replace('tools:use', 'tools:other')}limits: { global: 5/s }\n`)
    assert.equal(await house.gateway.reload(), true)
    assert.notEqual(house.gateway.house.law.revision, revision)
    assert.deepEqual(
      house.faults.slice(told).map(({ message }) => message),
      ['limits, servers: written otherwise than it runs; restart to have it in force'],
    )
    assert.equal(await call(house, key), 200)
  }))

test('who stands in limits.block is turned away as soon as it is written, and let in as soon as it is not, without a restart', () =>
  inFolder(async (folder, upstream) => {
    const rest = withPolicies(upstream, join(folder, '*.cedar'))
    await using house = await aGateway(rest, { folder })
    const key = await house.key({ roles: ['user'] })
    const { blocks } = house.gateway.house.limits
    const events = told(house, 'address.blocked', 'address.unblocked')
    assert.equal(await call(house, key), 200)

    house.write(`${rest}limits: { block: [127.0.0.1] }\n`)
    assert.equal((await events.next()).value.address, '127.0.0.1/32')
    assert.deepEqual([await call(house, key), blocks.fixed], ['forbidden', ['127.0.0.1/32']])

    house.write(rest)
    assert.deepEqual([(await events.next()).value.type, await call(house, key), blocks.fixed], ['address.unblocked', 200, []])
    assert.deepEqual(
      house.faults.filter(({ code }) => code === 'FAULT_CONFIG'),
      [],
    )
  }))
