/** Where the store is, as an operator writes it and as the house uses it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Config } from '../../src/config/config.ts'
import { parseConfig } from '../../src/config/load.ts'

const parse = (yaml: string, environment: Readonly<Record<string, string>> = {}): Config =>
  parseConfig(yaml, { file: '/srv/portcullis.yaml', environment })
const mistake = (yaml: string): string => {
  try {
    parse(yaml)
    return ''
  } catch (error) {
    return error instanceof Error ? error.message : ''
  }
}

test('a file is beside its key, wherever it is', () => {
  const { store, keyFile, redis, node } = parse('store: data/a.db')
  assert.deepEqual(
    { store, keyFile, redis, node },
    { store: '/srv/data/a.db', keyFile: '/srv/data/portcullis.key', redis: undefined, node: undefined },
  )
  assert.equal(parse('store: data/a.db\nkeyFile: keys/k').keyFile, '/srv/keys/k')
  assert.equal(parse('store: ":memory:"').keyFile, undefined)
})

test('one line says all that most need of Redis', () => {
  const { store, keyFile, redis } = parse('store: redis://redis.internal/2')
  assert.deepEqual([store, keyFile], ['redis://redis.internal:6379/2', '/srv/.portcullis/portcullis.key'])
  assert.deepEqual(redis, {
    kind: 'single',
    places: [{ host: 'redis.internal', port: 6379 }],
    database: 2,
    prefix: 'portcullis:',
    timeoutMs: 2_000,
    spool: { folder: '/srv/.portcullis/spool', maxBytes: 67_108_864 },
  })
})

test('a Cluster, Sentinels, TLS and a user are written as URLs are, and a password is never said again', () => {
  const cluster = parse('store: rediss+cluster://ann:p%40ss@a:7000,b,[::1]:7002')
  assert.deepEqual(cluster.redis?.places, [
    { host: 'a', port: 7000 },
    { host: 'b', port: 6379 },
    { host: '::1', port: 7002 },
  ])
  assert.deepEqual(
    [cluster.redis.kind, cluster.redis.username, cluster.redis.password?.reveal(), cluster.redis.tls],
    ['cluster', 'ann', 'p@ss', {}],
  )
  assert.ok(!JSON.stringify(cluster).includes('p@ss'))
  const sentinel = parse('store: redis+sentinel://s1,s2:26380/house/3').redis
  assert.deepEqual(
    [sentinel?.kind, sentinel?.primary, sentinel?.database, sentinel?.places.map(({ port }) => port)],
    ['sentinel', 'house', 3, [26_379, 26_380]],
  )
})

test('what a URL should not hold stands beside it', () => {
  const yaml = `store: { url: "rediss://r:6380", username: u, password: "\${SECRET}", ca: tls/ca.pem, prefix: "a:", timeout: 500ms, spool: { folder: s, maxBytes: 1MiB } }`
  const { redis } = parse(yaml, { SECRET: 'hidden' })
  assert.equal(redis?.password?.reveal(), 'hidden')
  assert.deepEqual(
    [redis.tls, redis.prefix, redis.timeoutMs, redis.spool],
    [{ ca: '/srv/tls/ca.pem' }, 'a:', 500, { folder: '/srv/s', maxBytes: 1_048_576 }],
  )
})

test('with Redis a replica is called as its host is, unless it is told', () => {
  assert.match(parse('store: redis://r').node ?? '', /^[a-z0-9][a-z0-9.-]*$/)
  assert.equal(parse('store: redis://r\nnode: west-1').node, 'west-1')
})

for (const [why, yaml] of [
  ['two hosts of one server', 'store: redis://a,b'],
  ['a Sentinel without a name', 'store: redis+sentinel://a:1'],
  ['a database of a Cluster', 'store: redis+cluster://a/1'],
  ['an unknown kind', 'store: redis+ring://a'],
  ['no host', 'store: redis:///0'],
  ['an impossible port', 'store: redis://a:99999'],
  ['a prefix with a brace', 'store: { url: redis://a, prefix: "{x}" }'],
  ['replicas that are reached at no place', 'peers: { listen: 0.0.0.0:7070 }'],
] as const)
  test(`${why} is refused with its place and what was expected`, () =>
    assert.match(mistake(yaml), /^\/srv\/portcullis\.yaml:1:\d+: (store|peers).*: expected/))
