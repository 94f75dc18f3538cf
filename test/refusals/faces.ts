/** Every face a caller can meet: each transport in each revision, with its own way to speak and to be told. */
import { request as httpRequest } from 'node:http'
import { PassThrough } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Era } from '../../src/core/call.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { REVISIONS } from '../../src/mcp/methods.ts'
import { MODERN_REVISIONS } from '../../src/mcp/revision.ts'
import { META, type RunningGateway } from '../fixtures/gateway.ts'
import type { Caller } from './world.ts'

export interface Seen {
  /** Absent on stdio, which has neither status nor headers. */
  readonly status?: number
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly body: JsonObject
  /** The id under which it was asked. */
  readonly asked?: number
}

export interface HttpSaid {
  readonly verb?: string
  readonly path?: string
  /** Over those that the face sends; undefined takes one out. */
  readonly headers?: Readonly<Record<string, string | undefined>>
  readonly text?: string
}

/** A caller and the way it speaks, on one face. */
export interface Line extends AsyncDisposable {
  readonly house: RunningGateway
  /** A request as this revision writes it. */
  ask(method: string, params?: JsonObject, headers?: HttpSaid['headers']): Promise<Seen>
  /** A body or a line, whatever it holds. @param id under which the answer is expected; undefined: under none. */
  say(text: string, id?: number): Promise<Seen>
  /** Anything at all; not on stdio. */
  http(said: HttpSaid): Promise<Seen>
}

export interface Face {
  readonly name: string
  readonly transport: 'http' | 'stdio'
  readonly era: Era
  readonly revision: string
  open(caller: Caller): Promise<Line>
}

const INITIALIZE = { capabilities: {}, clientInfo: { name: 'test', version: '1' } }

export const FACES: readonly Face[] = (['http', 'stdio'] as const).flatMap((transport) =>
  [...REVISIONS].reverse().map((revision) => {
    const era: Era = MODERN_REVISIONS.includes(revision) ? 'modern' : 'legacy'
    return {
      name: `${transport} ${revision}`,
      transport,
      era,
      revision,
      open: (caller: Caller) => (transport === 'http' ? openHttp(caller, revision, era) : openStdio(caller, revision, era)),
    }
  }),
)

const withMeta = (params: JsonObject, era: Era): JsonObject =>
  era === 'legacy' ? params : { ...params, _meta: { ...META, ...(params['_meta'] as JsonObject | undefined) } }

function sendHttp(url: string, { verb = 'POST', path = '/mcp', headers = {}, text }: HttpSaid): Promise<Omit<Seen, 'asked'>> {
  const kept = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined))
  return new Promise((resolve, reject) => {
    const { port } = new URL(url)
    const req = httpRequest({ host: '127.0.0.1', port, method: verb, path, headers: kept, agent: false }, (res) => {
      let answered = ''
      res.setEncoding('utf8').on('data', (chunk: string) => {
        answered += chunk
      })
      const told = (): JsonObject => JSON.parse(answered === '' ? '{}' : answered) as JsonObject
      res.on('end', () => resolve({ status: res.statusCode ?? 0, headers: res.headers, body: told() }))
    })
    req.on('error', reject)
    req.end(text)
  })
}

async function openHttp({ house, headers: credential, opener }: Caller, revision: string, era: Era): Promise<Line> {
  let id = 0
  const plain = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
  // The header came with 2025-06-18; a client of the revision before does not know it.
  const spoken = revision === '2025-03-26' ? {} : { 'mcp-protocol-version': revision }
  let standing: Readonly<Record<string, string | undefined>> = { ...plain, ...spoken }
  if (era === 'legacy') {
    const params = { ...INITIALIZE, protocolVersion: revision }
    const text = JSON.stringify({ jsonrpc: '2.0', id: ++id, method: 'initialize', params })
    const opened = await sendHttp(house.url, { headers: { ...plain, ...opener }, text })
    standing = { ...standing, 'mcp-session-id': String(opened.headers['mcp-session-id']) }
    const initialized = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' })
    await sendHttp(house.url, { headers: { ...standing, ...opener }, text: initialized })
  } else standing = { ...standing, 'mcp-method': 'tools/list' }
  const http = (said: HttpSaid): Promise<Seen> => sendHttp(house.url, { ...said, headers: { ...standing, ...credential, ...said.headers } })
  return {
    house,
    http,
    say: async (text, asked) => ({ ...(await http({ text })), ...(asked === undefined ? {} : { asked }) }),
    async ask(method, params = {}, headers = {}) {
      const asked = ++id
      const name = params['name']
      const mirrored = era === 'legacy' ? {} : { 'mcp-method': method, ...(typeof name === 'string' ? { 'mcp-name': name } : {}) }
      const text = JSON.stringify({ jsonrpc: '2.0', id: asked, method, params: withMeta(params, era) })
      return { ...(await http({ text, headers: { ...mirrored, ...headers } })), asked }
    },
    async [Symbol.asyncDispose]() {
      if (era === 'legacy') await sendHttp(house.url, { verb: 'DELETE', headers: { ...standing, ...opener } })
    },
  }
}

/** The gateway's own stdin and stdout; the credential is in its environment. */
async function openStdio({ house, isKnown }: Caller, revision: string, era: Era): Promise<Line> {
  const input = new PassThrough()
  const output = new PassThrough()
  const served = house.gateway.serveStdio('tools', input, output)
  const waiting = new Map<unknown, (answer: JsonObject) => void>()
  let rest = ''
  output.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const message = JSON.parse(line) as JsonObject
      if (message['method'] === undefined) waiting.get(message['id'])?.(message)
    }
  })
  let id = 0
  const say: Line['say'] = async (text, asked) => {
    const { promise, resolve } = Promise.withResolvers<JsonObject>()
    waiting.set(asked, resolve)
    input.write(`${text}\n`)
    return { headers: {}, body: await promise, ...(asked === undefined ? {} : { asked }) }
  }
  const ask: Line['ask'] = (method, params = {}) => {
    const asked = ++id
    return say(JSON.stringify({ jsonrpc: '2.0', id: asked, method, params: withMeta(params, era) }), asked)
  }
  if (era === 'legacy' && isKnown) {
    await ask('initialize', { ...INITIALIZE, protocolVersion: revision })
    const before = (await house.events()).length
    input.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
    // Nothing of the handshake is under way any more once this has ended.
    while (!(await house.events()).slice(before).some(({ type }) => type === 'call.ended')) await nextTurn()
  }
  return {
    house,
    ask,
    say,
    http: () => Promise.reject(new Error('stdio is not HTTP')),
    async [Symbol.asyncDispose]() {
      input.end()
      await served
    },
  }
}
