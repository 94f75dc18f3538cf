import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Denial } from '../../src/core/denial.ts'
import { parsePattern } from '../../src/core/pattern.ts'
import { mintId, mintSecret, writeKey } from '../../src/identity/key-text.ts'
import { KEYS } from '../../src/store/keys.ts'
import { apiKey, bearer, createWorld, DAY_MS, type World } from './world.ts'

const REQUEST = { name: 'ci', roles: ['user'], createdBy: 'test' }

async function refusal(act: () => unknown): Promise<Denial> {
  try {
    await act()
  } catch (error) {
    if (error instanceof Denial) return error
    throw error
  }
  throw new Error('It was let through.')
}

async function isRefused(world: World, text: Parameters<typeof apiKey>[0]): Promise<string> {
  const denial = await refusal(() => world.keys.authenticate(apiKey(text)))
  assert.equal(denial.code, 'invalid_token')
  return denial.detail
}

test('a key that was made is recognised, as X-API-Key and as a bearer token, by every process', async () => {
  const world = createWorld()
  const { key, text } = await world.keys.create({
    ...REQUEST,
    owner: 'ann',
    allow: ['files/read_*', 'get_*'].flatMap((allow) => parsePattern(allow) ?? []),
  })
  const principal = await world.another().authenticate(apiKey(text))
  assert.deepEqual(principal, {
    kind: 'service',
    issuer: 'key',
    subject: key.id,
    actors: [],
    roles: ['user'],
    grants: [parsePattern('files/read_*'), parsePattern('get_*')],
    claims: { name: 'ci', owner: 'ann' },
  })
  assert.deepEqual(await world.keys.authenticate(bearer(text)), principal)
})

test('a key without an allow-list has no ceiling, and no right but its roles', async () => {
  const world = createWorld()
  const { text } = await world.keys.create({ ...REQUEST, roles: [] })
  const principal = await world.keys.authenticate(apiKey(text))
  assert.equal(principal?.grants, undefined)
  assert.deepEqual(principal?.roles, [])
})

test('as long as the record does not change the principal is one and the same object', async () => {
  const world = createWorld()
  const { key, text } = await world.keys.create(REQUEST)
  const first = await world.keys.authenticate(apiKey(text))
  assert.equal(await world.keys.authenticate(apiKey(text)), first)
  const { text: next } = await world.another().rotate(key.id, DAY_MS)
  assert.notEqual(await world.keys.authenticate(apiKey(next)), first)
})

test('a bearer token that does not look like a key is not ours', () => {
  assert.equal(createWorld().keys.authenticate(bearer('eyJhbGciOiJFUzI1NiJ9.e30.x')), undefined)
})

test('unknown, wrong, malformed, expired and revoked look the same outside and tell apart inside', async () => {
  const world = createWorld()
  const { key } = await world.keys.create(REQUEST)
  const old = await world.keys.create({ ...REQUEST, expiresMs: DAY_MS })
  const gone = await world.keys.create(REQUEST)
  await world.keys.revoke(gone.key.id)
  world.now += DAY_MS
  const unknown = { id: mintId(), secret: mintSecret() }
  const texts = [
    writeKey('mcp', unknown),
    writeKey('mcp', { id: key.id, secret: mintSecret() }),
    'mcp_not-a-key',
    '',
    old.text.reveal(),
    gone.text.reveal(),
  ]
  const denials = await Promise.all(texts.map((text) => refusal(() => world.keys.authenticate(apiKey(text)))))
  assert.deepEqual(new Set(denials.map(({ code, message, remedies }) => JSON.stringify({ code, message, remedies }))).size, 1)
  assert.deepEqual(
    denials.map(({ detail }) => detail),
    [
      `no key has the id ${unknown.id}`,
      `the secret of key ${key.id} is wrong`,
      'the API key is malformed',
      'the API key is malformed',
      `key ${old.key.id} has expired`,
      `key ${gone.key.id} is revoked`,
    ],
  )
})

test('a malformed key is refused without a look-up', async () => {
  const world = createWorld()
  await world.store.close()
  assert.equal(await isRefused(world, `mcp_${mintId()}_${mintSecret()}000000`), 'the API key is malformed')
})

test('when the store is away a key is a fault, and not a principal', async () => {
  const world = createWorld()
  const { text } = await world.keys.create(REQUEST)
  await world.store.close()
  await assert.rejects(async () => world.keys.authenticate(apiKey(text)), { code: 'FAULT_STORE' })
})

test('a key expires after ninety days unless told, to the millisecond', async () => {
  const world = createWorld()
  const { text } = await world.keys.create(REQUEST)
  world.now += 90 * DAY_MS - 1
  assert.ok(await world.keys.authenticate(apiKey(text)))
  world.now += 1
  assert.match(await isRefused(world, text), /has expired/)
  assert.equal((await world.keys.list())[0]?.status, 'expired')
})

