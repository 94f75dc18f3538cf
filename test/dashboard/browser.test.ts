/** The dashboard as a person meets it, in a real Chromium: every page, by keyboard, in both schemes, on a phone, and under attack. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import axe from 'axe-core'
import type { Entry } from '../../src/core/event.ts'
import { Clients } from '../../src/oauth/clients.ts'
import { post } from '../fixtures/gateway.ts'
import { aWorld, codeOf, PASSWORD, remedyOf, type World } from '../journeys/approval-world.ts'
import { CHROMIUM, openTab, type Tab } from '../oauth/chromium.ts'
import { anHour } from './hour.ts'
import { PAYLOADS } from './payloads.ts'

const DESK = { width: 1280, height: 900 }
const PHONE = { width: 390, height: 800 }
const PAGES = [
  '/',
  '/?window=day',
  '/events?outcome=failed',
  '/anomalies',
  '/reports?since=1h',
  '/approvals',
  '/keys',
  '/users',
  '/clients',
  '/blocks',
  '/catalog',
  '/playground',
  '/journal',
]

/** The same tables as `/keys`, the same charts as `/`. */
const ALIKE = ['/?window=day', '/users', '/clients']

let world: World
before(async () => {
  world = await aWorld('off')
  await anHour(world)
})
after(() => world[Symbol.asyncDispose]())

/** From the page that an agent was told of, back to it. */
async function signIn(tab: Tab): Promise<void> {
  const key = await world.key()
  const hidden = { path: 'rm -rf /\u202e\u2066 <b>harmless</b>\nsecond line' }
  const id = String(remedyOf((await world.call('delete', hidden, key)).body)['id'])
  await tab.open(`${world.admin}/approvals/${id}`)
  assert.equal(await tab.look('document.title'), 'Sign in')
  // No pointer: the first field is three keys away, the button is the key after the last.
  await tab.look(`document.querySelector('#name').focus()`)
  await tab.pressOn('alice', 'Tab', PASSWORD, 'Enter')
  assert.equal(await tab.look('document.title'), 'Approve tools/delete')
  const shown = '{\n  "path": "rm -rf /\\u202e\\u2066 <b>harmless</b>\\nsecond line"\n}'
  assert.equal(await tab.look(`document.querySelector('.json').innerText.trim()`), shown)
  await tab.act(`document.querySelector('button[value=deny]').click()`)
  await tab.open(`${world.admin}/`)
}

async function keep(tab: Tab, name: string, page: string): Promise<void> {
  const folder = process.env['SCREENSHOTS']
  if (folder === undefined) return
  mkdirSync(folder, { recursive: true })
  await tab.open(world.admin + page)
  await until(
    tab,
    `document.querySelector('main[data-live]') === null || document.querySelector('.live [role=status]')?.textContent === 'Live'`,
  )
  writeFileSync(join(folder, `${name}.png`), await tab.picture())
}

const until = (tab: Tab, condition: string): Promise<unknown> =>
  tab.wait(`new Promise((done) => {
    const look = () => (${condition} ? done(true) : false)
    if (look()) return
    new MutationObserver((_, observer) => look() && observer.disconnect()).observe(document, { subtree: true, childList: true, characterData: true, attributes: true })
  })`)

/** What axe finds that keeps people out. */
async function barriers(tab: Tab, how: object = {}): Promise<unknown> {
  await tab.look(axe.source)
  return tab.wait(`axe.run(document, ${JSON.stringify({ ...how, preload: false, resultTypes: ['violations'] })}).then(({ violations }) => violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => id + ': ' + nodes.slice(0, 3).map(({ html }) => html.slice(0, 120)).join(' | ')))`)
}

test('in a real browser', { skip: CHROMIUM === undefined }, async (t) => {
  const tab = await openTab(t, CHROMIUM ?? '')
  await tab.emulate({ ...DESK, scheme: 'light' })
  await signIn(tab)
  assert.equal(await tab.look('document.title'), 'Overview')
  await t.test('a person sees what happens, and is kept from nothing by how it looks', async () => {
    await overview(tab)
    await looks(tab)
  })
  await t.test('a person settles an approval and revokes a key, by keyboard', async () => {
    await settles(tab)
    await revokes(tab)
  })
  await t.test('an attack is seen while it arrives', () => seesAttack(tab))
  await t.test('fifty texts that would be script are text, wherever they were planted', () => staysText(tab))
  assert.deepEqual(tab.complaints, [])
})

