/** An attack as operators see it: a key is guessed at, stolen, and used to carry data away, against a gateway and a server that are processes of their own. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Report } from '../../src/audit/report.ts'
import { loadConfig } from '../../src/config/load.ts'
import { Secret } from '../../src/core/secret.ts'
import { openRecords } from '../../src/guard/records.ts'
import { mintSecret, writeKey } from '../../src/identity/key-text.ts'
import { Accounts } from '../../src/oauth/accounts.ts'
import { Browser } from '../dashboard/form-browser.ts'
import { callFrom, codeOf } from '../fixtures/caller.ts'
import { type GatewayProcess, startGateway } from '../fixtures/gateway-process.ts'
import { CHROMIUM, openTab, type Tab } from '../oauth/chromium.ts'
import { PASSWORD } from './approval-world.ts'

const FILES = fileURLToPath(import.meta.resolve('@modelcontextprotocol/server-filesystem/dist/index.js'))
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const OWNER = '127.0.0.1'
const GUESSER = '127.9.0.1'
const THIEF = '127.20.0.1'
const TOOL = { kind: 'tool', server: 'files', name: 'read_text_file' } as const

const SETTINGS = {
  admin: '127.0.0.1:0',
  servers: { files: { command: [process.execPath, FILES, './data'], sandbox: 'off' } },
  inspect: { definitions: { pin: false } },
  anomalies: { reactions: { exfiltration: 'block' } },
  access: {
    roles: { reader: { permissions: ['files:read'] }, admin: {} },
    tools: { 'files/read_*': { permission: 'files:read' } },
  },
}

/** Somebody who administers, files worth stealing, and a key whose owner has worked for eight days, at this hour. */
async function prepare(file: string): Promise<string> {
  const data = join(dirname(file), 'data')
  mkdirSync(data)
  writeFileSync(join(data, 'notes.txt'), 'nothing of interest\n')
  writeFileSync(join(data, 'customers.txt'), 'Ann Example, Long Street 1\n'.repeat(40_000))
  let now = Date.now() - 8 * DAY_MS
  const config = loadConfig(file)
  const { store, keys, journal, close } = openRecords(config, { node: 'before', onFault: (fault) => assert.fail(fault), clock: () => now })
  await new Accounts(store, () => now).add('alice', new Secret(PASSWORD), ['admin'])
  const { key, text } = await keys.create({ name: 'reports', roles: ['reader'], createdBy: 'test' })
  const call = {
    type: 'call.ended',
    outcome: 'permitted',
    method: 'tools/call',
    action: 'call',
    resource: TOOL,
    transport: 'http',
  } as const
  for (; now < Date.now() - HOUR_MS; now += DAY_MS)
    for (let nth = 0; nth < 4; nth++)
      await journal.write({
        ...call,
        principal: `key#${key.id}`,
        kind: 'service',
        roles: ['reader'],
        address: OWNER,
        bytes: 20_000,
        tookMs: 4,
      })
  await close()
  return text.reveal()
}

async function aGatewayOf(t: TestContext): Promise<{ readonly gateway: GatewayProcess; readonly key: string }> {
  let key = ''
  const gateway = await startGateway(SETTINGS, async (file) => {
    key = await prepare(file)
  })
  t.after(() => gateway.stop())
  return { gateway, key }
}

test('a guessed, stolen and misused key is seen in report, numbers, anomalies and dashboard, with who was turned away and what was told', async (t) => {
  const { gateway, key } = await aGatewayOf(t)
  const id = key.slice(4, 16)
  const read = (from: string, credential: string, name: string) =>
    callFrom(from, `${gateway.url.replace('localhost', '127.0.0.1')}/mcp`, { 'x-api-key': credential }, 'tools/call', {
      name: TOOL.name,
      arguments: { path: join(gateway.folder, 'data', name) },
    })
  const alice = new Browser(gateway.admin)
  await alice.signIn('alice')
  const tab = CHROMIUM === undefined ? undefined : await openTab(t, CHROMIUM)
  await tab?.open(`${gateway.admin}/sign-in?next=/anomalies`)
  await tab?.look(`document.querySelector('#name').focus()`)
  await tab?.pressOn('alice', 'Tab', PASSWORD, 'Enter')

  assert.equal((await read(OWNER, key, 'notes.txt')).status, 200)
  const guess = () => read(GUESSER, writeKey('mcp', { id, secret: mintSecret() }), 'notes.txt')
  let guesses = 0
  while (codeOf(await guess()) === 'invalid_token') guesses++
  assert.equal(codeOf(await read(GUESSER, key, 'notes.txt')), 'rate_limited')
  let thefts = 0
  while (codeOf(await read(THIEF, key, 'customers.txt')) !== 'rate_limited') assert.ok(thefts++ < 100)
  assert.equal((await read(OWNER, key, 'notes.txt')).status, 200)

  await t.test('in the report, for people and for programs, and for nobody else', () => isReported(gateway, alice, { id, guesses }))
  await t.test('in the numbers', () => isCounted(gateway, guesses))
  await t.test('on the command line', async () => {
    const told = JSON.parse(await gateway.cli('anomaly', 'list', '--json')) as readonly { anomaly: { kind: string; reaction: string } }[]
    assert.deepEqual(
      told.map(({ anomaly }) => `${anomaly.kind} ${anomaly.reaction}`),
      ['credential_burst alert', 'credential_burst alert', 'many_networks alert', 'exfiltration block'],
    )
  })
  await t.test('on the dashboard, while it happened and afterwards', { skip: tab === undefined }, async () => {
    if (tab !== undefined) await isShown(tab, gateway)
    assert.equal((await read(THIEF, key, 'notes.txt')).status, 200)
  })
})

