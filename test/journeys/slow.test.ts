/** Slow headers and slow bodies, by the tool that everybody attacks with (slowhttptest), while honest calls go through. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { promisify, stripVTControlCharacters } from 'node:util'
import { callFrom } from '../fixtures/caller.ts'
import { aGateway } from '../fixtures/gateway.ts'
import { aBareUpstream, text } from '../fixtures/upstream.ts'

const TOOL = '/usr/bin/slowhttptest'
const isThere = existsSync(TOOL)
const skip = isThere || process.env['CI'] !== undefined ? false : `${TOOL} is not installed (Debian: slowhttptest); CI demands it`

const CONNECTIONS = 150
/** As long as it would go on. */
const SECONDS = 15
const run = promisify(execFile)

for (const [name, flag] of [
  ['headers', '-H'],
  ['bodies', '-B'],
] as const) {
  test(`slow ${name} on ${CONNECTIONS} connections keep no honest caller waiting, and are ended`, { skip }, async () => {
    assert.ok(isThere, `${TOOL} is missing: .ci/run installs it`)
    await using upstream = await aBareUpstream({ echo: (args) => text(String(args['message'])) })
    await using house = await aGateway(`
servers: { tools: { url: "${upstream.url}" } }
access: { roles: { user: { permissions: ["*"] } }, tools: { "*": { permission: "tools:use" } } }
limits: { request: { headerTimeout: 2s, timeout: 2s }, connections: { perAddress: 100 }, address: 1000000/m, methods: { apiKey: 1000000/m } }`)
    const key = await house.key({ roles: ['user'] })
    const honest = async (): Promise<number> => {
      const startedAt = performance.now()
      assert.equal((await callFrom('127.0.0.2', `${house.url}/mcp`, { 'x-api-key': key })).status, 200)
      return performance.now() - startedAt
    }
    await honest()
    const url = `${house.url}/mcp`
    const attack = run(
      TOOL,
      [
        flag,
        '-c',
        `${CONNECTIONS}`,
        '-i',
        '1',
        '-r',
        `${CONNECTIONS}`,
        '-l',
        `${SECONDS}`,
        '-p',
        '2',
        '-t',
        'POST',
        '-u',
        url,
        '-f',
        'application/json',
      ],
      {
        maxBuffer: 16 * 1024 * 1024,
      },
    )
    let isOver = false
    const ended = attack.finally(() => {
      isOver = true
    })
    const latencies: number[] = []
    while (!isOver) latencies.push(await honest())
    const { stdout } = await ended
    const report = stripVTControlCharacters(stdout)
    assert.ok(latencies.length >= 20, `${latencies.length} honest calls`)
    const worst = Math.max(...latencies)
    assert.ok(worst < 1_500, `an honest call took ${worst} ms`)
    // All of them were ended, long before the tool would have let go.
    assert.match(report, /No open connections left/)
    assert.ok(Number(/Test ended on (\d+)/.exec(report)?.[1]) < SECONDS, report.slice(-500))
    if (flag === '-H') return
    // One address had no more than its share of connections, and each that came so far as to send a body is on record.
    const slow = (await house.events()).filter(({ denial, address }) => denial === 'slow_request' && address === '127.0.0.1').length
    assert.ok(slow > 50 && slow <= 100, `${slow} slow bodies`)
  })
}
