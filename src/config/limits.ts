/** How much and how often: the `limits:` section. */
import { z } from 'zod'
import { howLong, parseRate, type Rate } from '../core/time.ts'
import { cidr, list, pattern, read, roleName, size, span, whole } from './values.ts'

/** A token bucket: how many at once, and how many come back in which time. */
export interface Bucket extends Rate {
  readonly burst: number
}

/** How long headers may take, where nothing else is written. */
const HEADER_TIMEOUT_MS = 10_000
/** More often than once a microsecond nothing is counted. */
const RATE_MAX_PER_MS = 1_000
const BURST_MAX = 1_000_000
/** A quarter of all calls that may be under way. */
const PRINCIPAL_CONCURRENCY = 256
const RATE = 'expected a rate such as 5/s, 600/m or 100/15m, at most 1000000/s'

const rate = read(RATE, (text): Rate | undefined => {
  const found = parseRate(text)
  return found === undefined || found.count / found.perMs > RATE_MAX_PER_MS ? undefined : found
})
const burst = whole(1, BURST_MAX)
const concurrency = whole(1, 100_000)

/** `600/m`, or `{ rate: 600/m, burst: 100 }`. Unless told, what comes back in the span may come at once. */
const bucket = z.union(
  [
    rate.transform((written): Bucket => withBurst(written, undefined)),
    z.strictObject({ rate, burst: burst.optional() }).transform((written): Bucket => withBurst(written.rate, written.burst)),
  ],
  { error: `${RATE}, or { rate: 600/m, burst: 100 }` },
)

/** Calls at once, also without a rate. */
const guarded = z.union(
  [
    rate.transform((written): Guard => ({ bucket: withBurst(written, undefined) })),
    z
      .strictObject({ rate: rate.optional(), burst: burst.optional(), concurrency: concurrency.optional() })
      .refine((written) => written.burst === undefined || written.rate !== undefined, { error: 'expected a rate beside burst' })
      .transform(
        (written): Guard => ({
          ...(written.rate === undefined ? {} : { bucket: withBurst(written.rate, written.burst) }),
          ...(written.concurrency === undefined ? {} : { concurrency: written.concurrency }),
        }),
      ),
  ],
  { error: `${RATE}, or { rate: 600/m, burst: 100, concurrency: 2 }` },
)

export interface Guard {
  readonly bucket?: Bucket
  /** Calls at once. */
  readonly concurrency?: number
}

function withBurst(written: Rate, burstWritten: number | undefined): Bucket {
  return { ...written, burst: burstWritten ?? Math.min(BURST_MAX, written.count) }
}

const connections = z
  .strictObject({
    total: whole(1, 100_000).prefault(4096).describe('Connections at once.'),
    perAddress: whole(1, 100_000)
      .prefault(512)
      .describe('Connections at once from one address, or one /64 of IPv6. Raise it where a proxy stands in front.'),
    idle: span('1s', '1h').prefault('65s').describe('A connection that says nothing for so long is closed.'),
  })
  .prefault({})

const request = z
  .strictObject({
    maxBytes: size('1KiB', '64MiB').prefault('1MiB').describe('Largest body.'),
    maxHeaderBytes: size('1KiB', '256KiB').prefault('16KiB').describe('All headers of a request together.'),
    maxDepth: whole(4, 256).prefault(64).describe('How deep JSON may nest.'),
    headerTimeout: span('100ms', '5m')
      .optional()
      .describe(
        'How long the headers may take to arrive, at most as long as the whole request. Default 10s, or `timeout` where that is shorter.',
      ),
    timeout: span('100ms', '1h').prefault('30s').describe('How long the whole request may take to arrive.'),
  })
  .prefault({})

const sessions = z
  .strictObject({
    total: whole(1, 100_000).prefault(1024).describe('Sessions at once (revisions with initialize).'),
    perPrincipal: whole(1, 100_000)
      .prefault(256)
      .describe('Sessions of one principal; all keys of one owner together, callers without a credential by their address.'),
    idle: span('1s', '7d').prefault('30m').describe('A session that nobody used for so long is ended.'),
  })
  .prefault({})

