/** Whose request it is: the address of the connection, or what a proxy of ours says of it. */
import type { IncomingMessage } from 'node:http'
import { type Cidr, type Ip, isWithin, parseCidr, parseIp, showIp } from '../core/cidr.ts'
import { ClientCertificates, type Presented } from './client-certificate.ts'

/** More proxies in a row than anybody has. */
const HOPS_MAX = 32

export interface Clients {
  /** In its one spelling. Undefined when the connection is gone. */
  addressOf(req: Pick<IncomingMessage, 'headers' | 'socket'>): string | undefined
  /** Whether an address is a proxy's of ours: then it is nobody's. */
  isProxy(address: string): boolean
  /** What the caller proved to hold, or claimed to. Absent where no certificate is looked at. */
  readonly certificateOf?: (req: Pick<IncomingMessage, 'headers' | 'socket'>) => Presented
}

/**
 * @param trustedProxies whose `X-Forwarded-For` is believed, as CIDR. Whoever else sends it has written it himself.
 * @param certificates where certificates of callers come from: the connections, or also the `Client-Cert` header of these proxies.
 */
export function createClients(trustedProxies: readonly string[], certificates?: 'connection' | 'header'): Clients {
  const proxies = trustedProxies.map((text) => parseCidr(text)).filter((cidr) => cidr !== undefined)
  const isTrusted = (ip: Ip): boolean => proxies.some((cidr) => isWithin(cidr, ip))
  const isProxy = (address: string): boolean => {
    const ip = proxies.length === 0 ? undefined : parseIp(address)
    return ip !== undefined && isTrusted(ip)
  }
  const presented = certificates === undefined ? undefined : new ClientCertificates(certificates === 'header')
  return {
    addressOf: ({ headers, socket }) => {
      const peer = socket.remoteAddress
      if (peer === undefined) return undefined
      if (proxies.length === 0) return plain(peer)
      const ip = parseIp(peer)
      // Node joins repeated headers in order, as RFC 9110 §5.3 reads them.
      return ip === undefined ? peer : showIp(isTrusted(ip) ? behind(ip, String(headers['x-forwarded-for'] ?? ''), proxies) : ip)
    },
    isProxy,
    ...(presented === undefined ? {} : { certificateOf: (req) => presented.of(req, isProxy(req.socket.remoteAddress ?? '')) }),
  }
}

/** As the system writes it, without the clothes of IPv6 around IPv4, without a zone. */
function plain(peer: string): string {
  if (!peer.includes(':')) return peer
  const ip = parseIp(peer)
  return ip === undefined ? peer : showIp(ip)
}

/**
 * The right-most hop that is no proxy of ours. Each proxy wrote down whom it saw, so everything to the left of that was written by a stranger.
 * What cannot be read ends the way: then the proxy that passed it on is all that is known.
 */
function behind(peer: Ip, forwarded: string, proxies: readonly Cidr[]): Ip {
  let seen = peer
  const hops = forwarded.split(',')
  for (let at = hops.length - 1, left = HOPS_MAX; at >= 0 && left > 0; at--, left--) {
    const hop = parseHop(hops[at]?.trim() ?? '')
    if (hop === undefined) return seen
    seen = hop
    if (!proxies.some((cidr) => isWithin(cidr, hop))) return seen
  }
  return seen
}

/** `203.0.113.7`, `203.0.113.7:4711`, `2001:db8::7`, `[2001:db8::7]:4711`: proxies write all of them. */
function parseHop(text: string): Ip | undefined {
  const inner = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(text)?.[1] ?? /^(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}$/.exec(text)?.[1] ?? text
  return parseIp(inner)
}
