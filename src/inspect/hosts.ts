/** Host names, judged without asking anybody: which of them lead, or are made to lead, to places that are not public. */
import { isIP } from 'node:net'
import { placeOf } from '../core/address.ts'

/** Names that are answered within a network (RFC 6761, RFC 6762, RFC 8375, RFC 9476), by convention or by a cloud. */
const INTERNAL_ENDS =
  'localhost local internal intranet intern lan home corp private localdomain home.arpa test invalid onion alt svc cluster.local consul docker arpa workgroup priv'
    .split(' ')
    .map((end) => `.${end}`)
/** Public DNS names that stand for an address of this machine. */
const LOOPBACK_NAMES = new Set(
  'localtest.me lvh.me vcap.me lacolhost.com yoogle.com fbi.com readme.localtest.me localh.st local.gd lndo.site fuf.me ulh.us 127-0-0-1.org.uk spoofed.burpcollaborator.net'.split(
    ' ',
  ),
)
/** Public DNS that answers with the address which stands in the name, or with one after another. */
const WILDCARD = 'nip.io sslip.io xip.io traefik.me backname.io ip6.name xip.name ip.addr.tools'.split(' ')
const REBINDING = 'rbndr.us 1u.ms rebind.network rebind.it lock.cmpxchg8b.com rebinder.org make-rebind.com'.split(' ')

const isUnder = (host: string, name: string): boolean => host === name || host.endsWith(`.${name}`)

/** @param host as WHATWG URL gives it: lower case, ASCII, an IPv4 address in its one spelling, IPv6 in brackets. */
export function isPrivateHost(host: string): boolean {
  const bare = host.startsWith('[') ? host.slice(1, -1) : withoutDots(host)
  if (bare === '') return true
  if (isIP(bare) !== 0) return placeOf(bare) !== 'public'
  // One label is looked up in the search domain of whoever asks.
  if (!bare.includes('.') || INTERNAL_ENDS.some((end) => bare.endsWith(end)) || REBINDING.some((name) => isUnder(bare, name))) return true
  for (const name of LOOPBACK_NAMES) if (isUnder(bare, name)) return true
  const wildcard = WILDCARD.find((name) => isUnder(bare, name))
  return wildcard !== undefined && !embeddedAddresses(bare.slice(0, -wildcard.length - 1)).some((address) => placeOf(address) === 'public')
}

function withoutDots(host: string): string {
  let end = host.length
  while (host[end - 1] === '.') end--
  return host.slice(0, end)
}

/** The address in `app.10.0.0.1.nip.io`, `app-10-0-0-1.nip.io`, `0a000001.nip.io`: the last one in it is the one that is answered. */
function embeddedAddresses(name: string): readonly string[] {
  const [, a, b, c, d] = /(?:^|[.-])(\d{1,3})[.-](\d{1,3})[.-](\d{1,3})[.-](\d{1,3})$/.exec(name) ?? []
  if (a !== undefined) return [[a, b, c, d].map(Number).join('.')]
  const [, hex] = /(?:^|[.-])([0-9a-f]{8})$/.exec(name) ?? []
  return hex === undefined ? [] : [[0, 2, 4, 6].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)).join('.')]
}
