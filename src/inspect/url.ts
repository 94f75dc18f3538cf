/** URLs that somebody is to fetch: read as WHATWG reads them, and refused where other readers would read something else. */
import { isIP } from 'node:net'
import { isLike } from '../core/pattern.ts'
import { fold } from './decode.ts'
import { isPrivateHost } from './hosts.ts'
import type { Label } from './labels.ts'

/** Longer ones are refused by most servers and proxies. */
const URL_MAX_CHARS = 8192
const WEB = ['https', 'http'] as const

/** Where a URL may lead. */
export interface UrlRule {
  /** Without a colon; https and http unless told. */
  readonly schemes?: readonly string[]
  /** Where it may lead; `*.example.com`. Anywhere public unless told. */
  readonly hosts?: readonly string[]
  /** Whether private and loopback addresses may be named. */
  readonly private?: boolean
}

/** Ports that browsers refuse for http (Fetch §2.9), and those of stores that take commands from anybody's lines. */
const PORTS = new Set([
  1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110, 111, 113, 115, 117,
  119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636,
  989, 990, 993, 995, 1719, 1720, 1723, 2049, 2375, 2376, 3659, 4045, 4190, 5060, 5061, 6000, 6379, 6566, 6665, 6666, 6667, 6668, 6669,
  6679, 6697, 10080, 11211,
])
/** Where a URL begins, for every reader that is lenient: leading space, slashes either way, any number of them. */
const AUTHORITY = /^[\s\0-\x20]{0,64}(?:[A-Za-z][A-Za-z0-9+.-]{0,40}:)?[/\\]{0,64}([^/?#]*)/
/** `http://a#@b/`: for readers that look for the last `@` in front of the path it leads to `b`. */
const LATE_USER = /^[^/?#]{0,40}[/\\]{2}[^/?#]{0,255}[?#][^/]{0,255}@/
const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]{0,40}):/
/** `host:port` without a scheme looks like a scheme. */
const HOST_AND_PORT = /^[\w.-]{1,255}:\d{1,5}(?:[/?#]|$)/
/** A header or a request smuggled behind an encoded line end. */
const SMUGGLED = /%0d%0a(?:[\w-]{1,40}(?::|%3a)|%0d%0a)|%0a(?:[A-Za-z-]{1,40}(?::|%3a)|[A-Z]{3,8}(?:%20|\+|\s))|%0d(?!%0a)|%00/i

/** @returns undefined when nothing is wrong with it. */
export function judgeUrl(text: string, rule: UrlRule): Label | undefined {
  if (text.length > URL_MAX_CHARS) return 'url-form'
  const trimmed = text.trim()
  if (trimmed === '') return undefined
  if (/[\0-\x1f\x7f]/.test(trimmed)) return 'url-form'
  const scheme = HOST_AND_PORT.test(trimmed) ? undefined : SCHEME.exec(trimmed)?.[1]?.toLowerCase()
  const schemes: readonly string[] = rule.schemes ?? WEB
  if (scheme !== undefined && !schemes.includes(scheme)) return 'url-scheme'
  const isWeb = scheme === undefined || scheme === 'http' || scheme === 'https'
  // What is relative is relative to a place that the server chose.
  if (scheme === undefined && /^(?:[?#]|[/](?![/\\])|\.{1,2}\/)/.test(trimmed)) return SMUGGLED.test(trimmed) ? 'url-form' : undefined
  const url = URL.parse(scheme === undefined ? `https://${trimmed.replace(/^[/\\]{0,64}/, '')}` : trimmed)
  if (url === null) return 'url-form'
  if (scheme === undefined && rule.hosts === undefined && isRelative(trimmed, url)) return SMUGGLED.test(trimmed) ? 'url-form' : undefined
  return judgeParsed(url, rule) ?? (isWeb ? judgeForm(trimmed, url) : undefined)
}

/** Names of one label that lead to this machine or to a cloud's keys wherever they are asked for. */
const NEAR_NAMES = new Set(
  'localhost localdomain loopback ip6-localhost ip6-loopback intranet metadata instance-data kubernetes wpad'.split(' '),
)
/** The first part of `data/cars.json`: a name in plain letters, which no port and no user stands beside. */
const FIRST_PART = /^[\w$-]{1,64}(?=[/?#]|$)/

/** Without a scheme, and without a dot in what would be the host: the name of a file, a route or a function, which no reader takes for an address. */
function isRelative(text: string, { hostname }: URL): boolean {
  return FIRST_PART.test(text) && !text.includes('\\') && isIP(hostname) === 0 && !hostname.startsWith('[') && !NEAR_NAMES.has(hostname)
}

function judgeParsed(url: URL, { hosts, private: mayBePrivate = false }: UrlRule): Label | undefined {
  if (url.hostname !== '' && !mayBePrivate && isPrivateHost(url.hostname)) return 'private-address'
  if (hosts !== undefined && !hosts.some((host) => isLike(host.toLowerCase(), url.hostname))) return 'url-host'
  return PORTS.has(Number(url.port)) && !mayBePrivate ? 'url-port' : undefined
}

/** What other readers would take another way (A New Era of SSRF, 2017): where they may differ, nobody knows what is fetched. */
function judgeForm(text: string, url: URL): Label | undefined {
  const [, authority = ''] = AUTHORITY.exec(text) ?? []
  if (LATE_USER.test(text)) return 'url-form'
  if (authority.includes('\\') || /\s/.test(authority) || authority.includes('@') || url.username !== '') return 'url-form'
  if (/^[A-Za-z]{1,10}:(?![/][/][^/\\])/.test(text) && !HOST_AND_PORT.test(text)) return 'url-form'
  if (/%(?:2[ef]|3[af]|40|5c|00|0[9ad]|23)/i.test(authority) || /[\ufe00-\uffff\u3002]/.test(authority)) return 'url-form'
  return fold(authority) !== authority && !isSame(authority, url) ? 'url-form' : SMUGGLED.test(text) ? 'url-form' : undefined
}

/** Whether a name in disguise is the plain one under it all the same. */
const isSame = (authority: string, url: URL): boolean => fold(authority).toLowerCase() === url.host