async function overview(tab: Tab): Promise<void> {
  const ended = (await world.house.events()).filter(({ type, at }) => type === 'call.ended' && at <= world.now)
  const shown = Number(String(await tab.look(`document.querySelector('#figure-calls').textContent`)).replaceAll(',', ''))
  assert.equal(shown, ended.length)
  await drawn(tab)
  assert.ok(await tab.look(`document.querySelector('#addresses').textContent.includes('203.0.113.66')`))
  // The page goes on by itself: what is called now is counted without anybody asking.
  await world.call('confirm', {}, 'mcp_nobody')
  await until(tab, `document.querySelector('#figure-calls').textContent.replaceAll(',', '') > ${shown}`)
  await until(tab, `document.querySelector('.live [role=status]').textContent === 'Live'`)
}

/** Charts are painted, and say by keyboard what the table says. */
async function drawn(tab: Tab): Promise<void> {
  const painted = await tab.look(`JSON.stringify([...document.querySelectorAll('.plot canvas')].map((canvas) =>
    canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value !== 0)))`)
  assert.equal(painted, '[true,true]')
  await tab.look(`document.querySelector('.plot').focus()`)
  await tab.press('ArrowLeft', 'ArrowLeft')
  const cells = `[...document.querySelectorAll('#bars-calls tr')].at(-2).cells`
  const [at, calls, refused] = JSON.parse(
    String(await tab.look(`JSON.stringify([...${cells}].map((cell) => cell.textContent))`)),
  ) as string[]
  assert.equal(await tab.look(`document.querySelector('.readout').textContent`), `${at}: calls ${calls}, refused ${refused}`)
}

async function looks(tab: Tab): Promise<void> {
  for (const scheme of ['light', 'dark'] as const) {
    await tab.emulate({ ...DESK, scheme })
    // All of what keeps people out once, on one page of each kind; what differs in the other scheme is contrast.
    for (const page of scheme === 'light' ? PAGES.filter((one) => !ALIKE.includes(one)) : ['/', '/playground']) {
      await tab.open(world.admin + page)
      assert.deepEqual([page, scheme, await barriers(tab, scheme === 'light' ? {} : { runOnly: ['color-contrast'] })], [page, scheme, []])
    }
    await keep(tab, `dashboard-${scheme}`, '/')
  }
  await tab.emulate({ ...PHONE, scheme: 'light' })
  for (const page of PAGES) {
    await tab.open(world.admin + page)
    assert.deepEqual([page, await tab.look('document.documentElement.scrollWidth <= innerWidth')], [page, true])
    await keep(tab, `phone${page.replaceAll(/\W/g, '-')}`, page)
  }
  await tab.emulate({ ...DESK, scheme: 'light' })
}

async function settles(tab: Tab): Promise<void> {
  const key = await world.key()
  const call = () => world.call('delete', { path: '/old' }, key)
  const id = String(remedyOf((await call()).body)['id'])
  await tab.open(`${world.admin}/`)
  await tab.act(`document.querySelector('.notice a').click()`)
  await tab.act(`document.querySelector('#approvals a[href="/approvals/${id}"]').click()`)
  assert.deepEqual(await barriers(tab), [])
  await tab.act(`document.querySelector('button[value=approve]').click()`)
  assert.deepEqual([await tab.look(`document.querySelector('h1').textContent`), codeOf((await call()).body)], ['Approved', 'ok'])
}

async function revokes(tab: Tab): Promise<void> {
  const { keys } = world.house.gateway.house
  const stolen = await keys.create({ name: 'stolen', roles: ['agent'], createdBy: 'test' })
  await tab.open(`${world.admin}/keys`)
  await tab.look(`document.querySelector('a[href$="revoke?id=${stolen.key.id}"]').focus()`)
  await tab.pressOn('Enter')
  assert.equal(await tab.look('document.title'), 'Revoke stolen?')
  assert.deepEqual(await barriers(tab), [])
  assert.equal((await keys.find(stolen.key.id))?.status, 'active')
  await tab.look(`document.querySelector('main button').focus()`)
  await tab.pressOn('Enter')
  const last = (await world.house.events()).findLast(({ type }) => type === 'key.revoked')
  assert.deepEqual(
    [(await keys.find(stolen.key.id))?.status, last?.by, last?.principal],
    ['revoked', 'local#alice', `key#${stolen.key.id}`],
  )
  const refused = await world.call('delete', {}, stolen.text.reveal())
  assert.equal(codeOf(refused.body), 'invalid_token')
}

async function seesAttack(tab: Tab): Promise<void> {
  await tab.open(`${world.admin}/events?outcome=denied&denial=invalid_token`)
  await until(tab, `document.querySelector('.live [role=status]')?.textContent === 'Live'`)
  const before = Number(await tab.look(`document.querySelectorAll('#events tr').length`))
  for (let guess = 0; guess < 3; guess++) await world.call('delete', {}, `mcp_guess${guess}`)
  await until(tab, `document.querySelectorAll('#events tr').length >= ${before + 3}`)
  // And what somebody planted arrives as text, too.
  const { journal, newId } = world.house.gateway.house
  const planted = PAYLOADS.map((_, at): Entry => ({ ...plantedIn(at, newId()), outcome: 'denied', denial: 'invalid_token' }))
  await Promise.all(planted.map((entry) => journal.write(entry)))
  await until(tab, `document.querySelectorAll('#events tr').length >= ${Math.min(before + 3 + PAYLOADS.length, 200)}`)
  assert.equal(await tab.look('window.__xss'), undefined)
}

