/** What the pages change, whom they let, and what history says of it: without a browser's help, and without script. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Secret } from '../../src/core/secret.ts'
import { type Catalog, catalogRoutes, type Drift } from '../../src/dashboard/catalog.ts'
import type { DashboardParts, Visit } from '../../src/dashboard/parts.ts'
import { Clients } from '../../src/oauth/clients.ts'
import { aWorld, PASSWORD, type World } from '../journeys/approval-world.ts'
import { Browser, csrfIn } from './form-browser.ts'

let world: World
let admin: Browser
before(async () => {
  world = await aWorld('off')
  admin = new Browser(world.admin)
  await admin.signIn('alice')
})
after(() => world[Symbol.asyncDispose]())

/** Asks on the page of a deed, and does it. */
async function act(
  path: string,
  fields: Readonly<Record<string, string>>,
): Promise<{ readonly status: number; readonly title: string | undefined }> {
  const page = await admin.get(`${path}?${new URLSearchParams(fields)}`)
  const { status, text } = page.status === 200 ? await admin.send(path, { ...fields, csrf: csrfIn(page.text) }) : page
  return { status, title: /<h1>([^<]*)/.exec(text)?.[1] }
}

const lastEvent = async (): Promise<object> => {
  const { type, by, detail, principal, client, address } = (await world.house.events()).at(-1) ?? {}
  return JSON.parse(JSON.stringify({ type, by, detail, principal, client, address }))
}

describe('a deed', () => {
  test('is asked about, done, and in history as the command line would have written it, by who did it', async () => {
    const { keys, limits, store, clock } = world.house.gateway.house
    const { key } = await keys.create({ name: 'ci', roles: ['agent'], createdBy: 'test' })
    const clients = new Clients(store, clock)
    await clients.add({ id: 'desk', name: 'Desk', grants: ['refresh_token'], redirectUris: [], roles: [], createdBy: 'test' })
    await world.accounts.add('bob', new Secret(PASSWORD), ['agent'])
    const by = 'local#alice'

    assert.equal((await act('/keys/revoke', { id: key.id })).title, 'Done')
    const expires = new Date(key.expiresAt)
      .toISOString()
      .replace('T', ' ')
      .replace(/\.\d+Z$/, 'Z')
    assert.deepEqual(await lastEvent(), { type: 'key.revoked', by, principal: `key#${key.id}`, detail: `ci, expires ${expires}` })
    assert.equal((await keys.find(key.id))?.status, 'revoked')

    assert.equal((await act('/users/disable', { name: 'bob' })).title, 'Done')
    assert.deepEqual(await lastEvent(), { type: 'user.changed', by, detail: 'bob: disabled' })
    assert.equal((await act('/users/enable', { name: 'bob' })).title, 'Done')
    assert.deepEqual((await world.accounts.list()).find(({ name }) => name === 'bob')?.status, 'active')

    assert.equal((await act('/clients/remove', { id: 'desk' })).title, 'Done')
    assert.deepEqual(await lastEvent(), { type: 'client.removed', by, client: 'desk', detail: 'Desk: refresh-token' })
    assert.deepEqual(await clients.list(), [])

    assert.equal((await act('/blocks/add', { range: '203.0.113.7', for: '' })).title, 'Done')
    assert.deepEqual(await lastEvent(), { type: 'address.blocked', by, address: '203.0.113.7/32', detail: 'until it is removed' })
    assert.ok(limits.blocks.untilOf('203.0.113.7') > 0)
    assert.equal((await act('/blocks/remove', { range: '203.0.113.7/32' })).title, 'Done')
    assert.deepEqual(await lastEvent(), { type: 'address.unblocked', by, address: '203.0.113.7/32', detail: 'let in again' })
    assert.equal(limits.blocks.untilOf('203.0.113.7'), 0)
  })

  test('on nothing, on nonsense or on oneself is refused with its reason, and writes nothing', async () => {
    const before = (await world.house.events()).length
    const tries = [
      await act('/keys/revoke', { id: 'nonesuch0000' }),
      await act('/users/disable', { name: 'nobody' }),
      await act('/users/disable', { name: 'alice' }),
      await act('/blocks/add', { range: 'everywhere', for: '' }),
      await act('/blocks/add', { range: '203.0.113.7', for: 'long' }),
      await act('/blocks/remove', { range: '203.0.113.200' }),
    ]
    assert.deepEqual([tries.map(({ status }) => status), (await world.house.events()).length], [[404, 404, 409, 409, 409, 404], before])
  })

  test('without its form, with the form of another page or of another browser, is not done', async () => {
    const { keys } = world.house.gateway.house
    const { key } = await keys.create({ name: 'kept', roles: ['agent'], createdBy: 'test' })
    const other = new Browser(world.admin)
    await other.signIn('carol')
    const csrf = csrfIn((await admin.get(`/keys/revoke?id=${key.id}`)).text)
    const elsewhere = csrfIn((await admin.get('/blocks/add?range=203.0.113.9')).text)
    const tries = [
      await admin.send('/keys/revoke', { id: key.id }),
      await admin.send('/keys/revoke', { id: key.id, csrf: elsewhere }),
      await other.send('/keys/revoke', { id: key.id, csrf }),
      await admin.send('/keys/revoke', { id: key.id, csrf }, { origin: 'https://evil.example' }),
      await admin.send('/keys/revoke', { id: key.id, csrf }, { 'sec-fetch-site': 'cross-site' }),
    ]
    assert.deepEqual([tries.map(({ status }) => status), (await keys.find(key.id))?.status], [[403, 403, 403, 403, 403], 'active'])
  })
})

