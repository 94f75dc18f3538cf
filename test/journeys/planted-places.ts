/** Where a secret could turn up that was planted: the terminal, a collector, the pages, a dump of Redis; and what it would look like there. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { createClient } from '@redis/client'
import type { Browser } from '../dashboard/form-browser.ts'

/** Pages that link to pages: enough for all there are, and an end. */
const PAGES_MAX = 100

/** A place that people name, and all that stands there. */
export type Place = readonly [name: string, content: string]

/** What a text looks like in a dump. Of base64 the part that does not depend on where it stands in what was encoded. */
export function disguises(secret: string): readonly string[] {
  const bytes = Buffer.from(secret)
  const base64 = [0, 1, 2].flatMap((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64')
    const inner = encoded.slice(shift === 0 ? 0 : 4, -4)
    return [inner, inner.replaceAll('+', '-').replaceAll('/', '_')]
  })
  return [secret, encodeURIComponent(secret), bytes.toString('hex'), bytes.toString('hex').toUpperCase(), ...base64]
}

/** All that this process writes to its terminal meanwhile. */
export function listen(t: TestContext): () => string {
  const said: string[] = []
  for (const stream of [process.stdout, process.stderr]) {
    const write = stream.write.bind(stream)
    t.mock.method(stream, 'write', (chunk: string | Uint8Array, ...rest: never[]) => {
      said.push(Buffer.from(chunk as Uint8Array).toString('latin1'))
      return write(chunk, ...rest)
    })
  }
  return () => said.join('')
}

/** Takes whatever it is sent: logs, spans, signed batches of lines, notices; by path, headers and all. */
export async function collect(t: TestContext): Promise<{ readonly url: string; readonly taken: Place[] }> {
  const taken: Place[] = []
  const collector = createServer((request, response) => {
    void buffer(request).then((bytes) => {
      taken.push([`collector ${request.url}`, JSON.stringify(request.rawHeaders) + bytes.toString('latin1')])
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
  }).listen(0, '127.0.0.1')
  await once(collector, 'listening')
  t.after(() => {
    collector.closeAllConnections()
    collector.close()
  })
  return { url: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`, taken }
}

/** Every page that a link leads to from the first one. */
export async function openPages(browser: Browser): Promise<readonly Place[]> {
  const waiting = new Set(['/'])
  const pages: Place[] = []
  for (const path of waiting) {
    if (pages.length === PAGES_MAX) break
    const { text, headers } = await browser.get(path)
    pages.push([`page ${path}`, JSON.stringify([...headers]) + text])
    for (const [, next = ''] of text.matchAll(/ href="(\/[^"#]*)"/g)) waiting.add(next.replaceAll('&amp;', '&'))
  }
  return pages
}

type Reply = string | readonly Reply[]

/** Every key and what lies under it, whatever its kind. */
export async function dumpRedis(port: number): Promise<readonly Place[]> {
  const client = createClient({ RESP: 2, socket: { host: '127.0.0.1', port, reconnectStrategy: false } })
  await client.connect()
  const ask = (...words: readonly string[]): Promise<Reply> => client.sendCommand<Reply>([...words])
  const read: Readonly<Record<string, (key: string) => Promise<Reply>>> = {
    string: (key) => ask('GET', key),
    hash: (key) => ask('HGETALL', key),
    set: (key) => ask('SMEMBERS', key),
    list: (key) => ask('LRANGE', key, '0', '-1'),
    zset: (key) => ask('ZRANGE', key, '0', '-1', 'WITHSCORES'),
    stream: (key) => ask('XRANGE', key, '-', '+'),
  }
  try {
    const places: Place[] = []
    for (const key of (await ask('KEYS', '*')) as readonly string[]) {
      const kind = String(await ask('TYPE', key))
      const content = await read[kind]?.(key)
      if (content === undefined) throw new Error(`nobody here reads a ${kind} of Redis`)
      places.push([`redis ${kind} ${key}`, [key, content].flat(9).join('\n')])
    }
    return places
  } finally {
    client.destroy()
  }
}
