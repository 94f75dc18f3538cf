/** History arrives where it is sent, whole and in order, also at receivers that are away for a while; what cannot wait any longer is counted. */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcp } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { it, type TestContext } from 'node:test'
import { Outage } from '../../src/audit/outage.ts'
import { logsOutlet, syslogOutlet, tracesOutlet, webhookOutlet } from '../../src/audit/outlets.ts'
import { type Outlet, queuedSink } from '../../src/audit/queue.ts'
import { Fanout, type Told } from '../../src/audit/sinks.ts'
import type { Fault } from '../../src/core/denial.ts'
import type { Entry } from '../../src/core/event.ts'
import { Secret } from '../../src/core/secret.ts'
import { createGuardedFetch } from '../../src/net/fetch.ts'
import { entryOf, makeDesk, START_AT } from './fixture.ts'

interface Received {
  readonly url: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

/** A receiver that refuses the first so many requests. */
async function receiver(context: TestContext, refusals = 0) {
  const received: Received[] = []
  let left = refusals
  const server = createServer((request, response) => {
    void buffer(request).then((bytes) => {
      const isTaken = left-- <= 0
      if (isTaken) received.push({ url: request.url ?? '', headers: request.headers, body: bytes.toString() })
      response.writeHead(isTaken ? 200 : 503).end('{}')
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const fetch = createGuardedFetch({ allowPrivate: [url] })
  context.after(async () => {
    await fetch.close()
    server.close()
  })
  return { url, fetch, received }
}

/** Everything is tried again at once, and closing takes as long as it takes. */
async function wait(ms: number, signal: AbortSignal): Promise<void> {
  if (ms < 5_000 || signal.aborted) await new Promise((resolve) => setImmediate(resolve))
  else await once(signal, 'abort')
}

async function tell(context: TestContext, outlet: Outlet, entries: readonly Entry[]): Promise<void> {
  const { open } = makeDesk(context)
  const journal = open({ sinks: [queuedSink(outlet, { wait, onFault: (fault) => assert.fail(fault) })] })
  for (const entry of entries) await journal.write(entry)
  await journal.close()
  assert.deepEqual([...journal.lost()], [])
}

const SECRET = new Secret('0Q8xk2nZ5uVw9yB3rT6mJ1pL4sF7hD0a')

it('a webhook gets every line once it is back, in order and signed', async (context) => {
  const { url, fetch, received } = await receiver(context, 2)
  const outlet = webhookOutlet(`${url}/in`, SECRET, fetch, () => START_AT)
  const { promise, resolve } = Promise.withResolvers<void>()
  let lines = 0
  const counting: Outlet = {
    name: outlet.name,
    async send(batch) {
      await outlet.send(batch)
      lines += batch.length
      if (lines >= 7) resolve()
    },
  }
  const { open } = makeDesk(context)
  const told: string[] = []
  const journal = open({ sinks: [queuedSink(counting, { wait, onFault: ({ message }) => void told.push(message) })] })

  for (let i = 1; i <= 5; i++) await journal.write(entryOf(i))
  await journal.checkpoint()
  await promise
  await journal.close()

  const values = received.flatMap(({ body }) => body.trimEnd().split('\n')).map((line) => JSON.parse(line))
  assert.deepEqual(
    values.filter(({ type }) => type === 'call.ended').map(({ call }) => call),
    ['call-1', 'call-2', 'call-3', 'call-4', 'call-5'],
  )
  for (const { headers, body } of received) {
    const signed = `${headers['portcullis-timestamp']}.${body}`
    assert.equal(headers['portcullis-signature'], `v1=${createHmac('sha256', SECRET.reveal()).update(signed).digest('hex')}`)
  }
  assert.deepEqual([...journal.lost()], [])
  assert.match(
    told.join('\n'),
    /^Audit sink webhook http:\S+ takes nothing, so history waits for it: \S+ answered 503\nAudit sink webhook http:\S+ works again, after \d+s: nothing was lost$/,
  )
})

it('a collector gets logs whose bodies are the texts of the chain, and spans below those of the callers', async (context) => {
  const { url, fetch, received } = await receiver(context)
  const traced: Entry = {
    ...entryOf(1),
    call: '0199c3a2-7f6e-7b1c-9a55-00112233aabb',
    trace: '4bf92f3577b34da6a3ce929d0e0e4736',
    span: '00f067aa0ba902b7',
    resource: { kind: 'tool', server: 'files', name: 'read_file' },
    outcome: 'denied',
    denial: 'forbidden',
    transport: 'http',
    tookMs: 2.5,
  }
  const unsampled: Entry = { ...entryOf(2), trace: '4bf92f3577b34da6a3ce929d0e0e4736' }
  const untraced: Entry = { ...entryOf(3), call: '0199c3a2-7f6e-7b1c-9a55-00112233ccdd' }

  await tell(context, logsOutlet(`${url}/`, fetch), [traced])
  await tell(context, tracesOutlet(url, fetch), [traced, unsampled, untraced])

  const logs = received
    .filter((one) => one.url === '/v1/logs')
    .flatMap(({ body }) => JSON.parse(body).resourceLogs[0].scopeLogs[0].logRecords)
  const spans = received
    .filter((one) => one.url === '/v1/traces')
    .flatMap(({ body }) => JSON.parse(body).resourceSpans[0].scopeSpans[0].spans)
  const log = logs.find(({ eventName }) => eventName === 'portcullis.call.ended')
  assert.equal(log.severityNumber, 13)
  assert.equal(JSON.parse(log.body.stringValue).call, traced.call)
  assert.deepEqual([log.traceId, log.spanId], [traced.trace, '9a5500112233aabb'])
  assert.equal(spans.length, 2)
  const [span, root] = spans
  assert.equal(span.name, 'tools/call read_file')
  assert.deepEqual(
    [span.traceId, span.spanId, span.parentSpanId, span.kind, span.status.code],
    [traced.trace, '9a5500112233aabb', traced.span, 2, 2],
  )
  assert.equal(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano), 2_500_000n)
  assert.ok(
    span.attributes.some(
      ({ key, value }: { key: string; value: unknown }) => key === 'mcp.method.name' && JSON.stringify(value).includes('tools/call'),
    ),
  )
  assert.deepEqual([root.traceId, root.parentSpanId], ['0199c3a27f6e7b1c9a5500112233ccdd', undefined])
})

it('a syslog server gets messages framed by their length over TCP, and datagrams over UDP', async (context) => {
  const tcp = createTcp().listen(0, '127.0.0.1')
  const udp = createSocket('udp4').bind(0, '127.0.0.1')
  await Promise.all([once(tcp, 'listening'), once(udp, 'listening')])
  context.after(() => {
    tcp.close()
    udp.close()
  })
  const connected = once(tcp, 'connection').then(([socket]) => buffer(socket))
  const datagram = once(udp, 'message')

  await tell(context, syslogOutlet(`tcp://127.0.0.1:${(tcp.address() as AddressInfo).port}`), [entryOf(1), entryOf(2)])
  await tell(context, syslogOutlet(`udp://127.0.0.1:${udp.address().port}`), [entryOf(1)])

  const frames: string[] = []
  let rest = (await connected).toString('latin1')
  while (rest !== '') {
    const [head = '', length = ''] = /^(\d+) /.exec(rest) ?? []
    frames.push(rest.slice(head.length, head.length + Number(length)))
    rest = rest.slice(head.length + Number(length))
  }
  assert.equal(frames.filter((frame) => frame.includes(' call.ended - {')).length, 2)
  assert.ok(frames.every((frame) => frame.startsWith('<110>1 ') && frame.endsWith('}')))
  assert.match(String((await datagram)[0]), /^<110>1 /)
})

const TOLD: readonly Told[] = [{ kind: 'event', event: { ...entryOf(1), id: 'x', at: 1, node: 'n', seq: 1, previous: '' }, text: '{}' }]

it('a queue that is full takes no more, and one that is closed says why it was not emptied', async () => {
  const sink = queuedSink({ name: 'nowhere', send: () => Promise.reject(new Error('away')) }, { wait, onFault: () => undefined })
  const lose = (): void => assert.fail('it is told at once')

  for (let i = 0; i < 16_384; i++) void sink.write(TOLD, lose)

  assert.throws(() => sink.write(TOLD, lose), /16384 lines wait for it/)
  assert.equal(sink.waiting, 16_384)
  await assert.rejects(async () => await sink.close?.(), /^Error: away$/)
})

it('tells of an outage that it began, that lines are lost, and at the end how many: three lines, however often it fails', async () => {
  const faults: Fault[] = []
  const onFault = (fault: Fault): void => void faults.push(fault)
  const second = Promise.withResolvers<void>()
  let sent = 0
  const away: Outlet = {
    name: 'nowhere',
    send: () => {
      if (++sent === 40) second.resolve()
      return Promise.reject(new Error('it answered 503'))
    },
  }
  const soon = (): Promise<unknown> => new Promise((resolve) => setImmediate(resolve))
  const fanout = new Fanout([queuedSink(away, { wait: soon, onFault })], onFault)

  fanout.tell(TOLD)
  await second.promise
  for (let i = 0; i < 16_383 + 50; i++) fanout.tell(TOLD)
  await fanout.close()

  assert.deepEqual(
    faults.map(({ code, message }) => [code, message]),
    [
      ['FAULT_SINK', 'Audit sink nowhere takes nothing, so history waits for it: it answered 503'],
      ['FAULT_SINK', 'Audit sink nowhere loses lines from now on, which the journal has: 16384 lines wait for it: it answered 503'],
      ['FAULT_SINK', 'Audit sink nowhere was not told 16434 lines until the end, which the journal has: it answered 503'],
    ],
  )
  assert.deepEqual([...fanout.lost], [['nowhere', 16_434]])
})

it('a second outage is told like the first, each with what it came to', async () => {
  const told: string[] = []
  const tellings = new EventEmitter()
  const outage = new Outage(
    'siem',
    ({ message }) => {
      told.push(message)
      tellings.emit('told')
    },
    1,
  )
  // The timer holds nothing alive, so something else must.
  const alive = setInterval(() => undefined, 1_000)
  for (const lines of [3, 4]) {
    const isOver = once(tellings, 'told').then(() => once(tellings, 'told'))
    outage.lose(1, new Error('full'))
    outage.lose(lines - 1, new Error('still full'))
    outage.worked()
    outage.worked()
    await isOver
  }
  clearInterval(alive)
  outage.end(0)
  assert.deepEqual(told, [
    'Audit sink siem loses lines from now on, which the journal has: full',
    'Audit sink siem works again, after 0s: 3 lines were lost, which the journal has',
    'Audit sink siem loses lines from now on, which the journal has: full',
    'Audit sink siem works again, after 0s: 4 lines were lost, which the journal has',
  ])
})

it('a batch that is taken at the second try is no outage', async (context) => {
  let sent = 0
  const flaky: Outlet = { name: 'flaky', send: async () => (++sent % 2 === 1 ? Promise.reject(new Error('not now')) : undefined) }
  await tell(context, flaky, [entryOf(1), entryOf(2), entryOf(3)])
  assert.ok(sent >= 2)
})
