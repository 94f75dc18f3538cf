/** A Bearer scheme over a real store, with a clock that is turned by hand. */
import type { Call } from '../../src/core/call.ts'
import { Denial } from '../../src/core/denial.ts'
import type { ClientCertificate, Principal } from '../../src/core/principal.ts'
import { Secret } from '../../src/core/secret.ts'
import { Bearer } from '../../src/identity/bearer.ts'
import { createTokenIssuer, type KeySource } from '../../src/identity/bearer-issuer.ts'
import type { TokenRules } from '../../src/identity/bearer-token.ts'
import { Revocations } from '../../src/identity/revocation.ts'
import { tokensOf } from '../../src/identity/tokens.ts'
import { openSqlite } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'
import { ALGS } from '../../src/trust/jwk.ts'
import { createProofs } from '../../src/trust/proof.ts'
import { aSource, ISSUER, NOW } from './issuer.ts'
import { CALL } from './world.ts'

export const RULES: TokenRules = { issuer: ISSUER, typ: 'at+jwt', scopes: 'scope', maxLifetimeMs: 86_400_000 }
export const PUBLIC_URL = 'https://mcp.example.com'
/** Random, for these tests alone. */
export const SECRET = 'c0/5oM3yTgIPZkxJZ2vqTq1nKwRr0hYB1f8XvLzE7uQ='

export interface Trusted {
  readonly rules?: Partial<TokenRules>
  readonly source?: KeySource
  readonly algorithms?: readonly string[]
}

interface Asked {
  readonly scheme?: 'bearer' | 'dpop'
  readonly server?: string
  readonly proofs?: readonly string[]
  readonly certificate?: ClientCertificate
  readonly method?: string
}

/** @param path of a store that other worlds share. */
export function aBearer(trusted: readonly Trusted[] = [{}], path = ':memory:') {
  const turned = { now: NOW }
  const clock = (): number => turned.now
  const store: Store = openSqlite(path, { clock })
  const revocations = new Revocations(store, clock)
  let made = 0
  const tokens = tokensOf(PUBLIC_URL, { secret: new Secret(SECRET), store, clock, newId: () => `id-${++made}` })
  const issuers = trusted.map(({ rules, source = aSource(), algorithms = ALGS }) =>
    createTokenIssuer({ ...RULES, ...rules }, algorithms, source),
  )
  const bearer = new Bearer({
    issuers: [...issuers, tokens],
    revocations,
    proofs: createProofs({ store, clock }),
    audiencesOf: (server) => [`${PUBLIC_URL}/mcp/${server}`],
    clock,
  })
  const ask = async (
    text: string,
    { scheme = 'bearer', server = 'files', method = 'tools/list', ...more }: Asked = {},
  ): Promise<Principal | undefined> => {
    const call: Call = { ...CALL, method, resource: { ...CALL.resource, server } }
    return await bearer.authenticate({ scheme, secret: new Secret(text), ...more }, call)
  }
  return Object.assign(turned, { bearer, store, revocations, tokens, ask })
}

/** Why it was refused, with the code in front; `good` when it was not. */
export async function verdict(asked: Promise<unknown>): Promise<string> {
  try {
    await asked
    return 'good'
  } catch (error) {
    const denial = Denial.from(error)
    return `${denial.code}: ${denial.detail}`
  }
}
