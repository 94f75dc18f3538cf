/** TokenManager: somebody else's problem. It finds out whose tokens a server takes, gets them, keeps them, renews them in time. */
import type { DPoPHandle } from 'oauth4webapi'
import { Fault } from '../core/denial.ts'
import { untilAborted, within } from '../core/signal.ts'
import type { Clock } from '../core/time.ts'
import { remember } from '../trust/remember.ts'
import type { Challenge } from './challenge.ts'
import { type Brought, Errands } from './errands.ts'
import { Flights } from './flights.ts'
import { type Located, Locator } from './locator.ts'
import { Network } from './network.ts'
import { checkOptions, type Grant, type TokenManagerOptions } from './options.ts'
import { holds, keyOf, openProofKey, type Place, type TokenRecord, TokenRecords } from './record.ts'
import { refusedWith } from './refusal.ts'
import { isSafe, serverOf } from './resource.ts'
import { memoryStorage } from './storage.ts'

/** So long before its end a token is renewed; one that lives shorter, at the half of its life. */
const EARLY_MS = 30_000
/** So long a call waits for a renewal while its token is good still. */
const PATIENCE_MS = 1_000
/** After a renewal that failed or took longer, a token that is good still is used so long without another try. */
const PAUSE_MS = 5_000
/** Servers, and tokens, that are known at once; of the others it is read again. */
const SERVERS_MAX = 1_000

/** What a call to a server is made with. */
export interface Token {
  readonly accessToken: string
  /** Proves possession of the key that the token is bound to (RFC 9449); absent for bearer tokens. */
  readonly dpop?: DPoPHandle
  readonly scopes: readonly string[]
  /** Milliseconds since the epoch. */
  readonly expiresAt?: number
  readonly issuer: string
  /** Absent for servers of revision 2025-03-26. */
  readonly resource?: string
}

interface Held {
  readonly place: Place
  readonly record: TokenRecord
  readonly token: Token
}

/** What is wrong with the token that somebody has. */
interface Wish {
  readonly challenge?: Challenge | undefined
  /** The access token that was refused. */
  readonly refused?: string | undefined
}

/** Gets tokens for the servers that are called, keeps them, and renews them in time, once for all who wait. Dispose of it when no more calls are made. */
export class TokenManager implements AsyncDisposable {
  readonly #grant: Grant
  readonly #records: TokenRecords
  readonly #clock: Clock
  readonly #network: Network
  readonly #locator: Locator
  readonly #errands: Errands
  /** By server: several may be one resource, and have its tokens in common. */
  readonly #places = new Map<string, Place>()
  /** By place, as all below. */
  readonly #held = new Map<string, Held>()
  /** Many callers, one flight. One that brought nothing leaves everybody as they were. */
  readonly #flights = new Flights<Held | undefined, Wish>()
  /** Until when nothing is renewed that is good still. */
  readonly #pauses = new Map<string, number>()
  /** Exchanges that use up a refresh token: what they bring must be kept. */
  readonly #spending = new Set<Promise<Held>>()
  readonly #closing = new AbortController()

  /** @throws TypeError when the options are not what they must be, saying which. */
  constructor(options: TokenManagerOptions = {}) {
    checkOptions(options)
    const { grant = { kind: 'sign_in' }, storage = memoryStorage(), account = '', clock = Date.now, network } = options
    this.#grant = grant
    this.#records = new TokenRecords(storage, account)
    this.#clock = clock
    this.#network = new Network(network)
    this.#locator = new Locator(options)
    this.#errands = new Errands({ options, grant, storage, clock, locator: this.#locator, closing: this.#closing.signal })
  }