test('during the overlap of a rotation both secrets work, after it only the new one', async () => {
  const world = createWorld()
  const { key, text: old } = await world.keys.create(REQUEST)
  world.now += 10 * DAY_MS
  const { key: rotated, text: fresh } = await world.keys.rotate(key.id, DAY_MS)
  assert.equal(rotated.id, key.id)
  assert.equal(rotated.overlapUntil, world.now + DAY_MS)
  assert.equal(rotated.expiresAt, world.now + 90 * DAY_MS)
  for (const text of [old, fresh, old, fresh]) assert.ok(await world.keys.authenticate(apiKey(text)))
  world.now += DAY_MS
  for (let call = 0; call < 2; call++) assert.match(await isRefused(world, old), /rotated away/)
  assert.ok(await world.keys.authenticate(apiKey(fresh)))
})

test('a secret that was recognised before is still refused once its key has expired or is revoked', async () => {
  const world = createWorld()
  const short = await world.keys.create({ ...REQUEST, expiresMs: DAY_MS })
  const long = await world.keys.create(REQUEST)
  for (const { text } of [short, long, short, long]) assert.ok(await world.keys.authenticate(apiKey(text)))
  await world.another().revoke(long.key.id)
  world.now += DAY_MS
  assert.match(await isRefused(world, short.text), /has expired/)
  assert.match(await isRefused(world, long.text), /is revoked/)
})

test('rotation without overlap ends the old secret at once', async () => {
  const world = createWorld()
  const { key, text } = await world.keys.create(REQUEST)
  await world.keys.rotate(key.id, 0)
  assert.match(await isRefused(world, text), /rotated away/)
})

test('an overlap does not outlive the expiry of the secret it keeps', async () => {
  const world = createWorld()
  const { key, text } = await world.keys.create({ ...REQUEST, expiresMs: DAY_MS })
  world.now += DAY_MS - 1
  await world.keys.rotate(key.id, DAY_MS)
  assert.ok(await world.keys.authenticate(apiKey(text)))
  world.now += 1
  assert.match(await isRefused(world, text), /rotated away/)
})

test('who comes with a secret that was rotated away is not guessing, whoever makes one up is', async () => {
  const world = createWorld()
  const { key, text } = await world.keys.create(REQUEST)
  const secrets = [text]
  for (const overlap of [1_000, 0, DAY_MS]) secrets.push((await world.keys.rotate(key.id, overlap)).text)
  world.now += DAY_MS
  const current = secrets.pop()
  const stale = async (text: Parameters<typeof apiKey>[0]): Promise<unknown> => {
    const { code, isStale, detail } = await refusal(() => world.another().authenticate(apiKey(text)))
    return [code, isStale, detail]
  }
  for (const old of secrets) assert.deepEqual(await stale(old), ['invalid_token', true, `the secret of key ${key.id} was rotated away`])
  const guess = writeKey('mcp', { id: key.id, secret: mintSecret() })
  assert.deepEqual(await stale(guess), ['invalid_token', false, `the secret of key ${key.id} is wrong`])
  // One that was good for another key is no better than a guess.
  const other = await world.keys.create(REQUEST)
  const borrowed = writeKey('mcp', { id: other.key.id, secret: text.reveal().slice(17, 60) })
  assert.deepEqual(((await stale(borrowed)) as readonly unknown[])[1], false)
  assert.ok(current && (await world.keys.authenticate(apiKey(current))))
  await world.keys.revoke(key.id)
  for (const old of [...secrets, current]) assert.deepEqual(((await stale(old)) as readonly unknown[])[1], true)
  assert.ok(!JSON.stringify(await world.keys.list()).includes('hash') && !JSON.stringify(await world.keys.list()).includes('former'))
})

test('a second rotation ends the secret before the first', async () => {
  const world = createWorld()
  const { key, text: first } = await world.keys.create(REQUEST)
  const { text: second } = await world.keys.rotate(key.id, DAY_MS)
  await world.keys.rotate(key.id, DAY_MS)
  assert.match(await isRefused(world, first), /rotated away/)
  assert.ok(await world.keys.authenticate(apiKey(second)))
})

test('a revoked key is refused on the next call, on every process, with both of its secrets', async () => {
  const world = createWorld()
  const another = world.another()
  const { key, text: old } = await world.keys.create(REQUEST)
  const { text: fresh } = await world.keys.rotate(key.id, DAY_MS)
  assert.ok(await another.authenticate(apiKey(fresh)))
  assert.equal((await world.keys.revoke(key.id)).status, 'revoked')
  for (const text of [old, fresh]) assert.equal((await refusal(() => another.authenticate(apiKey(text)))).code, 'invalid_token')
})

test('a revoked key cannot be rotated, and revoking it again changes nothing', async () => {
  const world = createWorld()
  const { key } = await world.keys.create(REQUEST)
  const revoked = await world.keys.revoke(key.id)
  world.now += 1
  assert.deepEqual(await world.keys.revoke(key.id), revoked)
  await assert.rejects(world.keys.rotate(key.id, DAY_MS), { code: 'FAULT_KEY' })
})

test('what is not there can be neither rotated nor revoked', async () => {
  const { keys } = createWorld()
  await assert.rejects(keys.rotate(mintId(), 0), { code: 'FAULT_KEY' })
  await assert.rejects(keys.revoke(mintId()), { code: 'FAULT_KEY' })
  assert.equal(await keys.find(mintId()), undefined)
})

