/** The numbers of a gateway that runs: as Prometheus wants them, true, and with no label that a caller made up. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import { Metrics } from '../../src/audit/metrics.ts'
import { reportOf } from '../../src/audit/report.ts'
import type { Entry } from '../../src/core/event.ts'
import { callFrom } from '../fixtures/caller.ts'
import { aGateway, post } from '../fixtures/gateway.ts'

const SERVER = join(import.meta.dirname, '../fixtures/bare-stdio.ts')
const DASHBOARD = join(import.meta.dirname, '../../deploy/grafana/portcullis.json')

const CONFIG = `
admin: 127.0.0.1:0
inspect: { input: off }
servers: { one: { command: [${JSON.stringify(process.execPath)}, ${JSON.stringify(SERVER)}] } }
access: { roles: { reader: { permissions: ["*"] } }, tools: { "one/ok": { permission: "one:read" } } }
`

interface Scraped {
  readonly text: string
  readonly type: string | null
  readonly admin: string
}

async function scrape(context: TestContext): Promise<Scraped> {
  const there = await aGateway(CONFIG)
  context.after(() => there[Symbol.asyncDispose]())
  const authorization = `Bearer ${await there.key({ roles: ['reader'] })}`
  await post(`${there.url}/mcp/one`, 'tools/call', { name: 'forbidden', arguments: {} }, { authorization })
  await post(`${there.url}/mcp/one`, 'made/up', {}, { authorization })
  await post(`${there.url}/mcp/elsewhere`, 'tools/list', {}, { authorization })
  for (let i = 0; i < 3; i++) await post(`${there.url}/mcp/one`, 'tools/list', {}, { authorization: 'Bearer mcp_wrong' })
  const admin = there.admin ?? ''
  const response = await fetch(`${admin}/metrics`)
  return { text: await response.text(), type: response.headers.get('content-type'), admin }
}

it('tells what was called and refused, to promtool’s satisfaction, and draws it on a dashboard that asks for nothing else', async (context) => {
  const { text, type, admin } = await scrape(context)

  assert.equal(type, 'text/plain; version=0.0.4; charset=utf-8')
  assert.match(text, /^portcullis_calls_total\{server="one",outcome="denied",denial="not_found"\} 1$/m)
  assert.match(text, /^portcullis_calls_total\{server="one",outcome="denied",denial="(invalid_token|unauthenticated)"\} 3$/m)
  assert.match(
    text,
    /^mcp_server_operation_duration_seconds_bucket\{server="one",mcp_method_name="other",error_type="unknown_method",le="\+Inf"\} 1$/m,
  )
  assert.match(text, /^portcullis_store_up 1$/m)
  assert.doesNotMatch(text, /madeup|made\/up|elsewhere|forbidden/)

  const names = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name))
  const dashboard: { readonly panels: readonly { readonly targets: readonly { readonly expr: string }[] }[] } = JSON.parse(
    readFileSync(DASHBOARD, 'utf8'),
  )
  const asked = dashboard.panels
    .flatMap(({ targets }) => targets)
    .flatMap(({ expr }) => expr.match(/\b(portcullis|mcp|process|nodejs)_[a-z_]+/g) ?? [])
  assert.ok(asked.length > 20)
  const labels = new Set(['mcp_method_name'])
  for (const name of asked) assert.ok(labels.has(name) || names.has(name.replace(/_(bucket|count|sum)$/, '')), name)

  const answers = await Promise.all([
    fetch(`${admin}/metrics/x`).then(({ status }) => status),
    fetch(`${admin}/metrics`, { method: 'POST' }).then(({ status }) => status),
    fetch(`${admin}/metrics`, { headers: { origin: 'https://evil.example' } }).then(({ status }) => status),
  ])
  assert.deepEqual(answers, [404, 405, 403])

  const checked = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })
  if (checked.error !== undefined && process.env['CI'] === undefined)
    context.diagnostic('promtool is not installed (Debian: prometheus): NOT CHECKED')
  else assert.deepEqual([checked.status, checked.stdout, checked.stderr], [0, '', ''])
})

it('a guesser is seen in the numbers and in the report, with the address that was turned away', async () => {
  await using there = await aGateway(CONFIG)
  const guess = (): Promise<unknown> => callFrom('127.0.0.9', `${there.url}/mcp/one`, { authorization: 'Bearer mcp_wrong' })
  for (let i = 0; i < 12; i++) await guess()

  const text = await fetch(`${there.admin}/metrics`).then((response) => response.text())
  const { sections } = await reportOf(there.gateway.house.store, { since: 0, until: Date.now() + 1 })

  assert.match(text, /^portcullis_events_total\{type="address.blocked"\} 1$/m)
  assert.match(text, /^portcullis_calls_total\{server="one",outcome="denied",denial="invalid_token"\} \d+$/m)
  assert.deepEqual(
    sections.authentication.by.address.map(({ name }) => name),
    ['127.0.0.9'],
  )
  assert.ok(sections.authentication.count >= 10)
  assert.equal(sections.blocks.by.address[0]?.name.startsWith('127.0.0.9'), true)
})

it('keeps a bounded number of series, whatever is told', () => {
  const metrics = new Metrics({ servers: ['one'] })
  const entry: Entry = { type: 'call.ended', outcome: 'denied', method: 'tools/call', tookMs: 3 }
  for (let i = 0; i < 5_000; i++) {
    const finding = { label: `made-up-${i}`, detector: 'x', pointer: '' }
    const event = {
      ...entry,
      resource: { kind: 'tool', server: `s${i}`, name: 'x' },
      findings: [finding],
      id: 'x',
      at: 1,
      node: 'n',
      seq: i,
      previous: '',
    } as const
    metrics.write([{ kind: 'event', event, text: '' }])
  }

  const lines = metrics.text().split('\n')

  assert.ok(lines.length < 2_100)
  assert.ok(lines.includes('portcullis_findings_total{label="other"} 3000'))
  assert.ok(lines.includes('portcullis_calls_total{server="other",outcome="denied"} 5000'))
})
