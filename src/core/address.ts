/** What kind of place an IP address is: the special-purpose registries of IANA (RFC 6890), and the addresses where clouds hand out credentials. */
import { BlockList, isIP } from 'node:net'

/**
 * `forbidden` is never dialled, whatever was allowed: link-local and metadata addresses, transition mechanisms that hide another address,
 * documentation, multicast, reserved; and every text that is no address.
 */
export type Place = 'public' | 'private' | 'loopback' | 'forbidden'

const LOOPBACK = ['127.0.0.0/8', '::1/128'] as const

/** RFC 1918, RFC 6598 (shared with carriers), RFC 4193 (unique local). */
const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7'] as const

const FORBIDDEN = [
  '0.0.0.0/8', // this network (RFC 791 §3.2): many systems take 0.0.0.0 for loopback
  '169.254.0.0/16', // link-local (RFC 3927), where the metadata service of most clouds is
  '192.0.0.0/24', // IETF protocol assignments (RFC 6890)
  '192.0.2.0/24', // documentation (RFC 5737)
  '192.88.99.0/24', // 6to4 relays (RFC 7526)
  '198.18.0.0/15', // benchmarks (RFC 2544)
  '198.51.100.0/24', // documentation
  '203.0.113.0/24', // documentation
  '224.0.0.0/4', // multicast (RFC 1112)
  '240.0.0.0/4', // reserved and broadcast
  '168.63.129.16/32', // Azure: its host, with credentials
  '100.100.100.200/32', // Alibaba Cloud: metadata
  '2001::/23', // IETF protocol assignments with Teredo and ORCHID (RFC 2928, RFC 4380)
  '2001:db8::/32', // documentation (RFC 3849)
  '2002::/16', // 6to4 (RFC 3056): an IPv4 address inside
  '3fff::/20', // documentation (RFC 9637)
  'fd00:ec2::/32', // AWS: metadata over IPv6
  'fd20:ce::/32', // Google Cloud: metadata over IPv6
] as const

/** Global unicast (RFC 4291 §2.4). Of IPv6 nothing else is public: not mapped, not NAT64 (64:ff9b::/96), not discard, not link-local. */
const GLOBAL = ['2000::/3'] as const

const places = { loopback: listOf(LOOPBACK), private: listOf(PRIVATE), forbidden: listOf(FORBIDDEN), global: listOf(GLOBAL) }

/** @param address as `node:net` writes it, IPv6 without brackets. An IPv4 address in another spelling is no address. */
export function placeOf(address: string): Place {
  const version = isIP(address)
  // A zone names an interface of this machine (RFC 4007 §11).
  if (version === 0 || address.includes('%')) return 'forbidden'
  const family = version === 4 ? 'ipv4' : 'ipv6'
  if (version === 6 && isMapped(address)) return 'forbidden'
  if (places.forbidden.check(address, family)) return 'forbidden'
  if (places.loopback.check(address, family)) return 'loopback'
  if (places.private.check(address, family)) return 'private'
  return version === 4 || places.global.check(address, family) ? 'public' : 'forbidden'
}

const MAPPED = listOf(['::ffff:0:0/96'])
/** An IPv4 address in IPv6 clothes (RFC 4291 §2.5.5.2): a BlockList would judge it by what is inside. */
function isMapped(address: string): boolean {
  return MAPPED.check(address, 'ipv6')
}

function listOf(subnets: readonly string[]): BlockList {
  const list = new BlockList()
  for (const subnet of subnets) {
    const [network = '', prefix = ''] = subnet.split('/')
    list.addSubnet(network, Number(prefix), network.includes(':') ? 'ipv6' : 'ipv4')
  }
  return list
}