test('revoked while a hundred uses are counted, a key stays revoked', async () => {
  const world = createWorld()
  const processes = [world.keys, world.another(), world.another(), world.another()]
  const { key, text } = await world.keys.create(REQUEST)
  const uses = Array.from({ length: 100 }, async (_, index) => {
    const keys = processes[index % processes.length] ?? world.keys
    await Promise.resolve(keys.authenticate(apiKey(text))).catch(() => undefined)
    await keys.flush()
  })
  await Promise.all([
    ...uses.slice(0, 50),
    world.keys.revoke(key.id),
    world
      .another()
      .rotate(key.id, DAY_MS)
      .catch(() => undefined),
    ...uses.slice(50),
  ])
  await Promise.all(processes.map((keys) => keys.flush()))
  assert.equal((await world.keys.find(key.id))?.status, 'revoked')
  assert.match(await isRefused(world, text), /revoked|rotated away/)
})

test('of many rotations at once the last one stands and none is lost half', async () => {
  const world = createWorld()
  const { key } = await world.keys.create(REQUEST)
  const issued = await Promise.all([1, 2, 3, 4].map(() => world.another().rotate(key.id, DAY_MS)))
  const works = await Promise.all(
    issued.map(({ text }) =>
      Promise.resolve(world.keys.authenticate(apiKey(text))).then(
        () => true,
        () => false,
      ),
    ),
  )
  assert.equal(works.filter(Boolean).length, 2)
})

test('uses of several processes add up', async () => {
  const world = createWorld()
  const another = world.another()
  const { key, text } = await world.keys.create(REQUEST)
  for (let use = 0; use < 5; use++) await world.keys.authenticate(apiKey(text))
  world.now += 1000
  for (let use = 0; use < 7; use++) await another.authenticate(apiKey(text))
  await Promise.all([world.keys.flush(), another.flush()])
  const [view] = await world.keys.list()
  assert.equal(view?.uses, 12)
  assert.equal(view?.lastUsedAt, world.now)
  assert.equal(view?.id, key.id)
})

test('counting that fails neither fails a call nor is lost', async () => {
  const world = createWorld()
  const { text, key } = await world.keys.create(REQUEST)
  const { put } = world.store
  world.store.put = () => Promise.reject(new Error('disk full'))
  assert.ok(await world.keys.authenticate(apiKey(text)))
  await world.keys.flush()
  world.store.put = put
  assert.ok(await world.keys.authenticate(apiKey(text)))
  await world.keys.flush()
  assert.equal((await world.keys.find(key.id))?.uses, 2)
})

test('the store holds a keyed hash and never the secret', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const world = createWorld(join(folder, 'p.db'))
  const { key, text } = await world.keys.create(REQUEST)
  const { text: fresh } = await world.keys.rotate(key.id, DAY_MS)
  await world.keys.authenticate(apiKey(text))
  await world.keys.flush()
  const dump = (): string =>
    readdirSync(folder)
      .map((name) => readFileSync(join(folder, name), 'latin1'))
      .join()
  const before = dump()
  await world.store.close()
  for (const bytes of [before, dump()]) {
    assert.ok(bytes.includes(key.id))
    for (const secret of [text, fresh]) {
      const raw = secret.reveal()
      assert.ok(!bytes.includes(raw.slice(17, 49)))
      assert.ok(!bytes.includes(raw.slice(-12)))
    }
  }
})

test('no view of a key holds its hash', async () => {
  const world = createWorld()
  const issued = await world.keys.create(REQUEST)
  await world.keys.rotate(issued.key.id, DAY_MS)
  const shown = JSON.stringify([issued, await world.keys.list(), await world.keys.find(issued.key.id)])
  assert.doesNotMatch(shown, /hash|previous|secret":"[^[]/)
  assert.match(shown, /"text":"\[secret\]"/)
})

test('a hash that was copied to the record of another key opens nothing', async () => {
  const world = createWorld()
  const mine = await world.keys.create(REQUEST)
  const theirs = await world.keys.create({ ...REQUEST, roles: ['admin'] })
  const record = await world.store.get(KEYS.keyRecord(mine.key.id))
  assert.ok(typeof record === 'object' && record !== null && !Array.isArray(record) && 'hash' in record)
  const target = await world.store.get(KEYS.keyRecord(theirs.key.id))
  assert.ok(typeof target === 'object' && target !== null && !Array.isArray(target))
  await world.store.put(KEYS.keyRecord(theirs.key.id), { ...target, hash: record['hash'] })
  const text = mine.text.reveal()
  assert.match(await isRefused(world, writeKey('mcp', { id: theirs.key.id, secret: text.slice(17, 49) })), /is wrong/)
})

test('a damaged record denies', async () => {
  const world = createWorld()
  const { key, text } = await world.keys.create(REQUEST)
  await world.store.put(KEYS.keyRecord(key.id), { id: key.id, status: 'active' })
  await assert.rejects(async () => world.keys.authenticate(apiKey(text)), { code: 'FAULT_STORE' })
})