/** How often. Each row is a bucket for everyone it counts; a call takes one from every bucket that concerns it, or from none. */
const often = {
  address: bucket.prefault({ rate: '6000/m', burst: 1000 }).describe('Each address; of IPv6 each /64. Looked at before anything else.'),
  methods: z
    .strictObject({
      apiKey: bucket.prefault('1000/m').describe('Each API key.'),
      oauth: bucket.prefault('500/m').describe('Each holder of access tokens.'),
      anonymous: bucket.prefault('100/m').describe('Each address without a credential.'),
    })
    .prefault({})
    .describe('Each caller, by what it authenticates with.'),
  principal: guarded
    .prefault({})
    .describe(
      'Each principal; all keys of one owner together. `concurrency`: calls at once and tasks that they have begun, 256 unless told.',
    ),
  key: bucket.optional().describe('Each API key, whatever its role.'),
  roles: z
    .record(roleName, bucket, { error: 'expected a map of roles' })
    .prefault({})
    .describe(
      'Each caller of a role; who has many is counted by the most generous. A role without a row has that of the roles it inherits.',
    ),
  tenant: bucket.optional().describe('Each tenant, all its principals together.'),
  tools: z
    .record(pattern, guarded, { error: 'expected a map of tool patterns' })
    .prefault({})
    .describe('Each row, all callers together. `concurrency`: calls at once and tasks that they have begun.'),
  server: bucket.optional().describe('Each server, all callers together.'),
  global: bucket.optional().describe('Everything together.'),
}

export const limitSettings = z.strictObject({
  request,
  response: z
    .strictObject({
      maxBytes: size('1KiB', '256MiB').prefault('10MiB').describe('Largest single message of a server.'),
      perMinute: size('64KiB', '1000GiB').prefault('1GiB').describe('What one principal may be answered in a minute, on each process.'),
    })
    .prefault({}),
  ...often,
  failures: z
    .strictObject({
      allow: whole(1, 100_000)
        .prefault(10)
        .describe(
          'How many bad credentials, and wrong secrets of OAuth clients, one address may present in `per`, and one key id may see.',
        ),
      per: span('1s', '24h').prefault('5m'),
      block: span('1s', '30d').prefault('15m').describe('How long an address that presented more is turned away.'),
    })
    .prefault({}),
  block: list(cidr, 'addresses or ranges such as 203.0.113.0/24')
    .prefault([])
    .describe('Who is turned away for as long as it stands here. In force as soon as it is written.'),
  connections,
  calls: z
    .strictObject({ total: whole(1, 100_000).prefault(1024).describe('Calls under way at once; the next one gets 503.') })
    .prefault({}),
  streams: z
    .strictObject({
      perPrincipal: whole(1, 10_000)
        .prefault(64)
        .describe(
          'Open listening streams of one principal; all keys of one owner together, callers without a credential by their address.',
        ),
    })
    .prefault({}),
  sessions,
  drain: span('0s', '10m').prefault('10s').describe('How long calls under way may take to end after SIGTERM.'),
})

type Settings = z.output<typeof limitSettings>
export type Roles = Readonly<Record<string, { readonly inherits: readonly string[] }>>

/** What is counted, as the house uses it. */
export interface RateConfig {
  readonly address: Bucket
  readonly methods: { readonly apiKey: Bucket; readonly oauth: Bucket; readonly anonymous: Bucket }
  readonly principal: Guard & { readonly concurrency: number }
  readonly key?: Bucket
  /** As written; `inherited` tells what that comes to for roles without a row. */
  readonly roles: Readonly<Record<string, Bucket>>
  readonly tenant?: Bucket
  /** By pattern, as written. */
  readonly tools: Readonly<Record<string, Guard>>
  readonly server?: Bucket
  readonly global?: Bucket
  readonly responseBytesPerMinute: number
  readonly failures: { readonly allow: number; readonly perMs: number; readonly blockMs: number }
  /** CIDR, each in its one spelling. */
  readonly block: readonly string[]
}