/** An event in which every text that comes from outside is planted: each field another one, from this one on. */
function plantedIn(first: number, call: string): Entry {
  let next = first
  const text = (): string => PAYLOADS[next++ % PAYLOADS.length] ?? ''
  return {
    type: 'call.ended',
    outcome: 'permitted',
    call,
    principal: text(),
    roles: PAYLOADS,
    client: text(),
    tenant: text(),
    method: text(),
    resource: { kind: 'tool', server: text(), name: text() },
    address: text(),
    agent: text(),
    arguments: Object.fromEntries(PAYLOADS.map((name) => [name, name])),
    argumentsHash: text(),
    policies: PAYLOADS,
    law: text(),
    detail: text(),
    findings: PAYLOADS.map((planted) => ({ label: planted, detector: planted, pointer: planted, rule: planted })),
    trace: text(),
    by: text(),
    tookMs: 1,
  }
}

async function staysText(tab: Tab): Promise<void> {
  assert.equal(PAYLOADS.length, 50)
  const { journal, newId, keys, store, clock, limits, anomalies } = world.house.gateway.house
  const clients = new Clients(store, clock)
  const key = await world.key()
  const calls: string[] = []
  for (const [at, text] of PAYLOADS.entries()) {
    calls.push(newId())
    await keys.create({ name: text, owner: text, roles: [text], createdBy: text })
    await clients.add({ name: text, grants: ['refresh_token'], redirectUris: [], roles: [text], scopes: [text], createdBy: text })
    await limits.blocks.add(`198.51.100.${at}/32`, { by: text })
    await journal.write(plantedIn(at, calls[at] ?? ''))
    await anomalies?.reactions.add({ principal: text, place: text, reaction: 'block', kind: 'exfiltration', until: world.now + 900_000 })
    const anomaly = {
      kind: 'first_use',
      severity: 'low',
      subject: text,
      seen: 1,
      limit: 0,
      windowMs: 1,
      events: [text],
      reaction: 'alert',
    } as const
    await journal.write({ ...plantedIn(at, newId()), type: 'anomaly.detected', anomaly })
    // The same by the way that an attacker has: names, arguments, and what a client says of itself.
    const agent = { 'user-agent': text.replace(/[^ -~]/g, '?') }
    const params = {
      name: text,
      arguments: { [text]: text },
      _meta: { 'io.modelcontextprotocol/clientInfo': { name: text, version: text } },
    }
    await post(`${world.house.url}/mcp`, 'tools/call', params, { 'x-api-key': key, ...agent, 'mcp-name': 'x' })
    if (at % 17 === 0) await world.call('delete', { [text]: text }, await world.key())
  }
  const approvals = await world.pending()
  const asked = PAYLOADS.slice(4, 7).map(
    (text) => `/events?principal=${encodeURIComponent(text)}&tool=${encodeURIComponent(text)}&window=${encodeURIComponent(text)}`,
  )
  const questions = PAYLOADS.slice(21, 23).map((text) => `/playground?name=${encodeURIComponent(text)}&args=${encodeURIComponent(text)}`)
  const made = await clients.list()
  const deeds = [
    `/clients/remove?id=${made[3]?.id}`,
    `/blocks/remove?range=198.51.100.9/32`,
    `/blocks/release?${new URLSearchParams({ principal: PAYLOADS[7] ?? '', place: PAYLOADS[7] ?? '' })}`,
    `/anomalies/${(await world.house.events()).findLast(({ type }) => type === 'anomaly.detected')?.id}`,
    `/keys/revoke?id=${(await keys.list()).at(-1)?.id}`,
  ]
  const pages = [
    '/events',
    ...PAGES,
    ...calls.filter((_, at) => at % 20 === 0).map((call) => `/calls/${call}`),
    ...approvals.slice(0, 3).map(({ id }) => `/approvals/${id}`),
    ...asked,
    ...questions,
    ...deeds,
  ]
  for (const page of pages) {
    await tab.open(world.admin + page)
    const seen = await tab.look(
      `JSON.stringify([window.__xss ?? 0, document.title === 'Not found' || document.title === 'Not now' ? document.title : '', document.querySelectorAll('main img, main script, main iframe, main svg script, main style, main object, main [onerror], main [onload], main [onfocus], main a[href^="javascript:" i]').length])`,
    )
    assert.deepEqual([page, seen], [page, '[0,"",0]'])
  }
}
