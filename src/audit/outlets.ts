/** Where history is sent while it happens: a webhook, an OpenTelemetry collector, a syslog server. */
import { createSocket } from 'node:dgram'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { Fault } from '../core/denial.ts'
import type { Secret } from '../core/secret.ts'
import { signedHeaders } from '../core/signature.ts'
import type { Clock } from '../core/time.ts'
import type { GuardedFetch } from '../net/fetch.ts'
import { lineIn } from './formats.ts'
import { logsRequest, tracesRequest } from './otlp.ts'
import type { Outlet } from './queue.ts'
import type { Told } from './sinks.ts'

type Fetching = Pick<GuardedFetch, 'request'>

/** What is sent in one go is answered within the fetch's own time limit. @throws Fault `FAULT_SINK` unless it was taken. */
async function post(fetch: Fetching, url: string, body: string, headers: Readonly<Record<string, string>>): Promise<void> {
  const { status } = await fetch.request(url, { method: 'POST', headers, body })
  if (status < 200 || status > 299) throw new Fault('FAULT_SINK', `${url} answered ${status}`)
}

/**
 * JSON lines, signed: `portcullis-timestamp` in seconds, and `portcullis-signature: v1=` with the HMAC-SHA-256, in hex, of the timestamp, a dot and the body.
 */
export function webhookOutlet(url: string, secret: Secret, fetch: Fetching, clock: Clock): Outlet {
  return {
    name: `webhook ${new URL(url).origin}`,
    send(batch) {
      const body = batch.map((told) => `${lineIn('jsonl', null, told.text)}\n`).join('')
      return post(fetch, url, body, { 'content-type': 'application/x-ndjson', ...signedHeaders(secret, body, clock()) })
    },
  }
}

/** OTLP/HTTP in JSON, as logs. @param base of the collector; `/v1/logs` is put behind it (OTLP 1.x, OTLP/HTTP Request). */
export function logsOutlet(base: string, fetch: Fetching): Outlet {
  const url = `${base.replace(/\/+$/, '')}/v1/logs`
  return { name: `otlp ${url}`, send: (batch) => post(fetch, url, JSON.stringify(logsRequest(batch)), JSON_TYPE) }
}

/** OTLP/HTTP in JSON, as spans: one for each call that ended. */
export function tracesOutlet(base: string, fetch: Fetching): Outlet {
  const url = `${base.replace(/\/+$/, '')}/v1/traces`
  return {
    name: `traces ${url}`,
    async send(batch) {
      const request = tracesRequest(batch)
      if (request !== undefined) await post(fetch, url, JSON.stringify(request), JSON_TYPE)
    },
  }
}

const JSON_TYPE = { 'content-type': 'application/json' } as const

/** A datagram of IPv4 and UDP has no more. */
const DATAGRAM_MAX_BYTES = 65_507
const CONNECT_MS = 5_000

/**
 * RFC 5424 over UDP (RFC 5426), TCP (RFC 6587 §3.4.1, octet counting) or TLS (RFC 5425). Syslog acknowledges nothing: what a connection took before
 * it broke may be lost, and over UDP anything may. What must not be lost is in the journal.
 * @param url `udp://`, `tcp://` or `tls://host:port`
 */
export function syslogOutlet(url: string): Outlet {
  const { protocol, hostname, port } = new URL(url)
  const host = hostname.replace(/^\[|\]$/g, '')
  const name = `syslog ${url}`
  return protocol === 'udp:' ? overUdp(name, host, Number(port)) : overStream(name, host, Number(port), protocol === 'tls:')
}

function messageOf(told: Told): Buffer {
  return Buffer.from(lineIn('syslog', JSON.parse(told.text), told.text), 'latin1')
}

function overUdp(name: string, host: string, port: number): Outlet {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
  // Told to whoever sends; without a listener it would end the process.
  socket.on('error', () => undefined)
  socket.unref()
  const sendOne = (bytes: Buffer): Promise<void> =>
    new Promise((resolve, reject) => void socket.send(bytes, port, host, (error) => (error === null ? resolve() : reject(error))))
  return {
    name,
    async send(batch) {
      for (const told of batch) {
        const bytes = messageOf(told)
        if (bytes.length <= DATAGRAM_MAX_BYTES) await sendOne(bytes)
      }
    },
    close: () => void socket.close(),
  }
}

function overStream(name: string, host: string, port: number, isTls: boolean): Outlet {
  let open: Socket | undefined
  const dial = (): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const socket = isTls ? connectTls({ host, port, servername: host }) : connect({ host, port })
      socket.setTimeout(CONNECT_MS, () => socket.destroy(new Error('it did not answer in time')))
      socket.once('error', reject)
      socket.once('close', () => {
        if (open === socket) open = undefined
      })
      socket.once(isTls ? 'secureConnect' : 'connect', () => {
        socket.setTimeout(0)
        socket.on('error', () => undefined)
        // A syslog server says nothing; what it says all the same must not stop the flow.
        socket.resume().unref()
        open = socket
        resolve(socket)
      })
    })
  return {
    name,
    async send(batch) {
      const framed = batch.map(messageOf).flatMap((bytes) => [Buffer.from(`${bytes.length} `), bytes])
      const socket = open ?? (await dial())
      await new Promise<void>((resolve, reject) => {
        socket.write(Buffer.concat(framed), (error) => (error === null || error === undefined ? resolve() : reject(error)))
      })
    },
    close: () => void open?.end(),
  }
}
