/** IP addresses and ranges of them (CIDR, RFC 4632, RFC 4291 §2.3), each in its one spelling. */
import { isIP } from 'node:net'

export interface Ip {
  /** 4 bytes or 16. An IPv4 address in IPv6 clothes (RFC 4291 §2.5.5.2) is an IPv4 address. */
  readonly bytes: readonly number[]
}

export interface Cidr extends Ip {
  /** How many leading bits count. */
  readonly prefix: number
}

const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
const BYTE_BITS = 8

/** @returns undefined when the text is no address. A zone (`%eth0`) names an interface of this machine and is dropped. */
export function parseIp(text: string): Ip | undefined {
  const percent = text.indexOf('%')
  const address = percent === -1 ? text : text.slice(0, percent)
  const version = isIP(address)
  if (version === 0) return undefined
  const bytes = version === 4 ? address.split('.').map(Number) : bytesOf(address)
  return { bytes: MAPPED.every((byte, at) => bytes[at] === byte) && bytes.length === 16 ? bytes.slice(12) : bytes }
}

/** The bytes of an IPv6 address that `isIP` has taken for one. */
function bytesOf(address: string): readonly number[] {
  const dotted = address.lastIndexOf(':')
  const last = address.slice(dotted + 1)
  const [a = 0, b = 0, c = 0, d = 0] = last.includes('.') ? last.split('.').map(Number) : []
  const groups = last.includes('.')
    ? `${address.slice(0, dotted + 1)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
    : address
  const [head = '', tail] = groups.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0')
  return [...before, ...zeros, ...after].flatMap((group) => {
    const value = Number.parseInt(group, 16)
    return [value >> BYTE_BITS, value & 0xff]
  })
}

/** RFC 5952 but for the run of zeros, which is the first longest one here too; IPv4 in dots. */
export function showIp({ bytes }: Ip): string {
  if (bytes.length === 4) return bytes.join('.')
  const groups = Array.from({ length: 8 }, (_, at) => (((bytes[2 * at] ?? 0) << BYTE_BITS) | (bytes[2 * at + 1] ?? 0)).toString(16))
  let best = { at: -1, length: 1 }
  for (let at = 0; at < groups.length; at++) {
    let end = at
    while (groups[end] === '0') end++
    if (end - at > best.length) best = { at, length: end - at }
  }
  if (best.at === -1) return groups.join(':')
  return `${groups.slice(0, best.at).join(':')}::${groups.slice(best.at + best.length).join(':')}`
}

/** The range of so many leading bits in which an address lies. */
export function rangeOf({ bytes }: Ip, prefix: number): Cidr {
  const kept = bytes.map((byte, at) => {
    const bits = Math.min(BYTE_BITS, Math.max(0, prefix - at * BYTE_BITS))
    return byte & (0xff << (BYTE_BITS - bits))
  })
  return { bytes: kept, prefix }
}

/** `203.0.113.0/24`, `2001:db8::/32`, or one address. Bits behind the prefix are cleared; undefined when the text is no range. */
export function parseCidr(text: string): Cidr | undefined {
  const match = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text)
  const ip = match?.[1] === undefined ? undefined : parseIp(match[1])
  if (match?.[1] === undefined || ip === undefined) return undefined
  const all = ip.bytes.length * BYTE_BITS
  const written = match[2] === undefined ? undefined : Number(match[2])
  // Of a range of mapped addresses the first 96 bits are the clothes.
  const prefix = written === undefined ? all : written - (match[1].includes(':') && all === 32 ? 96 : 0)
  return prefix < 0 || prefix > all ? undefined : rangeOf(ip, prefix)
}

export function showCidr(cidr: Cidr): string {
  return `${showIp(cidr)}/${cidr.prefix}`
}

export function isWithin(cidr: Cidr, { bytes }: Ip): boolean {
  if (bytes.length !== cidr.bytes.length) return false
  const whole = cidr.prefix >> 3
  for (let at = 0; at < whole; at++) if (bytes[at] !== cidr.bytes[at]) return false
  const rest = cidr.prefix & 7
  return rest === 0 || ((bytes[whole] ?? 0) & (0xff << (BYTE_BITS - rest))) === cidr.bytes[whole]
}

/** What is one address to us: an IPv4 address, or the /64 that one IPv6 subscriber is given whole (RFC 6177). */
export function neighbourhoodOf(ip: Ip): Cidr {
  return rangeOf(ip, ip.bytes.length === 4 ? 32 : 64)
}

/** The same as a text: equal for what is counted as one. What is no address is counted as it is written. */
export function countedAs(address: string): string {
  const ip = parseIp(address)
  return ip === undefined ? address : showCidr(neighbourhoodOf(ip))
}
