/** The kinds of value that settings are made of: each says what it expects, and turns what people write into what the house counts in. */
import { z } from 'zod'
import { parseCidr, showCidr } from '../core/cidr.ts'
import { parsePattern } from '../core/pattern.ts'
import { Secret } from '../core/secret.ts'
import { parseSize, parseSpan } from '../core/time.ts'

type Reader<T> = (text: string) => T | undefined

/** A text that is read into something else. The message tells what was expected and never repeats what was written: it may be a secret. */
export function read<T>(expected: string, reader: Reader<T>) {
  return z.string({ error: expected }).transform((text, context): T => {
    const value = reader(text)
    if (value !== undefined) return value
    context.addIssue({ code: 'custom', message: expected, input: text })
    return z.NEVER
  })
}

/** A span such as `30s`, read into milliseconds. */
export function span(least: string, most: string) {
  const [from, to] = [parseSpan(least) ?? 0, parseSpan(most) ?? Number.MAX_SAFE_INTEGER]
  return read(`expected a span from ${least} to ${most}, such as 500ms, 30s, 15m, 24h or 90d`, (text) => within(parseSpan(text), from, to))
}

/** A size such as `1MiB`, read into bytes. */
export function size(least: string, most: string) {
  const [from, to] = [parseSize(least) ?? 0, parseSize(most) ?? Number.MAX_SAFE_INTEGER]
  return read(`expected a size from ${least} to ${most}, such as 64KiB, 1MiB or 10MB`, (text) => within(parseSize(text), from, to))
}

/** A whole number; also as text, because the environment holds nothing else. */
export function whole(least: number, most: number) {
  const expected = `expected a whole number from ${least} to ${most}`
  return z.union([z.number(), z.string()], { error: expected }).transform((written, context): number => {
    const value = typeof written === 'number' ? written : /^\d{1,15}$/.test(written) ? Number(written) : Number.NaN
    if (Number.isInteger(value) && value >= least && value <= most) return value
    context.addIssue({ code: 'custom', message: expected, input: written })
    return z.NEVER
  })
}

export function flag() {
  return z
    .union([z.boolean(), z.enum(['true', 'false'])], { error: 'expected true or false' })
    .transform((written) => written === true || written === 'true')
}

/** A non-empty text. */
export function text(expected: string, most = 4096) {
  const message = `expected ${expected}`
  return z
    .string({ error: message })
    .min(1, { error: message })
    .max(most, { error: `${message} of at most ${most} characters` })
}

/** A secret: may be written sealed (`portcullis seal`), and shows nowhere. */
export function secret(expected = 'a secret', most = 1024) {
  return text(expected, most)
    .transform((written) => new Secret(written))
    .meta({ writeOnly: true })
}

export const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/

/** A text of a given form. */
export function word(form: RegExp, expected: string) {
  const message = `expected ${expected}`
  return z.string({ error: message }).regex(form, { error: message })
}

export function list<T extends z.ZodType>(item: T, expected: string, least = 0) {
  const message = `expected a list of ${expected}`
  return z.array(item, { error: message }).min(least, { error: `${message}, at least ${least}` })
}

/** One or many: `user` or `[user, staff]`. */
export function some<T extends z.ZodType>(item: T, expected: string) {
  return z.union([item.transform((one) => [one]), z.array(item)], { error: `expected ${expected}, or a list of them` })
}

export const roleName = word(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/, 'a role name: letters, digits, "_", "." and "-", at most 64')

export const pattern = read('expected a pattern such as get_*, files/read_* or *', (written) =>
  parsePattern(written) === undefined ? undefined : written,
)

/** One address, or a range of them; in its one spelling. */
export const cidr = read('expected an address or a range of them, such as 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32', (written) => {
  const range = parseCidr(written)
  return range === undefined ? undefined : showCidr(range)
})

export interface Address {
  readonly host: string
  readonly port: number
}

export const address = read('expected host:port, such as 127.0.0.1:8080 or [::1]:8080', parseAddress)

function parseAddress(written: string): Address | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(written)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  return host === undefined || port > 65_535 ? undefined : { host, port }
}

/** An http or https URL without user, password or fragment. */
export const httpUrl = read('expected an http:// or https:// URL without user, password or fragment', (written) => {
  const url = parseHttpUrl(written)
  return url === undefined ? undefined : url.href
})

/** Where we send what is confidential: over TLS, or to this machine. */
export const sealedUrl = httpUrl.refine(
  (url) => url.startsWith('https:') || /^http:\/\/(localhost|127(\.\d{1,3}){3}|\[::1\])[:/]/.test(url),
  {
    error: 'expected an https:// URL, or http:// to this machine',
  },
)

/** What `Origin` carries (RFC 6454 §6.2): scheme, host and port, no path. */
export const origin = read('expected an origin such as https://chat.example.com, without a path', (written) => {
  const url = URL.canParse(written) ? new URL(written) : undefined
  return url !== undefined && (written === url.origin || written === `${url.protocol}//${url.host}`) ? written.toLowerCase() : undefined
})

/** What `Host` carries: a host name or address, with or without a port. */
export const hostName = read('expected a host such as mcp.example.com or mcp.example.com:8443', (written) => {
  const url = parseHttpUrl(`http://${written}`)
  return url !== undefined && url.pathname === '/' && url.search === '' && !written.endsWith('/') ? written.toLowerCase() : undefined
})

function parseHttpUrl(written: string): URL | undefined {
  if (!URL.canParse(written)) return undefined
  const url = new URL(written)
  const isPlain = url.username === '' && url.password === '' && url.hash === ''
  return isPlain && (url.protocol === 'http:' || url.protocol === 'https:') ? url : undefined
}

function within(value: number | undefined, from: number, to: number): number | undefined {
  return value !== undefined && value >= from && value <= to ? value : undefined
}

/** The same names with other values. */
export function mapValues<From, To>(values: Readonly<Record<string, From>>, change: (value: From) => To): Readonly<Record<string, To>> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]))
}
