/** The admin listener as people, agents and strangers meet it. */
import assert from 'node:assert/strict'
import { request as httpRequest } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { JsonObject } from '../../src/core/json.ts'
import { Secret } from '../../src/core/secret.ts'
import { isSigned, signedHeaders } from '../../src/core/signature.ts'
import { aWorld, codeOf, PASSWORD, remedyOf, SECRET, type World } from '../journeys/approval-world.ts'
import { Browser, csrfIn } from './form-browser.ts'

const HIDDEN = 'rm -rf /\u202e\u2066 <b>harmless</b>\nsecond line'

let world: World
before(async () => {
  world = await aWorld('off')
})
after(() => world[Symbol.asyncDispose]())

async function aRequest(args: JsonObject): Promise<{ readonly id: string; readonly key: string; again(): Promise<unknown> }> {
  const key = await world.key()
  const call = () => world.call('delete', args, key)
  return { key, id: String(remedyOf((await call()).body)['id']), again: async () => codeOf((await call()).body) }
}

const aBrowser = (): Browser => new Browser(world.admin)
const statusOf = async (id: string): Promise<unknown> => (await world.house.gateway.house.approvals.get(id))?.status

describe('a person', () => {
  test('signs in, is shown the whole call, and approves it', async () => {
    const { id, again } = await aRequest({ path: HIDDEN, more: 'x'.repeat(20_000) })
    const browser = aBrowser()
    const away = await browser.get(`/approvals/${id}`)
    assert.deepEqual([away.status, away.headers.get('location')], [303, `/sign-in?next=${encodeURIComponent(`/approvals/${id}`)}`])
    const signedIn = await browser.signIn('alice', PASSWORD, `/approvals/${id}`)
    assert.deepEqual([signedIn.status, signedIn.headers.get('location')], [303, `/approvals/${id}`])
    assert.match(String(signedIn.set), /^portcullis-admin=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/)
    const page = await browser.get(`/approvals/${id}`)
    assert.match(
      String(page.headers.get('content-security-policy')),
      /^default-src 'none'; script-src 'self'; style-src 'self'; .*form-action 'self'; frame-ancestors 'none'.*trusted-types 'none'$/,
    )
    assert.ok(
      page.text.includes('rm -rf /\\u202e\\u2066 &lt;b&gt;harmless&lt;/b&gt;\\nsecond line') && page.text.includes('x'.repeat(20_000)),
    )
    assert.ok(!/[\u202e\u2066]|<script/.test(page.text))
    const settled = await browser.send(`/approvals/${id}`, { csrf: csrfIn(page.text), action: 'approve' })
    assert.deepEqual([settled.status, await again(), await again()], [200, 'ok', 'approval_required'])
    assert.equal((await browser.send(`/approvals/${id}`, { csrf: csrfIn(page.text), action: 'approve' })).status, 409)
  })

  test('is shown what stands beside the arguments, as what it is', async () => {
    const refused = await world.call('delete', { path: '/beside' }, await world.key(), { _meta: { 'e.com/x': HIDDEN } })
    const id = String(remedyOf(refused.body)['id'])
    const browser = aBrowser()
    await browser.signIn('alice', PASSWORD, `/approvals/${id}`)
    const page = await browser.get(`/approvals/${id}`)
    assert.ok(
      page.text.includes('Beside the arguments') && page.text.includes('rm -rf /\\u202e\\u2066 &lt;b&gt;harmless&lt;/b&gt;\\nsecond line'),
    )
    assert.ok(!/[\u202e\u2066]|<b>harmless/.test(page.text))
  })

  test('who has no account, a wrong password or no right to approve is told the same, and history says which', async () => {
    const before = (await world.house.events()).length
    for (const [name, password] of [
      ['nobody', PASSWORD],
      ['alice', 'wrong'],
      ['mallory', PASSWORD],
    ] as const) {
      const browser = aBrowser()
      const refused = await browser.signIn(name, password)
      assert.deepEqual(
        [refused.status, /role="alert">([^<]*)/.exec(refused.text)?.[1]],
        [401, 'This name and password do not belong together, or may not approve.'],
      )
      assert.equal((await browser.get('/approvals')).status, 303)
    }
    const events = (await world.house.events()).slice(before).map(({ type, denial }) => [type, denial])
    assert.deepEqual(events, [
      ['oauth.sign_in_refused', 'invalid_token'],
      ['oauth.sign_in_refused', 'invalid_token'],
      ['oauth.sign_in_refused', 'forbidden'],
    ])
  })

  test('whose password or role is changed is out at once', async () => {
    const changes = [
      () => world.accounts.setPassword('carol', new Secret(`${PASSWORD} again`)),
      () => world.accounts.setRoles('carol', ['agent']),
    ]
    for (const [at, change] of changes.entries()) {
      const browser = aBrowser()
      await browser.signIn('carol', at === 0 ? PASSWORD : `${PASSWORD} again`)
      assert.equal((await browser.get('/approvals')).status, 200)
      world.now += 1
      await change()
      assert.equal((await browser.get('/approvals')).status, 303)
    }
  })

  test('who signs out is out at once, and the cookie is good for nothing more', async () => {
    const browser = aBrowser()
    await browser.signIn('alice')
    const { text } = await browser.get('/approvals')
    const cookie = browser.cookie
    assert.equal((await browser.send('/sign-out', { csrf: csrfIn(text) })).status, 303)
    browser.cookie = cookie
    assert.equal((await browser.get('/approvals')).status, 303)
  })

  test('is not sent anywhere else by a link to the sign-in', async () => {
    for (const next of ['//evil.example', 'https://evil.example', '/approvals/../x', '/\\evil.example'])
      assert.equal((await aBrowser().signIn('alice', PASSWORD, next)).headers.get('location'), '/')
  })
})