describe('who looks', () => {
  test('and is not signed in is sent to sign in from every page, and told nothing', async () => {
    const stranger = new Browser(world.admin)
    const paths = [
      '/',
      '/live',
      '/events',
      '/anomalies',
      '/anomalies/0192f0a0-0000-7000-8000-000000000000',
      '/reports',
      '/blocks/release',
      '/calls/0192f0a0-0000-7000-8000-000000000000',
      '/keys',
      '/keys/revoke',
      '/users',
      '/clients',
      '/blocks',
      '/catalog',
      '/playground',
      '/journal',
    ]
    const answers = await Promise.all(paths.map((path) => stranger.get(path)))
    assert.deepEqual(
      answers.map(({ status, text }) => [status, text]),
      paths.map(() => [303, '']),
    )
  })

  test('without script and asks the law is answered with its policies', async () => {
    const { text } = await admin.get('/playground')
    const asked = { csrf: csrfIn(text), as: 'role:agent', kind: 'tool', server: 'tools', name: 'delete' }
    const answers = [
      await admin.send('/playground', { ...asked, args: '{}' }),
      await admin.send('/playground', { ...asked, name: 'other', args: '{}' }),
    ]
    assert.deepEqual(
      answers.map((answer) => /<h2 class="(?:good|bad)">([^<]*)/.exec(answer.text)?.[1]),
      ['Forbidden', 'Permitted'],
    )
    assert.match(answers[0]?.text ?? '', /It would help<\/dt><dd>approval/)
    assert.match((await admin.send('/playground', { ...asked, args: '[]' })).text, /must be a JSON object/)
    assert.match((await admin.send('/playground', { ...asked, as: 'role:nobody' })).text, /nobody of that name/)
  })

  test('has the journal proved whole, one proof at a time', async () => {
    const { text } = await admin.get('/journal')
    assert.equal((await admin.send('/journal', { csrf: csrfIn(text) })).status, 303)
    let page = await admin.get('/journal')
    while (page.text.includes('Under way')) {
      await nextTurn()
      page = await admin.get('/journal')
    }
    assert.match(page.text, /The journal is whole/)
  })

  test('is told the whole story of a call: its beginning, its approval and its end', async () => {
    await world.call('delete', { path: '/x' }, await world.key())
    const call = (await world.house.events()).findLast(({ type, call: id }) => type === 'call.ended' && id !== undefined)?.call
    const { text } = await admin.get(`/calls/${call}`)
    assert.match(text, /approval_required/)
    assert.match(text, /<h3>approval\.requested<\/h3>[\s\S]*<h3>call\.ended: denied<\/h3>/)
    assert.match(text, /path: string:2/)
    assert.equal((await admin.get('/calls/0192f0a0-0000-7000-8000-000000000000')).status, 404)
  })

  test('live, is shown nothing more from the moment when their role is taken', async () => {
    const carol = new Browser(world.admin)
    await carol.signIn('carol')
    const live = await fetch(`${world.admin}/live?view=events`, { headers: { cookie: carol.cookie } })
    assert.equal(live.headers.get('content-type'), 'text/event-stream')
    await world.accounts.setRoles('carol', ['agent'])
    // Ends by itself.
    await live.text()
    assert.equal((await carol.get('/')).status, 303)
  })
})

test('a definition that is withheld is shown line by line, and settled once by who looked', async () => {
  const drift: Drift = {
    server: 'tools',
    kind: 'tool',
    name: 'delete',
    digest: 'abc',
    why: 'changed',
    marks: ['hidden text at /description'],
    at: 0,
  }
  const settled: unknown[] = []
  const catalog: Catalog = {
    list: async () => (settled.length === 0 ? [drift] : []),
    diff: async () => [
      { sign: '-', text: '"description": "deletes"' },
      { sign: '+', text: '"description": "deletes\u202e <b>"' },
    ],
    settle: async (of, says, by) => void settled.push([of.name, says, by]),
  }
  const routes = catalogRoutes({ catalog } as unknown as DashboardParts)
  const person = { subject: 'alice', name: 'alice', roles: ['admin'], isAdmin: true, isApprover: true }
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://x')
    const route = routes.find(({ path }) => path.test(url.pathname))
    const visit: Visit = {
      request,
      response,
      path: url.pathname,
      query: url.searchParams,
      parts: [],
      person,
      id: 'x',
      formFor: (_of, action = '') => ({ action, csrf: 'c' }),
    }
    void (request.method === 'GET' ? route?.get?.(visit) : route?.post?.(visit, url.searchParams))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const of = `/catalog/approve?${new URLSearchParams({ server: 'tools', kind: 'tool', name: 'delete', digest: 'abc' })}`
  const list = await (await fetch(`${at}/catalog`)).text()
  assert.match(list, /hidden text at \/description/)
  assert.match(await (await fetch(at + of)).text(), /<del>- [^<]*<\/del><br><ins>\+ [^<]*\\u202e &lt;b&gt;/)
  assert.match(await (await fetch(at + of, { method: 'POST' })).text(), /may be used as it is now/)
  assert.match(await (await fetch(at + of, { method: 'POST' })).text(), /not withheld any more/)
  assert.deepEqual(settled, [['delete', 'approve', 'local#alice']])
  server.closeAllConnections()
  server.close()
})
