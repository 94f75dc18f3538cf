/** TokenManager: somebody else's problem. It finds out whose tokens a server takes, gets them, keeps them, renews them in time. */
import { setTimeout as passed } from 'node:timers/promises'
import { Fault } from '../core/denial.ts'
import { untilAborted, within } from '../core/signal.ts'
import type { Clock } from '../core/time.ts'
import { remember } from '../trust/remember.ts'
import { Busy } from './busy.ts'
import type { Challenge } from './challenge.ts'
import { Errands } from './errands.ts'
import { Flights } from './flights.ts'
import { type Held, KeptTokens, type Token } from './kept.ts'
import { type Located, Locator } from './locator.ts'
import { Network } from './network.ts'
import { checkOptions, type Grant, type RegisteredClient, type TokenManagerOptions } from './options.ts'
import { holds, keyOf, type Place, type TokenRecord, TokenRecords } from './record.ts'
import { INVALID_CLIENT, refusedWith } from './refusal.ts'
import { isSafe, serverOf } from './resource.ts'
import { memoryStorage } from './storage.ts'

/** So long before its end a token is renewed; one that lives shorter, at the half of its life. */
const EARLY_MS = 30_000
/** So long a call waits for a renewal while its token is good still. */
const PATIENCE_MS = 1_000
/** After a renewal that failed or took longer, a token that is good still is used so long without another try. */
const PAUSE_MS = 5_000
/** Places where that is so at once. */
const PAUSES_MAX = 1_000
/** Another process that was quicker with a refresh token puts away what it was given: it is looked for again after these. */
const SETTLING_MS: readonly number[] = [0, 50, 200, 500]
/** So long the end waits for what is under way. */
const END_MAX_MS = 10_000
/** RFC 6750 §3.1. */
const STEP_UP = 'insufficient_scope'

/** Why a token is wanted. */
interface Wish {
  readonly server: URL
  readonly place: Place
  /** Absent: it is to be renewed before its time, and nobody is asked. */
  readonly located?: Located
  readonly challenge?: Challenge | undefined
  /** The access token that was refused, or is about to end. */
  readonly refused?: string | undefined
  /** Whatever there is. */
  readonly isAnew?: true
}

