/** Everything the house fetches itself goes through here: https to public addresses, no redirect, bounded in size and time (OWASP SSRF). */
import { type LookupAddress, lookup as systemLookup } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { Agent, buildConnector } from 'undici'
import { type Place, placeOf } from '../core/address.ts'
import { Fault } from '../core/denial.ts'

/** Metadata and key sets are a few kilobytes; O-14 asks for half a mebibyte at most. */
const MAX_BYTES = 512 * 1024
/** From the first look at the name to the last byte. */
const TIMEOUT_MS = 5_000
/** Connections to one origin. */
const CONNECTIONS = 8
/** Origins at once: client metadata documents come from wherever a stranger says. */
const ORIGINS_MAX = 256
const HEADER_MAX_BYTES = 16 * 1024

/** What may be fetched, how much of it, and for how long. */
export interface FetchOptions {
  /**
   * Origins (`https://idp.internal`, `http://127.0.0.1:9000`) behind which private and loopback addresses may stand, or true for every one.
   * Plain http is spoken only with one of these, and only over loopback. Link-local and metadata addresses are never dialled.
   */
  readonly allowPrivate?: boolean | readonly string[]
  /** Of a body; default 512 KiB. */
  readonly maxBytes?: number
  /** Of a whole exchange, milliseconds; default 5 s. */
  readonly timeoutMs?: number
  /** PEM of authorities that are trusted instead of the system's. */
  readonly ca?: string | readonly string[]
  /** How a name becomes addresses; default: the system's resolver. */
  readonly resolve?: Resolve
}

/** Looks up the addresses of a name, as `dns.lookup` does with `all`. */
export type Resolve = (name: string, done: (error: Error | null, addresses: readonly LookupAddress[]) => void) => void

/** One exchange, as it is asked for. */
export interface FetchRequest {
  readonly method?: string
  /** Lower-case names. `host` and what frames the message is made here. */
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  readonly signal?: AbortSignal
  readonly maxBytes?: number
  readonly timeoutMs?: number
}

/** A whole answer. */
export interface Fetched {
  readonly status: number
  /** Lower-case names; what was repeated is joined with `, `. */
  readonly headers: Readonly<Record<string, string>>
  /** Lower case, without parameters; empty when there is none. For the caller to check. */
  readonly mediaType: string
  readonly bytes: Buffer
}

/** Fetches what it may, and nothing of this machine or its network unless told: made by `createGuardedFetch`. */
export interface GuardedFetch {
  /**
   * One exchange. Every status is an answer, also a redirect: it is never followed.
   * @throws Fault `FAULT_FETCH_REFUSED` when the URL leads where the house does not go; `FAULT_FETCH` when there is no whole answer in time.
   *   Neither tells anything of the answer's content nor of the address behind a name.
   */
  request(url: string | URL, request?: FetchRequest): Promise<Fetched>
  /** The same as a standard `fetch`, for libraries. A redirect is refused unless asked for with `redirect: 'manual'`. */
  readonly fetch: typeof globalThis.fetch
  close(): Promise<void>
}

/**
 * Makes a fetch for places that somebody else names: it checks addresses when it dials, follows no redirect, and is bounded in size and time.
 * @throws Fault `FAULT_CONFIG` when an origin of `allowPrivate` is none.
 */
export function createGuardedFetch(options: FetchOptions = {}): GuardedFetch {
  const isTrusted = trustOf(options.allowPrivate ?? false)
  const agent = new Agent({
    connect: createConnector(options, isTrusted),
    allowH2: false,
    connections: CONNECTIONS,
    maxOrigins: ORIGINS_MAX,
    maxHeaderSize: HEADER_MAX_BYTES,
  })
  const request = (url: string | URL, asked: FetchRequest = {}): Promise<Fetched> =>
    exchange(agent, checkUrl(url, isTrusted), {
      ...asked,
      maxBytes: asked.maxBytes ?? options.maxBytes ?? MAX_BYTES,
      timeoutMs: asked.timeoutMs ?? options.timeoutMs ?? TIMEOUT_MS,
    })
  return {
    request: async (url, asked) => await request(url, asked),
    fetch: async (input, init) => await standardFetch(request, new Request(input, init)),
    // What is still in flight belongs to nobody any more.
    close: () => agent.destroy(),
  }
}

