/** Where the browser comes back on this machine: a listener on 127.0.0.1 for one answer (RFC 8252 §7.3). */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { Fault } from '../core/denial.ts'
import { isEqual } from '../core/secret.ts'

const HOST = '127.0.0.1'
const PATH = '/callback'
const HEADER_MAX_BYTES = 16 * 1024
const REQUEST_MAX_MS = 10_000

export interface Landing extends AsyncDisposable {
  /** To be registered and asked for. */
  readonly uri: string
  /**
   * The URL at which the browser came back with this state. Whatever comes without it is turned away and waited past, because every page may send it.
   * @throws Fault `FAULT_SIGN_IN` when nobody came in time.
   */
  arrival(state: string, waitMs: number): Promise<URL>
}

interface Waiting {
  state?: string
  arrive?: (url: URL) => void
  fail?: (reason: unknown) => void
  alarm?: NodeJS.Timeout
}

/**
 * @param wish a URI that is registered already: its port is tried first.
 * @param closing ends it at once, and whoever waits is told the reason.
 */
export async function openLanding(wish?: string, closing?: AbortSignal): Promise<Landing> {
  const port = Number(wish === undefined ? 0 : (URL.parse(wish)?.port ?? 0))
  const waiting: Waiting = {}
  const server = createServer({ maxHeaderSize: HEADER_MAX_BYTES, requestTimeout: REQUEST_MAX_MS }, (request, response) =>
    receive(request, response, uri, waiting),
  )
  const bound = await listen(server, port)
  const uri = `http://${HOST}:${bound}${PATH}`
  const end = async (): Promise<void> => {
    clearTimeout(waiting.alarm)
    closing?.removeEventListener('abort', giveUp)
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  const giveUp = (): void => {
    waiting.fail?.(closing?.reason)
    void end()
  }
  closing?.addEventListener('abort', giveUp)
  return {
    uri,
    arrival: (state, waitMs) =>
      new Promise<URL>((resolve, reject) => {
        waiting.alarm = setTimeout(() => reject(new Fault('FAULT_SIGN_IN', 'Nobody came back from the sign-in in time')), waitMs)
        waiting.state = state
        waiting.arrive = resolve
        waiting.fail = reject
      }),
    [Symbol.asyncDispose]: end,
  }
}

/** The wished port, or any when another program has it. */
async function listen(server: Server, port: number): Promise<number> {
  const attempt = (wished: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(wished, HOST, () => {
        server.off('error', reject)
        resolve()
      })
    })
  await attempt(port).catch((error: unknown) => (port === 0 ? Promise.reject(error) : attempt(0)))
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Fault('FAULT_SIGN_IN', 'There is no port to come back to')
  return address.port
}

function receive(request: IncomingMessage, response: ServerResponse, uri: string, waiting: Waiting): void {
  const here = new URL(uri)
  const url = URL.parse(request.url ?? '/', uri)
  // A name that leads here is not the one we told (DNS rebinding).
  const isOurs =
    request.method === 'GET' && request.headers.host === here.host && url?.origin === here.origin && url.pathname === here.pathname
  if (!isOurs || url === null) {
    answer(response, 404, 'There is nothing here.')
    return
  }
  const { state, arrive } = waiting
  if (state === undefined || arrive === undefined || !isEqual(url.searchParams.get('state') ?? '', state)) {
    answer(response, 400, 'This sign-in is not waited for. Start again.')
    return
  }
  delete waiting.arrive
  // Behind the page: whoever waits closes the listener.
  response.once('close', () => arrive(url))
  answer(response, 200, 'You can close this page and go back to where you came from.')
}

function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'x-content-type-options': 'nosniff',
    // The URL holds the code.
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
    connection: 'close',
  })
  response.end(`${text}\n`)
}
