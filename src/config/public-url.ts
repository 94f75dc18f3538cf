/** What clients and people use: as written, or made from where the gateway listens. */
import type { Address } from './values.ts'

interface Listening {
  readonly publicUrl?: string | undefined
  readonly listen: Address
  /** Present: the listener speaks https. */
  readonly tls?: object | undefined
}

/** Without a slash at its end. @param port the one in use, when `listen` asks for any (0). */
export function publicUrlOf({ publicUrl, listen, tls }: Listening, port = listen.port): string {
  return publicUrl ?? urlOf(tls === undefined ? 'http' : 'https', listen.host, port)
}

/** Where people reach the admin listener. @param port the one in use. */
export function adminUrlOf({ adminUrl }: { readonly adminUrl?: string | undefined }, { host, port }: Address): string {
  return adminUrl ?? urlOf('http', host, port)
}

function urlOf(scheme: 'http' | 'https', host: string, port: number): string {
  return `${scheme}://${isEverywhere(host) ? 'localhost' : inUrl(host)}:${port}`
}

const inUrl = (host: string): string => (host.includes(':') ? `[${host}]` : host)

/** In the one spelling that a URL has of an address (WHATWG URL §3.5): also IPv4 within IPv6. */
const EVERYWHERE: ReadonlySet<string> = new Set(['0.0.0.0', '[::]', '[::ffff:0:0]'])

/** Whether it is every address of this machine. */
export function isEverywhere(host: string): boolean {
  const url = `http://${inUrl(host)}`
  return URL.canParse(url) && EVERYWHERE.has(new URL(url).hostname)
}

/** 127.0.0.0/8, ::1 and their names. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host)
}