/** Gets tokens for the servers that are called, keeps them, and renews them in time, once for all who wait. Dispose of it when no more calls are made. */
export class TokenManager implements AsyncDisposable {
  readonly #grant: Grant
  readonly #client: RegisteredClient | undefined
  readonly #clock: Clock
  readonly #kept: KeptTokens
  readonly #network: Network
  readonly #locator: Locator
  readonly #errands: Errands
  /** Many callers, one errand. One that brings nothing leaves those who want a renewal before its time as they are. */
  readonly #flights = new Flights<Held | undefined, Wish>({
    errand: (_key, wishes) => this.#serve(wishes),
    isEnough: (brought, wish, carried) =>
      brought === undefined ? wish.located === undefined : this.#isEnough(brought, wish) || isAsked(wish, carried),
    isOfOne: (error) => refusedWith(error) === 'invalid_scope',
  })
  readonly #underWay = new Set<Promise<unknown>>()
  /** Until when nothing is renewed that is good still, by place. */
  readonly #pauses = new Map<string, number>()
  readonly #closing = new AbortController()

  /** @throws TypeError when the options are not what they must be, saying which. */
  constructor(options: TokenManagerOptions = {}) {
    checkOptions(options)
    const { grant = { kind: 'sign_in' }, client, storage = memoryStorage(), account = '', clock = Date.now, network } = options
    this.#grant = grant
    this.#client = client
    this.#clock = clock
    this.#kept = new KeptTokens(new TokenRecords(storage, account))
    this.#network = new Network(network)
    const busy = new Busy(clock)
    this.#locator = new Locator(options, busy)
    this.#errands = new Errands({ options, grant, storage, clock, locator: this.#locator, busy, closing: this.#closing.signal })
  }

  /**
   * The token for a server, renewed when it is about to end. Undefined when there is none: the server will say what it wants.
   * @throws Fault `FAULT_STORE`, `FAULT_SEAL`, `FAULT_CLOSED`; never because a renewal failed while the token still lives.
   */
  async token(url: string | URL): Promise<Token | undefined> {
    const server = serverOf(url)
    const held = await this.#kept.find(server)
    if (held === undefined) return undefined
    const { place, record, token } = held
    const { obtainedAt, expiresAt, refreshToken, accessToken } = record
    const now = this.#clock()
    if (expiresAt === undefined || now < expiresAt - Math.min(EARLY_MS, (expiresAt - obtainedAt) / 2)) return token
    const isGood = now < expiresAt
    if (refreshToken === undefined && this.#asksSomebody) return isGood ? token : undefined
    if (isGood && now < (this.#pauses.get(keyOf(place)) ?? 0)) return token
    const renewal = this.#flights.join(keyOf(place), { server, place, refused: accessToken })
    if (!isGood) return (await renewal.catch(nothing))?.token
    const brought = await within(PATIENCE_MS, renewal.catch(nothing))
    if (brought === undefined) remember(this.#pauses, keyOf(place), now + PAUSE_MS, PAUSES_MAX)
    return (brought ?? held).token
  }

  /**
   * A token that the server has not refused: refreshed, or got anew by the grant.
   * @param challenge what the server demands; its scopes are asked for together with those that were granted before (SEP-2350), and with
   *   those that others wait for.
   * @param refused the access token that was refused. When another one is there meanwhile, that is it.
   * @throws Fault `FAULT_DISCOVERY`, `FAULT_SIGN_IN`, `FAULT_CLIENT_REGISTRATION`, `FAULT_BROWSER`, `FAULT_FETCH`, `FAULT_FETCH_REFUSED`, `FAULT_CLOSED`
   */
  async renew(url: string | URL, challenge?: Challenge, refused?: string): Promise<Token> {
    const server = this.#safe(url)
    const known = this.#kept.at(server)
    if (known !== undefined && this.#isEnough(known, { challenge, refused })) return known.token
    const located = await this.#locate(server, challenge?.resourceMetadata)
    return await this.#get({ server, place: located.place, located, challenge, refused })
  }

  /**
   * A token got anew by the grant, whatever there is: a person may be somebody else this time.
   * @throws Fault as `renew` does.
   */
  async signIn(url: string | URL): Promise<Token> {
    const server = this.#safe(url)
    const located = await this.#locate(server)
    return await this.#get({ server, place: located.place, located, isAnew: true })
  }

  /** What another process has put away, or taken away, is known from now on. @throws Fault `FAULT_STORE`, `FAULT_SEAL` */
  async reread(url: string | URL): Promise<void> {
    await this.#kept.reread(serverOf(url))
  }

  /** Forgets the tokens for a server, and ends them where they were issued (RFC 7009) when that can be done. @returns whether there were any. */
  async forget(url: string | URL): Promise<boolean> {
    const server = serverOf(url)
    const held = await this.#kept.forget(server)
    if (held !== undefined) await this.#errands.end(held.place, held.record, this.#network.for(server))
    return held !== undefined
  }

  /**
   * Ends what is under way: a sign-in is waited for no longer, and calls that wait reject with Fault `FAULT_CLOSED`. What an authorization
   * server is about to give is kept before.
   * @throws Fault `FAULT_STORE` (rejects) when tokens could not be put away, and are gone.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Fault('FAULT_CLOSED', 'The token manager was disposed of: nobody waits for a token any more'))
    await within(END_MAX_MS, Promise.allSettled(this.#underWay))
    await this.#network[Symbol.asyncDispose]()
    await this.#kept.flush()
  }

  /** Whether a new token costs a person's attention, or cannot be had at all. */
  get #asksSomebody(): boolean {
    return this.#grant.kind === 'sign_in' || this.#grant.kind === 'stored'
  }

  #safe(url: string | URL): URL {
    const server = serverOf(url)
    if (!isSafe(server)) throw new Fault('FAULT_SIGN_IN', `${server.origin}: tokens go over https alone, or stay on this machine`)
    return server
  }

  #locate(server: URL, announced?: string): Promise<Located> {
    return untilAborted(this.#closing.signal, () => this.#locator.locate(server, announced, this.#network.for(server)))
  }

  async #get(wish: Wish & { readonly located: Located }): Promise<Token> {
    const brought = await this.#flights.join(keyOf(wish.place), wish)
    if (brought === undefined) throw new Fault('FAULT_SIGN_IN', `There is no token for ${wish.server.href}`)
    return brought.token
  }

  #isEnough({ record }: Held, { challenge, refused, isAnew }: Pick<Wish, 'challenge' | 'refused' | 'isAnew'>): boolean {
    if (isAnew === true || record.accessToken === refused) return false
    const isGood = record.expiresAt === undefined || this.#clock() < record.expiresAt
    return isGood && (challenge?.error !== STEP_UP || holds(record, challenge.scopes))
  }

  async #serve(wishes: readonly Wish[]): Promise<Held | undefined> {
    const [first] = wishes
    const asking = wishes.find(({ located }) => located !== undefined)
    if (first === undefined) return undefined
    return await untilAborted(this.#closing.signal, () => {
      const errand = asking?.located === undefined ? this.#renewEarly(first) : this.#renew(asking.server, asking.located, wishes)
      this.#underWay.add(errand)
      return errand.finally(() => this.#underWay.delete(errand))
    })
  }

  /** Before the server refuses it. @returns undefined when that does not succeed. */
  async #renewEarly(wish: Wish): Promise<Held | undefined> {
    const { server, place } = wish
    try {
      const kept = await this.#kept.read(place)
      if (kept === undefined || this.#isEnough(kept, wish)) return kept
      if (kept.record.refreshToken !== undefined) return await this.#refresh(server, kept)
      return this.#asksSomebody ? undefined : await this.#obtain(server, await this.#locate(server), kept.record, [])
    } catch (error) {
      return nothing(error)
    }
  }

  async #renew(server: URL, located: Located, wishes: readonly Wish[]): Promise<Held> {
    const kept = await this.#kept.read(located.place)
    const isAnew = wishes.some((wish) => wish.isAnew)
    if (kept !== undefined && !isAnew) {
      for (const wish of wishes) await this.#kept.link(wish.server, located.place)
      if (wishes.every((wish) => this.#isEnough(kept, wish))) return kept
      const isStepUp = wishes.some(({ challenge }) => challenge?.error === STEP_UP)
      const refreshed = isStepUp ? undefined : await this.#tryRefresh(server, kept)
      if (refreshed !== undefined) return refreshed
    }
    const challenges = wishes.flatMap(({ challenge }) => challenge ?? [])
    const obtained = await this.#obtain(server, located, isAnew ? undefined : kept?.record, challenges)
    for (const wish of wishes) await this.#kept.link(wish.server, located.place)
    return obtained
  }

  async #obtain(server: URL, located: Located, before: TokenRecord | undefined, challenges: readonly Challenge[]): Promise<Held> {
    const brought = await this.#errands.obtain(located, before, challenges, this.#network.for(server))
    return (await this.#kept.keep(server, located.place, brought)) ?? forgotten(server)
  }

  async #refresh(server: URL, { place, record, token }: Held): Promise<Held> {
    const fetch = this.#network.for(server)
    const brought = await this.#errands.refresh(place, record, token.dpop, fetch)
    const kept = await this.#kept.keep(server, place, brought, record)
    if (kept === undefined) await this.#errands.end(place, brought.record, fetch)
    return kept ?? forgotten(server)
  }

  /** @returns undefined when the grant has to be asked again. */
  async #tryRefresh(server: URL, kept: Held): Promise<Held | undefined> {
    const { place, record } = kept
    if (record.refreshToken === undefined) return undefined
    try {
      return await this.#refresh(server, kept)
    } catch (error) {
      const code = refusedWith(error)
      if (code === undefined) throw error
      const other = await this.#settled(kept)
      if (other !== undefined) return other
      const isOwnClient = this.#client === undefined || this.#client.id !== record.client
      if (code === INVALID_CLIENT && isOwnClient) await this.#errands.forgetClient(place, this.#network.for(server))
      // It has ended (RFC 6749 §5.2). Anything else is wrong with the client, or with the request, and it may be good still.
      if (code === 'invalid_grant' || (code === INVALID_CLIENT && isOwnClient)) await this.#kept.delete(place)
      else if (this.#grant.kind === 'stored' || code === INVALID_CLIENT) throw error
      return undefined
    }
  }

  /** Another process with the same storage was quicker: what it was given stands, as soon as it is put away. */
  async #settled({ place, record }: Held): Promise<Held | undefined> {
    for (const ms of SETTLING_MS) {
      await passed(ms, undefined, { signal: this.#closing.signal })
      const now = await this.#kept.read(place)
      if (now?.record.accessToken !== record.accessToken) return now
    }
    return undefined
  }
}

/** What was asked for just now and not granted is not asked for again by those who wait for the same. */
function isAsked({ challenge }: Wish, carried: readonly Wish[]): boolean {
  const asked = carried.flatMap((other) => (other.challenge?.error === STEP_UP ? other.challenge.scopes : []))
  return challenge?.error === STEP_UP && challenge.scopes.length > 0 && challenge.scopes.every((scope) => asked.includes(scope))
}

function forgotten(server: URL): never {
  throw new Fault('FAULT_SIGN_IN', `There is no token for ${server.href} any more: it was forgotten while it was renewed`)
}

/** What a fault of the authorization server leaves of an attempt. */
function nothing(error: unknown): undefined {
  if (!(error instanceof Fault) || error.code === 'FAULT_CLOSED') throw error
  return undefined
}