export interface LimitConfig {
  readonly request: {
    readonly maxBytes: number
    readonly maxHeaderBytes: number
    readonly maxDepth: number
    readonly headerTimeoutMs: number
    readonly timeoutMs: number
  }
  readonly response: { readonly maxBytes: number }
  readonly rates: RateConfig
  readonly connections: { readonly total: number; readonly perAddress: number; readonly idleMs: number }
  readonly calls: { readonly total: number }
  readonly streams: { readonly perPrincipal: number }
  readonly sessions: { readonly total: number; readonly perPrincipal: number; readonly idleMs: number }
  readonly drainMs: number
}

export function settleLimits(written: Settings): LimitConfig {
  const { request: asked, response, connections: links, calls, streams, sessions: kept, drain } = written
  const { headerTimeout, timeout, ...sizes } = asked
  return {
    request: { ...sizes, headerTimeoutMs: headerTimeout ?? Math.min(HEADER_TIMEOUT_MS, timeout), timeoutMs: timeout },
    response: { maxBytes: response.maxBytes },
    rates: settleRates(written),
    connections: { total: links.total, perAddress: links.perAddress, idleMs: links.idle },
    calls,
    streams,
    sessions: { total: kept.total, perPrincipal: kept.perPrincipal, idleMs: kept.idle },
    drainMs: drain,
  }
}

function settleRates(written: Settings): RateConfig {
  const { address, methods, principal, key, roles, tenant, tools, server, global, response, failures, block } = written
  return {
    address,
    methods,
    principal: { ...principal, concurrency: principal.concurrency ?? PRINCIPAL_CONCURRENCY },
    ...(key === undefined ? {} : { key }),
    roles,
    ...(tenant === undefined ? {} : { tenant }),
    tools,
    ...(server === undefined ? {} : { server }),
    ...(global === undefined ? {} : { global }),
    responseBytesPerMinute: response.perMinute,
    failures: { allow: failures.allow, perMs: failures.per, blockMs: failures.block },
    block,
  }
}

/** Node listens with no such times. */
export function contradictingLimits({
  request: { headerTimeout, timeout },
}: Settings): readonly { path: readonly string[]; expected: string }[] {
  if (headerTimeout === undefined || headerTimeout <= timeout) return []
  const expected = `expected at most limits.request.timeout (${howLong(timeout)}), which the headers are part of`
  return [{ path: ['limits', 'request', 'headerTimeout'], expected }]
}

/** The more generous of two: by what comes back, then by what may come at once. */
export function moreGenerous(left: Bucket, right: Bucket): Bucket {
  const [first, second] = [left.count / left.perMs, right.count / right.perMs]
  if (first !== second) return first > second ? left : right
  return left.burst >= right.burst ? left : right
}

/**
 * The rows of roles, also of those that have none of their own: from the roles they inherit. Circles are a mistake that is told elsewhere; here they end.
 * @param known `access.roles`, for who inherits from whom.
 */
export function inherited(rows: Readonly<Record<string, Bucket>>, known: Roles): Readonly<Record<string, Bucket>> {
  const settled = new Map(Object.entries(rows))
  for (const name of Object.keys(known)) {
    if (Object.hasOwn(rows, name)) continue
    const seen = new Set([name])
    let best: Bucket | undefined
    for (const role of seen) {
      const row = Object.hasOwn(rows, role) ? rows[role] : undefined
      if (row !== undefined) best = best === undefined ? row : moreGenerous(best, row)
      else for (const parent of known[role]?.inherits ?? []) seen.add(parent)
    }
    if (best !== undefined) settled.set(name, best)
  }
  return Object.fromEntries(settled)
}
