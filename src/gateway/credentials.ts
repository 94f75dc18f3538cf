/** What is presented to a server behind the gateway, on behalf of whom: kept apart by caller, never shared between two. */

import type { ClientWorld } from '../agent/client.ts'
import { ACCESS_TOKEN, obtain } from '../agent/grants.ts'
import type { Grant, RegisteredClient } from '../agent/options.ts'
import { recordOf } from '../agent/record.ts'
import { discoverServer, type ServerMetadata } from '../agent/server.ts'
import { memoryStorage } from '../agent/storage.ts'
import type { ClientConfig, CredentialConfig } from '../config/credentials.ts'
import { Denial, Fault } from '../core/denial.ts'
import { nameOf, type Principal } from '../core/principal.ts'
import type { Secret } from '../core/secret.ts'
import type { House } from '../guard/create.ts'
import { createGuardedFetch, type GuardedFetch } from '../net/fetch.ts'
import { remember } from '../trust/remember.ts'
import type { Credentials } from '../upstream/http-plan.ts'
import { Holder, type Obtained } from './holder.ts'
import { Login, type LoginParts } from './login.ts'

/** Callers whose credential for one server is at hand; of others it is got again. */
const HOLDERS_MAX = 10_000
/** What an issuer says of itself is read anew after this long. */
const METADATA_MS = 3_600_000

export interface UpstreamCredentials extends Credentials {
  close(): Promise<void>
}

export type CredentialParts = Pick<House, 'clock' | 'presentedBy'> & LoginParts

/** What a server's tokens are asked for. */
interface Target {
  /** Its name in the configuration. */
  readonly name: string
  readonly url: string
}

/** Undefined: nothing but fixed headers. */
export function createCredentials(
  target: Target,
  config: CredentialConfig | undefined,
  parts: CredentialParts,
): UpstreamCredentials | undefined {
  switch (config?.kind) {
    case 'clientCredentials':
      return forAll(target, config, parts)
    case 'tokenExchange':
      return forEach(target, config, parts)
    default:
      return undefined
  }
}

/** The fixed headers. */
export function headersOf(config: CredentialConfig | undefined): Readonly<Record<string, Secret>> {
  return config?.kind === 'header' ? { [config.name]: config.value } : {}
}

function forAll(target: Target, config: ClientConfig, parts: CredentialParts): UpstreamCredentials {
  const desk = new Desk(target, config, new Login(target.name, 'clientCredentials', parts), parts)
  const holder = new Holder({ obtain: () => desk.ask({ kind: 'client_credentials' }), clock: parts.clock })
  return { attachmentFor: () => holder, keyOf: () => '', close: () => desk.close() }
}

interface Exchanged {
  readonly holder: Holder
  /** The newest token that somebody of this key came with. */
  subject: Secret
}

function forEach(target: Target, config: ClientConfig & { readonly audience?: string }, parts: CredentialParts): UpstreamCredentials {
  const desk = new Desk(target, config, new Login(target.name, 'tokenExchange', parts), parts)
  const known = new Map<string, Exchanged>()
  const open = (key: string, principal: Principal, subject: Secret): Exchanged => {
    const exchanged: Exchanged = {
      subject,
      holder: new Holder({
        obtain: () => {
          const token = { token: exchanged.subject.reveal(), type: ACCESS_TOKEN }
          const audience = config.audience === undefined ? {} : { audience: config.audience }
          return desk.ask({ kind: 'token_exchange', subject: () => Promise.resolve(token), ...audience }, principal)
        },
        clock: parts.clock,
      }),
    }
    remember(known, key, exchanged, HOLDERS_MAX)
    return exchanged
  }
  return {
    attachmentFor(principal) {
      const subject = parts.presentedBy(principal)
      if (subject === undefined)
        throw new Denial('forbidden', {
          detail: `${target.name}: it takes the caller's own token exchanged, and ${principal.issuer} gave none`,
        })
      const key = exchangeKey(principal)
      const exchanged = known.get(key) ?? open(key, principal, subject)
      exchanged.subject = subject
      return exchanged.holder
    },
    keyOf: exchangeKey,
    close: () => desk.close(),
  }
}

/** All that a token says of what may be done with it: what was got for a wide one is not used for a narrow one of the same person. */
function exchangeKey(principal: Principal): string {
  const { client, tenant, actors, scopes } = principal
  return JSON.stringify([nameOf(principal), client, tenant, actors, scopes?.toSorted()])
}

/** Where the gateway asks for tokens for one server. */
class Desk {
  readonly #target: Target
  readonly #config: ClientConfig
  readonly #login: Login
  readonly #parts: CredentialParts
  readonly #fetch: GuardedFetch
  readonly #world: ClientWorld
  #metadata: { readonly read: Promise<ServerMetadata>; readonly until: number } | undefined

  constructor(target: Target, config: ClientConfig, login: Login, parts: CredentialParts) {
    const { issuer, tokenUrl, allowPrivate } = config
    const origins = [issuer, tokenUrl].flatMap((url) => (url === undefined ? [] : [new URL(url).origin]))
    this.#target = target
    this.#config = config
    this.#login = login
    this.#parts = parts
    this.#fetch = createGuardedFetch({ allowPrivate: allowPrivate ? origins : false })
    this.#world = { fetch: this.#fetch, storage: memoryStorage(), clock: parts.clock }
  }

  close(): Promise<void> {
    return this.#fetch.close()
  }

  /** @throws Denial as `Login` does. */
  async ask(grant: Grant, principal?: Principal): Promise<Obtained> {
    const { clientId, scopes, resource = this.#target.url } = this.#config
    return await this.#login.attempt(principal, async () => {
      const metadata = await this.#issuer()
      const client = this.#client(metadata.issuer)
      const wish = {
        metadata,
        resource: resource === false ? undefined : resource,
        scopes,
        dpop: undefined,
        options: { client },
        world: this.#world,
      }
      const { response } = await obtain(grant, wish)
      const { kind, accessToken, obtainedAt, expiresAt } = recordOf(response, { client: clientId, scopes, now: this.#parts.clock() })
      if (kind !== 'bearer') throw new Fault('FAULT_SIGN_IN', `${metadata.issuer} binds the token to a key that the gateway does not have`)
      return { accessToken, obtainedAt, ...(expiresAt === undefined ? {} : { expiresAt }) }
    })
  }

  #client(issuer: string): RegisteredClient {
    const { clientId, clientSecret, key } = this.#config
    return { id: clientId, issuer, ...(clientSecret === undefined ? {} : { secret: clientSecret }), ...(key === undefined ? {} : { key }) }
  }

  #issuer(): Promise<ServerMetadata> {
    const { issuer, tokenUrl } = this.#config
    if (tokenUrl !== undefined) return Promise.resolve({ issuer: tokenUrl, token_endpoint: tokenUrl })
    const now = this.#parts.clock()
    if (this.#metadata !== undefined && now < this.#metadata.until) return this.#metadata.read
    const read = discoverServer(issuer ?? '', this.#fetch)
    this.#metadata = { read, until: now + METADATA_MS }
    read.catch(() => {
      this.#metadata = undefined
    })
    return read
  }
}
