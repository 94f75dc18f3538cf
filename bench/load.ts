/** The load generator: a process of its own, plain sockets, one request at a time on each connection, bounded in count and in time. */
import { connect, type Socket } from 'node:net'

export interface Job {
  readonly port: number
  /** Of replicas: each connection to the next. */
  readonly ports?: readonly number[]
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly connections: number
  /** Whichever comes first ends the run. */
  readonly ms: number
  readonly requests: number
}

export interface Run {
  readonly requests: number
  readonly seconds: number
  /** Latency, microseconds. */
  readonly medianUs: number
  readonly p99Us: number
  /** Answers that were no result; any makes the figures worthless. */
  readonly failed: number
  /** The first of them. */
  readonly failure?: string
}

/** A run that hangs is worth less than no run. */
const GRACE_MS = 10_000
const HEAD_END = Buffer.from('\r\n\r\n')
const LAST_CHUNK = Buffer.from('0\r\n\r\n')

/** Whether the buffer holds a whole answer. */
function isWhole(buffer: Buffer): boolean {
  const end = buffer.indexOf(HEAD_END)
  if (end === -1) return false
  const head = buffer.toString('latin1', 0, end).toLowerCase()
  const at = head.indexOf('content-length: ')
  if (at !== -1) return buffer.length >= end + 4 + Number.parseInt(head.slice(at + 16), 10)
  return head.includes('transfer-encoding: chunked') && buffer.subarray(-5).equals(LAST_CHUNK)
}

const isResult = (buffer: Buffer): boolean =>
  buffer.toString('latin1', 9, 12) === '200' && buffer.includes('"result"') && !buffer.includes('"isError":true')

function requestOf(job: Job): Buffer {
  const headers = Object.entries({ host: `127.0.0.1:${job.port}`, 'content-length': String(Buffer.byteLength(job.body)), ...job.headers })
  return Buffer.from(`POST ${job.path} HTTP/1.1\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${job.body}`)
}

function run(job: Job): Promise<Run> {
  const request = requestOf(job)
  const latencies = new Float64Array(job.requests)
  let [sent, done, failed, failure] = [0, 0, 0, '']
  const startedAt = performance.now()
  const isOver = (): boolean => sent >= job.requests || performance.now() - startedAt > job.ms

  const client = (socket: Socket, finish: (error?: Error) => void): void => {
    let sentAt = 0
    let buffer: Buffer = Buffer.alloc(0)
    const send = (): void => {
      if (isOver()) {
        socket.end()
        finish()
        return
      }
      sent++
      sentAt = performance.now()
      socket.write(request)
    }
    socket.setNoDelay(true)
    socket.setTimeout(GRACE_MS, () => socket.destroy(new Error('no answer')))
    socket.on('connect', send)
    socket.on('data', (chunk: Buffer) => {
      buffer = buffer.length === 0 ? chunk : Buffer.concat([buffer, chunk])
      if (!isWhole(buffer)) return
      latencies[done++] = performance.now() - sentAt
      if (!isResult(buffer) && failed++ === 0) failure = buffer.toString('latin1').slice(0, 800)
      buffer = Buffer.alloc(0)
      send()
    })
    socket.on('error', finish)
    socket.on('close', () => finish(new Error('the server closed a connection')))
  }

  const ports = job.ports ?? [job.port]
  const clients = Array.from({ length: job.connections }, (_, at) => {
    return new Promise<void>((resolve, reject) =>
      client(connect(ports[at % ports.length] ?? job.port, '127.0.0.1'), (error) => (error === undefined ? resolve() : reject(error))),
    )
  })
  return Promise.all(clients).then(() => {
    const seconds = (performance.now() - startedAt) / 1000
    const sorted = latencies.subarray(0, done).sort()
    const at = (share: number): number => 1000 * (sorted[Math.min(done - 1, Math.floor(done * share))] ?? 0)
    return { requests: done, seconds, medianUs: at(0.5), p99Us: at(0.99), failed, ...(failure === '' ? {} : { failure }) }
  })
}

process.on('message', (job: Job) => {
  run(job).then(
    (result) => process.send?.(result),
    (error: unknown) => process.send?.({ requests: 0, seconds: 1, medianUs: 0, p99Us: 0, failed: 1, failure: String(error) } satisfies Run),
  )
})