  /**
   * The token for a server, renewed when it is about to end. Undefined when there is none: the server will say what it wants.
   * @throws Fault `FAULT_STORE`, `FAULT_SEAL`; never because a renewal failed while the token still lives.
   */
  async token(url: string | URL): Promise<Token | undefined> {
    const server = serverOf(url)
    const held = await this.#known(server)
    if (held === undefined) return undefined
    const { obtainedAt, expiresAt, refreshToken } = held.record
    const now = this.#clock()
    if (expiresAt === undefined || now < expiresAt - Math.min(EARLY_MS, (expiresAt - obtainedAt) / 2)) return held.token
    const isGood = now < expiresAt
    if (refreshToken === undefined && this.#asksSomebody) return isGood ? held.token : undefined
    if (!isGood) return (await this.#renewEarly(server, held))?.token
    const key = keyOf(held.place)
    if (now < (this.#pauses.get(key) ?? 0)) return held.token
    const brought = await within(PATIENCE_MS, this.#renewEarly(server, held))
    if (brought === undefined) remember(this.#pauses, key, now + PAUSE_MS, SERVERS_MAX)
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
    return (await this.#get(url, { challenge, refused })).token
  }

  /**
   * A token got anew by the grant, whatever there is: a person may be somebody else this time.
   * @throws Fault as `renew` does.
   */
  async signIn(url: string | URL): Promise<Token> {
    const server = this.#safe(url)
    const located = await this.#locate(server)
    return (await untilAborted(this.#closing.signal, () => this.#obtain(server, located, undefined, []))).token
  }

  /** Forgets the tokens for a server, and ends them where they were issued (RFC 7009) when that can be done. @returns whether there were any. */
  async forget(url: string | URL): Promise<boolean> {
    const server = serverOf(url)
    const place = await this.#records.place(server)
    const record = place === undefined ? undefined : await this.#records.get(place)
    this.#places.delete(server.href)
    if (place === undefined || record === undefined) return false
    this.#held.delete(keyOf(place))
    await this.#records.delete(place)
    await this.#errands.end(place, record, this.#network.for(server))
    return true
  }

  /** Ends what is under way: a sign-in is waited for no longer, and calls that wait reject with Fault `FAULT_CLOSED`. A refresh is kept before. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Fault('FAULT_CLOSED', 'The token manager was disposed of: nobody waits for a token any more'))
    await Promise.allSettled(this.#spending)
    await this.#network[Symbol.asyncDispose]()
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

  async #get(url: string | URL, wish: Wish): Promise<Held> {
    const server = this.#safe(url)
    const place = this.#places.get(server.href)
    const known = place === undefined ? undefined : this.#held.get(keyOf(place))
    if (this.#isEnough(known, wish)) return known
    const located = await this.#locate(server, wish.challenge?.resourceMetadata)
    const brought = await this.#fly(located.place, wish, (wishes) => this.#renewAt(server, located, [...wishes]))
    // Only a renewal before its time brings nothing, and what another's brought was not enough.
    return brought ?? (await this.#get(url, wish))
  }

  #locate(server: URL, announced?: string): Promise<Located> {
    return untilAborted(this.#closing.signal, () => this.#locator.locate(server, announced, this.#network.for(server)))
  }

  #isEnough(held: Held | undefined, { challenge, refused }: Wish): held is Held {
    if (held === undefined || held.record.accessToken === refused) return false
    const { expiresAt } = held.record
    const isGood = expiresAt === undefined || this.#clock() < expiresAt
    return isGood && (challenge?.error !== STEP_UP || holds(held.record, challenge.scopes))
  }

  #fly(place: Place, wish: Wish, start: (wishes: ReadonlySet<Wish>) => Promise<Held | undefined>): Promise<Held | undefined> {
    const errand = (wishes: ReadonlySet<Wish>) => untilAborted(this.#closing.signal, () => start(wishes))
    return this.#flights.join(keyOf(place), wish, (brought) => this.#isEnough(brought, wish), errand)
  }

  /** Before the server refuses it. @returns undefined when that does not succeed, and nobody is asked. */
  async #renewEarly(server: URL, held: Held): Promise<Held | undefined> {
    const wish = { refused: held.record.accessToken }
    const renew = async (): Promise<Held> =>
      held.record.refreshToken === undefined
        ? await this.#renewAt(server, await this.#locate(server), [wish])
        : await this.#refresh(server, held)
    return await this.#fly(held.place, wish, () => renew().catch(nothing)).catch(nothing)
  }

  async #known(server: URL): Promise<Held | undefined> {
    const place = this.#places.get(server.href) ?? (await this.#records.place(server))
    if (place === undefined) return undefined
    remember(this.#places, server.href, place, SERVERS_MAX)
    return this.#held.get(keyOf(place)) ?? (await this.#read(place))
  }

  async #read(place: Place): Promise<Held | undefined> {
    const record = await this.#records.get(place)
    return record === undefined ? undefined : await this.#hold(place, record)
  }

  async #hold(place: Place, record: TokenRecord, handle?: DPoPHandle): Promise<Held> {
    const before = this.#held.get(keyOf(place))
    // The handle knows the server's nonces: it lives as long as the key.
    const kept = before?.record.key?.['x'] === record.key?.['x'] ? before?.token.dpop : undefined
    const dpop = handle ?? kept ?? (record.key === undefined ? undefined : await openProofKey(record.key))
    const token: Token = {
      accessToken: record.accessToken,
      scopes: record.scopes,
      issuer: place.issuer,
      ...(place.resource === undefined ? {} : { resource: place.resource }),
      ...(record.expiresAt === undefined ? {} : { expiresAt: record.expiresAt }),
      ...(dpop === undefined ? {} : { dpop }),
    }
    const held = { place, record, token }
    remember(this.#held, keyOf(place), held, SERVERS_MAX)
    return held
  }

  async #keep(server: URL, place: Place, { record, dpop }: Brought): Promise<Held> {
    await this.#records.put(place, record)
    await this.#records.putPlace(server, place)
    remember(this.#places, server.href, place, SERVERS_MAX)
    return await this.#hold(place, record, dpop)
  }

  /** Somebody else, perhaps another process, may have renewed it: what is kept is read first. */
  async #refresh(server: URL, known: Held): Promise<Held> {
    const now = (await this.#read(known.place)) ?? known
    if (now.record.accessToken !== known.record.accessToken) return now
    const { place, record, token } = now
    const refresh = this.#errands.refresh(place, record, token.dpop, this.#network.for(server))
    const kept = refresh.then((brought) => this.#keep(server, place, brought))
    this.#spending.add(kept)
    return await kept.finally(() => this.#spending.delete(kept))
  }

  async #renewAt(server: URL, located: Located, wishes: readonly Wish[]): Promise<Held> {
    const { place } = located
    const kept = await this.#read(place)
    if (kept !== undefined) {
      await this.#records.putPlace(server, place)
      remember(this.#places, server.href, place, SERVERS_MAX)
      if (wishes.every((wish) => this.#isEnough(kept, wish))) return kept
      const isStepUp = wishes.some(({ challenge }) => challenge?.error === STEP_UP)
      const refreshed = isStepUp ? undefined : await this.#tryRefresh(server, kept)
      if (refreshed !== undefined) return refreshed
    }
    const challenges = wishes.flatMap(({ challenge }) => challenge ?? [])
    return await this.#obtain(server, located, kept?.record, challenges)
  }

  async #obtain(server: URL, located: Located, before: TokenRecord | undefined, challenges: readonly Challenge[]): Promise<Held> {
    return await this.#keep(server, located.place, await this.#errands.obtain(located, before, challenges, this.#network.for(server)))
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
      // Another process with the same storage was quicker: what it was given stands.
      const now = await this.#read(place)
      if (now !== undefined && now.record.accessToken !== record.accessToken) return now
      if (code === 'invalid_client') await this.#errands.forgetClient(place, this.#network.for(server))
      await this.#records.delete(place)
      return undefined
    }
  }
}

/** RFC 6750 §3.1. */
const STEP_UP = 'insufficient_scope'

/** What a fault of the authorization server leaves of an attempt. */
function nothing(error: unknown): undefined {
  if (!(error instanceof Fault)) throw error
  return undefined
}
