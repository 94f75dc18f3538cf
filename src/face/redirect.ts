/** Where plain HTTP is answered beside TLS: pages lead to the real address, and whoever sends anything else has sent it in clear. */
import type { IncomingMessage } from 'node:http'
import { DENIALS, Denial } from '../core/denial.ts'
import type { RequestHandler } from '../net/serve.ts'
import { CHALLENGE_PATH } from '../trust/acme.ts'
import type { Acme } from './acme.ts'
import { pathOf } from './edge.ts'
import type { Gate } from './gate.ts'
import { TurnedAway, type TurnedAwayParts } from './turned-away.ts'

export interface RedirectParts extends TurnedAwayParts {
  readonly publicUrl: string
  readonly gate: Gate
  /** Answers an authority that asks whether the name is ours. */
  readonly acme?: Pick<Acme, 'answer'> | undefined
}

/** Looks at no credential: one that came this way is read by everybody on the wire, and must not work. */
export function createRedirect({ publicUrl, gate, acme, ...told }: RedirectParts): RequestHandler {
  const { origin } = new URL(publicUrl)
  const away = new TurnedAway(told)
  return (req, res) => {
    const path = pathOf(req.url ?? '')
    const shut = gate.check(req, path)
    if (shut === undefined && acme !== undefined && req.method === 'GET' && path.startsWith(CHALLENGE_PATH)) {
      acme.answer(path.slice(CHALLENGE_PATH.length), res).catch(() => res.writeHead(503).end())
      return
    }
    if (shut === undefined && isPage(req, path)) {
      // Never from Host: that is the caller's word. 308 keeps what was asked as it was (RFC 9110 §15.4.9).
      res.writeHead(308, { location: `${origin}${req.url}`, 'content-length': '0', 'cache-control': 'no-store' }).end()
      return
    }
    const over = gate.charge(req)
    const denial = over ?? shut ?? new Denial('forbidden', { detail: 'plain http at tls.redirect' })
    void away.tell(denial, { address: gate.addressOf(req) })
    const body = JSON.stringify({ error: 'forbidden', message: `${origin} is where this is served.` })
    res
      .writeHead(DENIALS[denial.code].status, {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        connection: 'close',
      })
      .end(body)
  }
}

/** What a browser asks for when a person has typed or clicked an address. */
function isPage({ method, headers, url = '' }: IncomingMessage, path: string): boolean {
  const isRead = method === 'GET' || method === 'HEAD'
  return isRead && url.startsWith('/') && !/^\/mcp(\/|$)/.test(path) && (headers.accept ?? '').includes('text/html')
}
