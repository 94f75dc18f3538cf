/** The labelled requests of `transport.jsonl` against a real gateway: what must be refused never reaches the server, and every refusal is written down. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { aGateway, post, type RunningGateway } from '../fixtures/gateway.ts'
import { aBareUpstream, type BareUpstream, text } from '../fixtures/upstream.ts'

interface Row {
  readonly id: string
  readonly attack: string
  readonly expect: 'reject' | 'forward' | 'forward_stripped' | 'bounded'
  readonly http_status: readonly number[]
  readonly raw?: string
  readonly request?: { readonly method: string; readonly path: string; readonly headers: readonly (readonly [string, string])[]; readonly body: string }
}

const rows = readFileSync(new URL('./transport.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Row)

let upstream: BareUpstream
let house: RunningGateway
let key: string
let otherKey: string

before(async () => {
  upstream = await aBareUpstream({
    echo: (args) => text(String(args['message'])),
    admin_reset: () => text('reset'),
    slow: () => undefined,
    noise: () => text('noise'),
    pay: () => ({ resultType: 'input_required', inputRequests: {}, requestState: 'paying' }),
  })
  house = await aGateway(`
servers: { tools: { url: "${upstream.url}", timeout: 500ms } }
access:
  roles:
    user: { permissions: [tools:use] }
    payer: { permissions: ["*"] }
  tools:
    echo: { permission: tools:use }
    slow: { permission: tools:use }
    noise: { permission: tools:use }
    pay: { permission: tools:pay }
    admin_reset: { permission: tools:reset }
`)
  key = await house.key({ roles: ['user'] })
  otherKey = await house.key({ roles: ['payer'] })
})
after(async () => {
  await house[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

/** What stands for something that cannot be written into the file. */
async function fill(written: string): Promise<string | Buffer> {
  if (written.startsWith('@hex:')) return Buffer.from(written.slice(5), 'hex')
  if (written.startsWith('@utf16:')) return Buffer.from(written.slice(7), 'utf16le')
  if (written.startsWith('@batch:')) return JSON.stringify(Array.from({ length: Number(written.slice(7)) }, (_, id) => ({ jsonrpc: '2.0', id, method: 'ping' })))
  const filled = written.replace(/@repeat:([^:"]+):(\d+)/g, (_, unit: string, times: string) => unit.repeat(Number(times))).replace('{task:other}', 'task-of-somebody-else')
  if (!filled.includes('{state:userA}')) return filled
  const paid = await post(`${house.url}/mcp`, 'tools/call', { name: 'pay', arguments: { amount: 1 } }, { 'x-api-key': otherKey })
  const result = paid.body['result'] as { readonly requestState: string }
  return filled.replace('{state:userA}', result.requestState)
}

const header = (value: string): string =>
  value.replace('{token:user}', key).replace('{task:other}', 'task-of-somebody-else').replace(/@b64json:(.*?)(?=\?=$)/, (_, json: string) => Buffer.from(JSON.parse(`"${json}"`) as string).toString('base64'))

async function sendRequest({ method, path, headers, body }: NonNullable<Row['request']>): Promise<{ status: number; text: string }> {
  const bytes = await fill(body)
  const { port } = new URL(house.url)
  const flat = headers.flatMap(([name, value]) => [name, header(value)])
  if (!headers.some(([name]) => name.toLowerCase() === 'host')) flat.push('Host', `127.0.0.1:${port}`)
  return new Promise((resolve, reject) => {
    const req = httpRequest({ host: '127.0.0.1', port, method, path, headers: [...flat, 'Content-Length', String(Buffer.byteLength(bytes))], agent: false }, (res) => {
      let answered = ''
      res.on('data', (chunk: Buffer) => (answered += chunk.toString()))
      res.on('end', () => resolve({ status: res.statusCode ?? 0, text: answered }))
    })
    req.on('error', reject)
    req.end(bytes)
  })
}

function sendRaw(raw: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(house.url).port), '127.0.0.1', () => socket.write(raw))
    let answered = ''
    socket.on('data', (chunk: Buffer) => (answered += chunk.toString()))
    socket.on('close', () => resolve({ status: Number(/^HTTP\/1\.1 (\d{3})/.exec(answered)?.[1]), text: answered }))
    socket.on('error', reject)
    // A server that keeps the connection open after an answer has answered all the same.
    socket.on('data', () => socket.end())
  })
}

for (const row of rows) {
  test(`${row.id} ${row.attack}: ${row.expect}`, async () => {
    const seenBefore = upstream.seen.length
    const eventsBefore = (await house.events()).length
    const answer = row.request === undefined ? await sendRaw(row.raw ?? '') : await sendRequest(row.request)
    // Asking for the state of another is a call of its own, which is permitted.
    const others = upstream.seen.slice(seenBefore + (row.id === 'E126' ? 1 : 0))
    // Of a tool that is called for the first time, the gateway asks what it takes.
    const reached = others.filter(({ body }) => !String(body['id']).startsWith('portcullis-tools-'))
    if (row.expect === 'forward') {
      assert.equal(answer.status, 200, answer.text)
      assert.equal(reached.length, 1)
      return
    }
    if (row.expect === 'reject') {
      assert.ok(row.http_status.includes(answer.status), `${answer.status} ${answer.text}`)
      assert.equal(reached.length, 0)
      if (row.request !== undefined) {
        const ended = (await house.events()).slice(eventsBefore).filter((event) => event.type === 'call.ended' && event.outcome === 'denied')
        assert.equal(ended.length, 1, 'one decision record')
      }
      return
    }
    if (row.expect === 'forward_stripped') assert.ok(reached.length === 0 || !reached.some((seen) => seen.text.includes('admin_reset')))
    assert.ok(answer.status > 0)
  })
}
