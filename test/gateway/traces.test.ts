/** A call through a whole gateway becomes a span below the caller's, at a collector named in the configuration. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { it } from 'node:test'
import { aGateway, post } from '../fixtures/gateway.ts'

it('joins the trace of a caller that records its own span, and leaves the others out of it', async (context) => {
  const bodies: string[] = []
  const collector = createServer((request, response) => {
    void buffer(request).then((bytes) => {
      bodies.push(`${request.url} ${bytes}`)
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
  }).listen(0, '127.0.0.1')
  await once(collector, 'listening')
  context.after(() => collector.close())
  const there = await aGateway(`
telemetry: { traces: "http://127.0.0.1:${(collector.address() as AddressInfo).port}" }
servers: { one: { url: "http://127.0.0.1:9/mcp" } }
`)
  const authorization = `Bearer ${await there.key()}`
  const ask = (traceparent: string) =>
    post(`${there.url}/mcp/one`, 'tools/call', { name: 'x', arguments: {}, _meta: { traceparent } }, { authorization })

  await ask('00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01')
  await ask('00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-00f067aa0ba902b7-00')
  await ask('00-00000000000000000000000000000000-00f067aa0ba902b7-01')
  await there[Symbol.asyncDispose]()

  const spans = bodies
    .filter((body) => body.startsWith('/v1/traces '))
    .flatMap((body) => JSON.parse(body.slice(11)).resourceSpans[0].scopeSpans[0].spans)
  assert.deepEqual(
    spans.map(({ name, traceId, parentSpanId, status }) => [name, traceId.length === 32 && traceId, parentSpanId, status.code]),
    [
      ['tools/call x', '4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7', 2],
      ['tools/call x', spans[1].traceId, undefined, 2],
    ],
  )
  assert.doesNotMatch(bodies.join(), /aaaaaaaaaaaaaaaa/)
})
