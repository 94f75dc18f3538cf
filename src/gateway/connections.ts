/** Credentials of servers where each user has connected an account; whoever has not is sent to a page of ours. */
import type { TokenManager } from '../agent/manager.ts'
import { Denial, Fault } from '../core/denial.ts'
import { isObject } from '../core/json.ts'
import { nameOf, type Principal } from '../core/principal.ts'
import { createSeal, type Seal } from '../core/seal.ts'
import type { House } from '../guard/create.ts'
import { remember } from '../trust/remember.ts'
import { type ConnectedServer, connectionManager, isConnected } from './connected.ts'
import type { UpstreamCredentials } from './credentials.ts'
import { Holder, type Obtained } from './holder.ts'
import { Login, type LoginParts } from './login.ts'

/** Users whose token for one server is at hand. */
const HOLDERS_MAX = 10_000
/** So long a token is used before the store is asked whether the connection still stands: removed, it works no longer than this. */
const TRUSTED_MS = 5_000
/** Long enough to be read by a model, shown to a person and opened. */
const LINK_MS = 15 * 60_000

export type ConnectionParts = Pick<House, 'store' | 'seal' | 'clock'> & LoginParts

/** Links to the page where an account is connected: each for one user, in time. Whoever opens it must be signed in as that user. */
export class ConnectLinks {
  readonly #seal: Seal
  readonly #clock: House['clock']
  #publicUrl: string | undefined

  constructor({ keyring, clock }: Pick<House, 'keyring' | 'clock'>) {
    this.#seal = createSeal(keyring.key('connections'))
    this.#clock = clock
  }

  /** Where people reach us. Until it is known there are no links. */
  serveAt(publicUrl: string): void {
    this.#publicUrl = publicUrl
  }

  /** @returns undefined for whom no browser could ever be signed in: keys, and users of other issuers. */
  linkFor(server: string, principal: Principal): string | undefined {
    if (this.#publicUrl === undefined || principal.issuer !== this.#publicUrl || principal.kind !== 'user') return undefined
    const text = JSON.stringify({ principal: nameOf(principal), until: this.#clock() + LINK_MS })
    return `${this.#publicUrl}/connect/${server}?for=${this.#seal.seal(text, `connect ${server}`)}`
  }

  /** For whom a link was made; undefined when it is none of ours, or late. */
  readLink(server: string, ticket: string): string | undefined {
    try {
      const said: unknown = JSON.parse(this.#seal.open(ticket, `connect ${server}`))
      if (!isObject(said) || typeof said['principal'] !== 'string' || typeof said['until'] !== 'number') return undefined
      return this.#clock() < said['until'] ? said['principal'] : undefined
    } catch {
      return undefined
    }
  }
}

export function createConnectionCredentials(server: ConnectedServer, links: ConnectLinks, parts: ConnectionParts): UpstreamCredentials {
  const users = new Map<string, { readonly holder: Holder; readonly manager: TokenManager }>()
  const login = new Login(server.name, 'connection', parts)
  return {
    attachmentFor(principal) {
      const name = nameOf(principal)
      const known = users.get(name)
      if (known !== undefined) return known.holder
      const manager = connectionManager(server, name, parts)
      const user = { server, principal, manager }
      const obtain = (refused: string | undefined): Promise<Obtained> => login.attempt(principal, () => ask(user, refused, links, parts))
      const holder = new Holder({ obtain, clock: parts.clock })
      remember(users, name, { holder, manager }, HOLDERS_MAX)
      return holder
    },
    keyOf: nameOf,
    // What could not be put away is gone, and its user connects anew.
    close: async () => void (await Promise.allSettled([...users.values()].map(({ manager }) => manager[Symbol.asyncDispose]()))),
  }
}

/** One who has connected an account, or may. */
interface User {
  readonly server: ConnectedServer
  readonly principal: Principal
  readonly manager: TokenManager
}

/** @throws Denial `connection_required` when the user has to do something. */
async function ask(
  { server, principal, manager }: User,
  refused: string | undefined,
  links: ConnectLinks,
  parts: ConnectionParts,
): Promise<Obtained> {
  const name = nameOf(principal)
  const missing = (why: string): Denial => {
    const url = links.linkFor(server.name, principal)
    const remedies = url === undefined ? [] : [{ kind: 'connect', url } as const]
    return new Denial('connection_required', { detail: `${server.name}: ${name} ${why}`, remedies })
  }
  try {
    if (!(await isConnected(server, name, parts))) throw missing('has connected no account')
    // Another process may have renewed it, or connected another account.
    await manager.reread(server.url)
    const held = refused === undefined ? await manager.token(server.url) : undefined
    const token = held ?? (await manager.renew(server.url, undefined, refused))
    if (token.dpop !== undefined)
      throw new Fault('FAULT_SIGN_IN', 'the server wants tokens that are bound to a key, which the gateway does not do')
    const { accessToken, expiresAt } = token
    return { accessToken, trustedUntil: Math.min(parts.clock() + TRUSTED_MS, expiresAt ?? Number.POSITIVE_INFINITY) }
  } catch (error) {
    // Nobody is asked here, so a refusal means that somebody has to be.
    if (error instanceof Fault && error.code === 'FAULT_SIGN_IN' && error.message.startsWith('There is no token'))
      throw missing('has to connect the account again')
    throw error
  }
}
