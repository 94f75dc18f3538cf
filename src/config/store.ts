/** Where everything is remembered: a file, memory, or Redis as an operator writes it. */
import { isAbsolute, join, resolve } from 'node:path'
import { z } from 'zod'
import { Secret } from '../core/secret.ts'
import { secret, size, span, text, word } from './values.ts'

/** Stands in the folder of the database, or where that would be. */
const KEY_FILE = 'portcullis.key'
const FOLDER = '.portcullis'
export const IN_MEMORY = ':memory:'
const REDIS_PORT = 6379
const SENTINEL_PORT = 26_379
const PREFIX = 'portcullis:'
const TIMEOUT_MS = 2_000
/** Some 100,000 events. */
const SPOOL_MAX_BYTES = 64 * 1024 * 1024

const URL_FORM = /^redis(s)?(?:\+(sentinel|cluster))?:\/\/(?:([^@/]*)@)?([^@/?#]+)(?:\/([^?#]*))?$/
const PLACE = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/
const EXPECTED =
  'expected a path, :memory:, redis://host:6379/0, rediss://…, redis+cluster://host,host,host or redis+sentinel://host,host,host/name'

/** No brace: what stands in braces says where a key lies in a Cluster. */
const prefix = word(/^[A-Za-z0-9_.:/-]{1,64}$/, 'letters, digits and "_.:/-", at most 64')

const redisUrl = z.string({ error: EXPECTED }).refine((written) => parseRedisUrl(written) !== undefined, { error: EXPECTED })

const place = z
  .string({ error: EXPECTED })
  .refine((written) => written !== '' && (!isRedis(written) || parseRedisUrl(written) !== undefined), { error: EXPECTED })

const redis = z.strictObject(
  {
    url: redisUrl.describe('redis://, rediss:// (TLS), and both with +cluster or +sentinel.'),
    username: text('a user name', 128).optional().describe('An ACL user.'),
    password: secret('a password').optional().describe('Sealed, or from the environment.'),
    prefix: prefix.prefault(PREFIX).describe('In front of every key: several installations may share one Redis.'),
    ca: text('a path').optional().describe('Whose certificates are believed, PEM. Default: those that Node.js believes.'),
    certificate: text('a path').optional().describe('Our own certificate, where Redis asks for one, PEM.'),
    key: text('a path').optional().describe('Its key, PEM.'),
    timeout: span('50ms', '1m').prefault('2s').describe('How long one question to the store may take.'),
    spool: z
      .strictObject({
        folder: text('a folder').optional().describe('Where events wait while Redis is away. Default .portcullis/spool.'),
        maxBytes: size('64KiB', '10GiB').prefault('64MiB').describe('Of what waits; beyond it calls are refused.'),
      })
      .prefault({}),
  },
  { error: EXPECTED },
)

export const storeSetting = z.union([place, redis], { error: EXPECTED })

/** Redis as the house uses it. */
export interface RedisConfig {
  readonly kind: 'single' | 'sentinel' | 'cluster'
  readonly places: readonly [RedisPlace, ...RedisPlace[]]
  readonly primary?: string
  readonly database: number
  readonly username?: string
  readonly password?: Secret
  /** Absolute paths. */
  readonly tls?: { readonly ca?: string; readonly certificate?: string; readonly key?: string }
  readonly prefix: string
  readonly timeoutMs: number
  readonly spool: { readonly folder: string; readonly maxBytes: number }
}

interface RedisPlace {
  readonly host: string
  readonly port: number
}

export interface StoreConfig {
  /** Absolute path, `:memory:`, or the URL of Redis without a user and a password. */
  readonly store: string
  readonly redis?: RedisConfig
  /** Where the installation's secret is; absent when the store is in memory. */
  readonly keyFile?: string
}

/** @param keyFile as written */
export function settleStore(written: z.output<typeof storeSetting>, keyFile: string | undefined, directory: string): StoreConfig {
  if (typeof written === 'string' && !isRedis(written)) {
    if (written === IN_MEMORY) return { store: IN_MEMORY }
    const store = resolve(directory, written)
    return { store, keyFile: resolve(directory, keyFile ?? join(store, '..', KEY_FILE)) }
  }
  const options =
    typeof written === 'string' ? { url: written, prefix: PREFIX, timeout: TIMEOUT_MS, spool: { maxBytes: SPOOL_MAX_BYTES } } : written
  const found = parseRedisUrl(options.url)
  if (found === undefined) throw new RangeError(EXPECTED) // the setting has looked
  const { isTls, ...place } = found
  const { username, password, ca, certificate, key } = {
    username: undefined,
    password: undefined,
    ca: undefined,
    certificate: undefined,
    key: undefined,
    ...options,
  }
  const path = (name: string): string => (isAbsolute(name) ? name : resolve(directory, name))
  const tls = {
    ...(ca === undefined ? {} : { ca: path(ca) }),
    ...(certificate === undefined ? {} : { certificate: path(certificate) }),
    ...(key === undefined ? {} : { key: path(key) }),
  }
  const { maxBytes, folder = join(FOLDER, 'spool') } = { folder: undefined, ...options.spool }
  return {
    store: `redis${isTls ? 's' : ''}${place.kind === 'single' ? '' : `+${place.kind}`}://${place.places.map(({ host, port }) => `${host}:${port}`).join(',')}/${place.primary ?? place.database}`,
    redis: {
      ...place,
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      ...(isTls ? { tls } : {}),
      prefix: options.prefix,
      timeoutMs: options.timeout,
      spool: { folder: path(folder), maxBytes },
    },
    keyFile: path(keyFile ?? join(FOLDER, KEY_FILE)),
  }
}

function isRedis(written: string): boolean {
  return /^redis[a-z+]*:/.test(written)
}

type Place = Pick<RedisConfig, 'kind' | 'places' | 'primary' | 'database' | 'username' | 'password'> & { readonly isTls: boolean }

/** Several hosts in one URL: `new URL` knows none such. Undefined for what has not the form. */
function parseRedisUrl(written: string): Place | undefined {
  const [, secure, more, user, hosts = '', rest = ''] = URL_FORM.exec(written) ?? []
  const kind = more === 'sentinel' || more === 'cluster' ? more : 'single'
  const port = kind === 'sentinel' ? SENTINEL_PORT : REDIS_PORT
  const [first, ...others] = hosts.split(',').map((host) => parsePlace(host, port))
  if (first === undefined || (kind === 'single' && others.length > 0)) return undefined
  const named = others.filter((other) => other !== undefined)
  if (named.length < others.length) return undefined
  const [name, number = ''] = kind === 'sentinel' ? rest.split('/') : ['', rest]
  if ((kind === 'sentinel' && (name === undefined || name === '')) || !/^\d{0,4}$/.test(number) || (kind === 'cluster' && number !== ''))
    return undefined
  const credential = parseUser(user)
  if (credential === undefined) return undefined
  return {
    kind,
    isTls: secure !== undefined,
    places: [first, ...named],
    database: Number(number),
    ...(kind === 'sentinel' ? { primary: name ?? '' } : {}),
    ...credential,
  }
}

function parsePlace(written: string, defaultPort: number): RedisPlace | undefined {
  const [, six, name, port] = PLACE.exec(written) ?? []
  const host = six ?? name
  const number = port === undefined ? defaultPort : Number(port)
  return host === undefined || number < 1 || number > 65_535 ? undefined : { host, port: number }
}

/** `user:password`, percent-encoded as in every URL. */
function parseUser(written: string | undefined): Pick<RedisConfig, 'username' | 'password'> | undefined {
  if (written === undefined || written === '') return {}
  try {
    const colon = written.indexOf(':')
    const username = decodeURIComponent(colon === -1 ? written : written.slice(0, colon))
    const password = colon === -1 ? '' : decodeURIComponent(written.slice(colon + 1))
    return { ...(username === '' ? {} : { username }), ...(password === '' ? {} : { password: new Secret(password) }) }
  } catch {
    return undefined
  }
}