describe('a form', () => {
  test('of another page, another browser or another site settles nothing', async () => {
    const { id } = await aRequest({ path: '/csrf' })
    const [browser, other] = [aBrowser(), aBrowser()]
    await browser.signIn('alice')
    await other.signIn('alice')
    const mine = csrfIn((await browser.get(`/approvals/${id}`)).text)
    const list = csrfIn((await browser.get('/approvals')).text)
    const path = `/approvals/${id}`
    const tries = [
      await browser.send(path, { action: 'approve' }),
      await browser.send(path, { action: 'approve', csrf: list }),
      await other.send(path, { action: 'approve', csrf: mine }),
      await browser.send(path, { action: 'approve', csrf: mine }, { 'sec-fetch-site': 'cross-site' }),
      await browser.send(path, { action: 'approve', csrf: mine }, { origin: 'https://evil.example' }),
    ]
    assert.deepEqual([tries.map(({ status }) => status), await statusOf(id)], [[403, 403, 403, 403, 403], 'pending'])
    assert.equal((await browser.send(path, { action: 'perhaps', csrf: mine })).status, 400)
  })

  test('under a host name that is not ours is not even looked at', async () => {
    const { port } = new URL(world.admin)
    const status = await new Promise((resolve, reject) => {
      const asked = httpRequest({ host: '127.0.0.1', port, path: '/approvals', headers: { host: 'rebound.example' } }, (res) => {
        res.resume().on('end', () => resolve(res.statusCode))
      })
      asked.on('error', reject).end()
    })
    assert.equal(status, 400)
    const denied = (await world.house.events()).filter(({ denial }) => denial === 'foreign_host')
    assert.equal(denied.length, 1)
  })
})

describe('an agent', () => {
  test('that tries to approve its own call, with its own key or any form, changes nothing', async () => {
    const { id, key } = await aRequest({ path: '/self' })
    const credential = { 'x-api-key': key, authorization: `Bearer ${key}` }
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    const word = JSON.stringify({ id, decision: 'approve', by: 'alice' })
    const tries = [
      [world.admin, { ...credential, ...form }, 'action=approve'],
      [world.admin, { ...credential, 'content-type': 'application/json' }, word],
      [world.admin, { ...credential, ...signedHeaders(new Secret('of the agent'), word, world.now) }, word],
      [world.house.url, { ...credential, ...form }, 'action=approve'],
      [world.house.url, { ...credential, 'content-type': 'application/json' }, word],
    ] as const
    const statuses: number[] = []
    for (const [url, headers, body] of tries) {
      const { status } = await fetch(`${url}/approvals/${id}`, { method: 'POST', headers, body, redirect: 'manual' })
      statuses.push(status)
    }
    assert.deepEqual([statuses, await statusOf(id)], [[303, 401, 401, 404, 404], 'pending'])
  })
})

describe('a webhook', () => {
  const send = (id: string, said: JsonObject, headers?: Readonly<Record<string, string>>): Promise<Response> => {
    const body = JSON.stringify(said)
    const signed = headers ?? signedHeaders(new Secret(SECRET), body, world.now)
    return fetch(`${world.admin}/approvals/${id}`, { method: 'POST', headers: { 'content-type': 'application/json', ...signed }, body })
  }

  test('is told of what is asked, whole and signed', async () => {
    const before = world.notices.length
    const { id } = await aRequest({ path: HIDDEN })
    while (world.notices.length === before) await nextTurn()
    const notice = world.notices[before]
    assert.ok(notice)
    const { headers, body } = notice
    const said = { timestamp: String(headers['portcullis-timestamp']), signature: String(headers['portcullis-signature']) }
    assert.ok(isSigned(new Secret(SECRET), body, said, world.now))
    assert.ok(!isSigned(new Secret(SECRET), `${body} `, said, world.now))
    assert.ok(!isSigned(new Secret(SECRET), body, said, world.now + 6 * 60_000))
    const { id: told, url, arguments: args } = JSON.parse(body)
    assert.deepEqual([told, url, JSON.parse(args)], [id, `${world.admin}/approvals/${id}`, { path: HIDDEN }])
  })

  test('settles in the name of somebody who may, and the same request settles nothing twice', async () => {
    const { id, again } = await aRequest({ path: '/hook' })
    const yes = { id, decision: 'approve', by: 'alice' }
    const headers = signedHeaders(new Secret(SECRET), JSON.stringify(yes), world.now)
    const settled = await send(id, yes, headers)
    assert.deepEqual([settled.status, await settled.json()], [200, { id, status: 'approved' }])
    assert.equal(await again(), 'ok')
    assert.equal(await again(), 'approval_required')
    assert.equal((await send(id, yes, headers)).status, 401)
    const by = (await world.house.events()).findLast(({ type }) => type === 'approval.approved')?.by
    assert.equal(by, 'local#alice')
  })

  test('is refused for another approval, an old time, a stranger, and somebody who may not', async () => {
    const [{ id }, other] = [await aRequest({ path: '/one' }), await aRequest({ path: '/two' })]
    const yes = { id, decision: 'approve', by: 'alice' }
    const statuses = [
      await send(other.id, yes),
      await send(id, yes, signedHeaders(new Secret(SECRET), JSON.stringify(yes), world.now - 6 * 60_000)),
      await send(id, yes, signedHeaders(new Secret('another'), JSON.stringify(yes), world.now)),
      await send(id, { ...yes, by: 'mallory' }),
      await send(id, { ...yes, by: 'nobody' }),
      await send(id, { ...yes, decision: 'perhaps' }),
    ].map(({ status }) => status)
    assert.deepEqual([statuses, await statusOf(id), await statusOf(other.id)], [[400, 401, 401, 403, 403, 400], 'pending', 'pending'])
  })
})
