/** The network of an address: the most that tells places apart, and the least that one provider gives away whole. */
import { parseIp, rangeOf, showCidr } from '../core/cidr.ts'

/** /16 of IPv4, /32 of IPv6: what registries give to one provider (RFC 6177 speaks of what that one gives on). */
export function networkOf(address: string): string | undefined {
  const ip = parseIp(address)
  return ip === undefined ? undefined : showCidr(rangeOf(ip, ip.bytes.length === 4 ? 16 : 32))
}