interface Done {
  readonly id: string
  readonly guesses: number
}

async function isReported({ admin }: GatewayProcess, alice: Browser, { id, guesses }: Done): Promise<void> {
  const { status, headers, text } = await alice.get('/api/report?since=1h')
  assert.deepEqual([status, headers.get('content-type')], [200, 'application/json; charset=utf-8'])
  const { sections, answered } = JSON.parse(text) as Report
  assert.deepEqual(sections.authentication.by.address, [{ name: GUESSER, count: guesses }])
  assert.deepEqual(sections.blocks.by.address, [{ name: `${GUESSER}/32`, count: 1 }])
  assert.equal(sections.unusual.count, 4)
  const [most] = answered.by.principal
  assert.equal(most?.name, `key#${id}`)
  assert.ok(most.count > 6 * 1024 ** 2)
  assert.deepEqual(answered.by.tool, [{ name: 'files/read_text_file', count: most.count }])
  const markdown = await alice.get('/api/report?since=1h&format=markdown')
  assert.match(markdown.text, /## Data that left: \d{7,} bytes\n\n- by principal: `key#/)
  assert.match((await alice.get('/reports?since=1h')).text, /<h2>Blocked addresses: 1<\/h2>/)
  for (const path of ['/api/report?since=1y', '/api/report?format=xml']) assert.equal((await alice.get(path)).status, 400)
  const stranger = await new Browser(admin).get('/api/report')
  assert.deepEqual([stranger.status, stranger.text], [401, '{"error":"sign in first"}\n'])
}

async function isCounted({ admin }: GatewayProcess, guesses: number): Promise<void> {
  const lines = (await (await fetch(`${admin}/metrics`)).text()).split('\n')
  const numbers = [
    'portcullis_events_total{type="address.blocked"} 1',
    `portcullis_calls_total{server="files",outcome="denied",denial="invalid_token"} ${guesses}`,
    'portcullis_anomalies_total{kind="credential_burst",severity="medium",reaction="alert"} 2',
    'portcullis_anomalies_total{kind="many_networks",severity="high",reaction="alert"} 1',
    'portcullis_anomalies_total{kind="exfiltration",severity="high",reaction="block"} 1',
  ]
  assert.deepEqual(
    numbers.filter((number) => !lines.includes(number)),
    [],
  )
}

async function isShown(tab: Tab, { admin }: GatewayProcess): Promise<void> {
  // Nobody opened the page again: it was open before the attack began.
  await tab.wait(`new Promise((done) => {
    const look = () => document.querySelectorAll('#unusual tr').length === 4 && done(true)
    if (!look()) new MutationObserver(look).observe(document.body, { subtree: true, childList: true })
  })`)
  assert.match(
    String(await tab.look(`document.querySelector('#unusual').textContent`)),
    /much data taken.*high.*127\.20\.0\.1\/32.*blocked until/,
  )
  await tab.act(`document.querySelector('#unusual a').click()`)
  const evidence = Number(await tab.look(`document.querySelectorAll('#evidence tr').length`))
  assert.ok(evidence > 1, `${evidence} events`)
  await tab.act(`document.querySelector('#evidence a').click()`)
  assert.match(String(await tab.look('document.title')), /^Call of tools\/call files\/read_text_file/)
  await tab.open(`${admin}/`)
  assert.equal(await tab.look(`document.querySelector('a#unusual').textContent`), '4 things were far from usual in the last day')
  for (const address of [OWNER, GUESSER, THIEF])
    assert.ok(await tab.look(`document.querySelector('#addresses').textContent.includes(${JSON.stringify(address)})`), address)
  await tab.open(`${admin}/blocks`)
  assert.ok(await tab.look(`document.querySelector('#blocks').textContent.includes('${GUESSER}/32')`))
  await tab.act(`document.querySelector('#held a').click()`)
  await tab.act(`document.querySelector('main button.first').click()`)
  assert.equal(await tab.look(`document.querySelector('h1').textContent`), 'Done')
  assert.deepEqual(tab.complaints, [])
}
