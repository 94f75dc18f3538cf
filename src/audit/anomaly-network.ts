/** Where an address is, as the detectors tell places apart. It is worked out once for each: the same few come with every call. */
import { countedAs, parseIp, rangeOf, showCidr } from '../core/cidr.ts'

/** Addresses that are remembered with where they are: some hundred bytes each. */
const KNOWN_MAX = 4_096

interface Where {
  readonly place: string
  readonly network: string | undefined
}

const known = new Map<string, Where>()

/** One address, or one /64, in its one spelling; what is no address as it is. */
export function placeOf(address: string | undefined): string {
  return address === undefined ? '' : whereIs(address).place
}

/** /16 of IPv4, /32 of IPv6: what registries give to one provider (RFC 6177 speaks of what that one gives on). */
export function networkOf(address: string): string | undefined {
  return whereIs(address).network
}

function whereIs(address: string): Where {
  const found = known.get(address)
  if (found !== undefined) return found
  const ip = parseIp(address)
  const where = {
    place: countedAs(address),
    network: ip === undefined ? undefined : showCidr(rangeOf(ip, ip.bytes.length === 4 ? 16 : 32)),
  }
  if (known.size >= KNOWN_MAX) known.clear()
  known.set(address, where)
  return where
}