type IsTrusted = (origin: string) => boolean

function trustOf(allowed: boolean | readonly string[]): IsTrusted {
  if (typeof allowed === 'boolean') return () => allowed
  const origins = new Set(
    allowed.map((text) => {
      const origin = URL.parse(text)?.origin
      if (origin === undefined || origin === 'null') throw new Fault('FAULT_CONFIG', `"${text}" is no origin`)
      return origin
    }),
  )
  return (origin) => origins.has(origin)
}

const refused = (url: URL, why: string): Fault => new Fault('FAULT_FETCH_REFUSED', `${url.origin}: ${why}`)

/** What can be said of the URL alone; where its host leads is checked when it is dialled. */
function checkUrl(input: string | URL, isTrusted: IsTrusted): URL {
  const url = URL.parse(String(input))
  if (url === null) throw new Fault('FAULT_FETCH_REFUSED', 'The URL is none')
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw new Fault('FAULT_FETCH_REFUSED', `${url.protocol} is not fetched`)
  if (url.username !== '' || url.password !== '') throw refused(url, 'a URL must not carry credentials')
  if (url.protocol === 'http:' && !isTrusted(url.origin)) throw refused(url, 'it must be https')
  return url
}

/** Which places may be dialled for an origin. */
function isPermitted(place: Place, protocol: string, isTrusted: boolean): boolean {
  if (protocol === 'http:') return place === 'loopback' && isTrusted
  return place === 'public' || (isTrusted && place !== 'forbidden')
}

class Forbidden extends Error {
  constructor() {
    super('its host leads to an address that is not to be dialled')
  }
}

/**
 * Dials only addresses that were checked: a name is resolved once, every address behind it must be permitted, and those very ones are
 * dialled. IP literals do not pass `lookup`, so they are checked first; what was dialled is checked last.
 */
function createConnector({ ca, resolve = resolveBySystem }: FetchOptions, isTrusted: IsTrusted): buildConnector.connector {
  const connectorFor = (permits: (address: string) => boolean): buildConnector.connector => {
    const lookup: LookupFunction = (name, { all }, done) => {
      resolve(name, (error, found) => {
        const [first] = found
        if (error !== null || first === undefined) done(error ?? new Error('its host has no address'), '')
        else if (!found.every(({ address }) => permits(address))) done(new Forbidden(), '')
        else if (all === true) done(null, [...found])
        else done(null, first.address, first.family)
      })
    }
    const trusted = ca === undefined ? {} : { ca: typeof ca === 'string' ? ca : [...ca] }
    const connect = buildConnector({ ...trusted, lookup, allowH2: false, timeout: TIMEOUT_MS })
    return (options, done) => {
      if (isIP(options.hostname) !== 0 && !permits(options.hostname)) {
        done(new Forbidden(), null)
        return
      }
      connect(options, (...[error, socket]) => {
        if (error !== null) {
          done(error, null)
          return
        }
        if (permits(socket.remoteAddress ?? '')) {
          done(null, socket)
          return
        }
        socket.destroy()
        done(new Forbidden(), null)
      })
    }
  }
  // One for each answer of isPermitted, so that sessions of TLS are taken up again.
  const connectors = {
    plain: connectorFor((address) => isPermitted(placeOf(address), 'http:', true)),
    trusted: connectorFor((address) => isPermitted(placeOf(address), 'https:', true)),
    other: connectorFor((address) => isPermitted(placeOf(address), 'https:', false)),
  }
  return (options, done) => {
    const isKnown = isTrusted(new URL(`${options.protocol}//${options.host ?? options.hostname}`).origin)
    if (options.protocol === 'https:') (isKnown ? connectors.trusted : connectors.other)(options, done)
    else if (isKnown) connectors.plain(options, done)
    else done(new Forbidden(), null)
  }
}

/** Where it fails, the system hands over no list at all, whatever its type says. */
const resolveBySystem: Resolve = (name, done) =>
  systemLookup(name, { all: true }, (error, found) => done(error, error === null ? found : []))

