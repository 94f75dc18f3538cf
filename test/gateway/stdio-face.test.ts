/** The gateway's own stdin and stdout, line by line: what is answered, what is not, and what history has by then. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { PassThrough } from 'node:stream'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { JsonObject } from '../../src/core/json.ts'
import { aGateway, META, type RunningGateway } from '../fixtures/gateway.ts'

const bare = fileURLToPath(new URL('../fixtures/bare-stdio.ts', import.meta.url))

let house: RunningGateway
before(async () => {
  house = await aGateway(`
servers: { bare: { command: ${JSON.stringify([process.execPath, bare])} } }
limits: { request: { maxBytes: 1KiB } }
authentication: { anonymous: { roles: [user] } }
access: { roles: { user: { permissions: ["*"] } }, tools: { "*": { permission: tools:use } } }
`)
})
after(() => house[Symbol.asyncDispose]())

interface Ended {
  readonly told: readonly JsonObject[]
  /** Codes of refusals in the journal. */
  readonly refused: readonly unknown[]
}

/** Writes it all, closes, and answers what was said until the end. */
async function converse(input: string): Promise<Ended> {
  const before = (await house.events()).length
  const [stdin, stdout] = [new PassThrough(), new PassThrough()]
  let out = ''
  stdout.setEncoding('utf8').on('data', (chunk: string) => {
    out += chunk
  })
  const served = house.gateway.serveStdio('bare', stdin, stdout)
  stdin.end(input)
  await served
  const ends = (await house.events()).slice(before).filter(({ type }) => type === 'call.ended')
  const lines = out.split('\n').filter((line) => line !== '')
  return { told: lines.map((line) => JSON.parse(line) as JsonObject), refused: ends.flatMap(({ denial }) => denial ?? []) }
}

const codeOf = (message: JsonObject): unknown => ((message['error'] as JsonObject)['data'] as JsonObject)['code']

test('notifications and responses are never answered, however they are refused', async () => {
  const params = JSON.stringify({ _meta: { ...META, progressToken: {} } })
  const { told, refused } = await converse(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":${params}}\n`)
  assert.deepEqual([told, refused], [[], ['invalid_envelope']])
})

test('a line that goes on without end is told once, written down, and ends the conversation', async () => {
  const { told, refused } = await converse('x'.repeat(64 * 1024))
  assert.deepEqual([told.map(codeOf), refused], [['too_large'], ['too_large']])
})

test('what initialize agreed on holds: a method that came later is unknown', async () => {
  const initialize = { protocolVersion: '2025-03-26', capabilities: {}, clientInfo: { name: 't', version: '1' } }
  const [stdin, stdout] = [new PassThrough(), new PassThrough()]
  const lines = createInterface({ input: stdout })
  const served = house.gateway.serveStdio('bare', stdin, stdout)
  const next = async (line: JsonObject): Promise<JsonObject> => {
    stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...line })}\n`)
    const [answer] = await once(lines, 'line')
    return JSON.parse(String(answer)) as JsonObject
  }
  assert.ok((await next({ id: 1, method: 'initialize', params: initialize }))['result'] !== undefined)
  assert.equal(codeOf(await next({ id: 2, method: 'tasks/list' })), 'unknown_method')
  const ended = (await house.events()).findLast(({ type }) => type === 'call.ended')
  assert.deepEqual([ended?.era, ended?.revision], ['legacy', '2025-03-26'])
  stdin.end()
  await served
})

test('an answer leaves when its call is written down as ended, not before', async () => {
  const [stdin, stdout] = [new PassThrough(), new PassThrough()]
  const before = (await house.events()).length
  const served = house.gateway.serveStdio('bare', stdin, stdout)
  const answered = once(stdout, 'data')
  stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta: META } })}\n`)
  await answered
  const events = (await house.events()).slice(before)
  assert.equal(events.filter(({ type, outcome }) => type === 'call.ended' && outcome === 'permitted').length, 1)
  stdin.end()
  await served
})
