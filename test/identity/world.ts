/** What the tests of this room share: a clock that is turned by hand, a key store in memory, a call. */
import type { Call } from '../../src/core/call.ts'
import type { Credential } from '../../src/core/principal.ts'
import { Secret } from '../../src/core/secret.ts'
import { ApiKeys } from '../../src/identity/api-key.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'

export const DAY_MS = 86_400_000
const HASH_KEY = Buffer.alloc(32, 7)

export interface World {
  now: number
  readonly store: Store
  readonly keys: ApiKeys
  /** Another process on the same store. */
  another(): ApiKeys
}

export function createWorld(path = ':memory:'): World {
  const turned = { now: Date.UTC(2026, 10, 21) }
  const clock = (): number => turned.now
  const store = openSqlite(path, { clock })
  const another = (): ApiKeys => new ApiKeys({ store, hashKey: HASH_KEY, clock, prefix: 'mcp', expiresMs: 90 * DAY_MS })
  return Object.assign(turned, { store, keys: another(), another })
}

export function apiKey(text: Secret | string): Credential {
  return { scheme: 'api-key', secret: typeof text === 'string' ? new Secret(text) : text }
}

export function bearer(text: Secret | string): Credential {
  return { ...apiKey(text), scheme: 'bearer' }
}

export const CALL: Call = {
  id: '01999999-0000-7000-8000-000000000000',
  method: 'tools/list',
  action: 'list',
  resource: { kind: 'server', server: 'files', name: 'files' },
  arguments: {},
  message: { body: { jsonrpc: '2.0', id: 1, method: 'tools/list' } },
  origin: { transport: 'http', era: 'modern', revision: '2026-07-28' },
  receivedAt: 0,
  signal: new AbortController().signal,
}