type Bounded = FetchRequest & { readonly maxBytes: number; readonly timeoutMs: number }

/** Made by us, or by undici from what is sent. `accept-encoding`: a compressed body has no honest size. */
const OURS = new Set(['host', 'connection', 'content-length', 'transfer-encoding', 'accept-encoding', 'expect', 'upgrade', 'keep-alive'])

async function exchange(
  agent: Agent,
  url: URL,
  { method = 'GET', headers = {}, body, signal, maxBytes, timeoutMs }: Bounded,
): Promise<Fetched> {
  const late = AbortSignal.timeout(timeoutMs)
  const kept = Object.entries(headers).filter(([name]) => !OURS.has(name.toLowerCase()))
  try {
    const answer = await agent.request({
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method: method.toUpperCase(),
      headers: { ...Object.fromEntries(kept), 'accept-encoding': 'identity' },
      signal: signal === undefined ? late : AbortSignal.any([signal, late]),
      ...(body === undefined ? {} : { body }),
    })
    const read = headersOf(answer.headers)
    const bytes = await readBody(answer.body, read, maxBytes, url)
    return { status: answer.statusCode, headers: read, mediaType: mediaTypeOf(read['content-type']), bytes }
  } catch (cause) {
    throw failure(cause, url, late.aborted)
  }
}

function headersOf(headers: Readonly<Record<string, string | string[] | undefined>>): Readonly<Record<string, string>> {
  const flat: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flat[name] = typeof value === 'string' ? value : value.join(', ')
  }
  return flat
}

const mediaTypeOf = (contentType = ''): string => (contentType.split(';')[0] ?? '').trim().toLowerCase()

interface Readable extends AsyncIterable<Buffer> {
  destroy(): unknown
  on(event: 'error', listener: () => void): unknown
}

async function readBody(body: Readable, headers: Readonly<Record<string, string>>, maxBytes: number, url: URL): Promise<Buffer> {
  // Destroyed early, it reports that it was.
  body.on('error', () => undefined)
  const coded = headers['content-encoding']
  const chunks: Buffer[] = []
  let size = Number(headers['content-length'] ?? 0)
  if (size <= maxBytes && (coded === undefined || coded === 'identity')) {
    size = 0
    for await (const chunk of body) {
      size += chunk.length
      if (size > maxBytes) break
      chunks.push(chunk)
    }
  }
  body.destroy()
  if (size > maxBytes) throw new Fault('FAULT_FETCH', `${url.origin}: the answer is larger than ${maxBytes} bytes`)
  if (coded !== undefined && coded !== 'identity')
    throw new Fault('FAULT_FETCH', `${url.origin}: the answer is encoded, which was not asked for`)
  return Buffer.concat(chunks)
}

function failure(cause: unknown, url: URL, isLate: boolean): Fault {
  if (cause instanceof Fault) return cause
  if (cause instanceof Forbidden) return refused(url, cause.message)
  if (isLate) return new Fault('FAULT_FETCH', `${url.origin}: no whole answer in time`, { cause })
  return new Fault('FAULT_FETCH', `${url.origin}: no answer (${codeOf(cause)})`, { cause })
}

/** `ECONNREFUSED`, `UND_ERR_SOCKET`, `CERT_HAS_EXPIRED`: never a message, which may quote what the other side sent. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  const code = 'code' in error ? error.code : undefined
  return typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code) ? code : error.name
}

const NO_BODY = new Set([204, 205, 304])

async function standardFetch(request: GuardedFetch['request'], asked: Request): Promise<Response> {
  const body = asked.body === null ? undefined : new Uint8Array(await asked.arrayBuffer())
  const { status, headers, bytes } = await request(asked.url, {
    method: asked.method,
    headers: Object.fromEntries(asked.headers),
    signal: asked.signal,
    ...(body === undefined ? {} : { body }),
  })
  if (status >= 300 && status < 400 && status !== 304 && asked.redirect !== 'manual')
    throw new Fault('FAULT_FETCH_REFUSED', `${new URL(asked.url).origin}: redirects are not followed`)
  return new Response(NO_BODY.has(status) ? null : new Uint8Array(bytes), { status, headers })
}
