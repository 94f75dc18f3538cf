/** A refresh whose answer got lost may be asked again, for a moment: the same answer, never another token (RFC 9700 §4.14.2). */
import { setTimeout as sleep } from 'node:timers/promises'
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { createSeal } from '../core/seal.ts'
import { keyedHash } from '../core/secret.ts'
import type { Clock } from '../core/time.ts'
import { KEYS } from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import { deriveKey } from './derive.ts'

/** Long enough for a lost connection and a retry, short for a thief. */
const WINDOW_MS = 30_000
/** How long the second of two at once waits for the answer of the first. */
const PATIENCE_MS = 2_000
const LOOK_MS = 20

/** Who asked and for what: the answer is for exactly that. */
export interface Refresh {
  readonly token: string
  readonly client: string
  /** Thumbprint of the key that proved possession, if one did. */
  readonly proof: string
  readonly scope: string
  readonly resource: string
}

export type Claim = { readonly isFirst: true } | { readonly isFirst: false; readonly answer?: JsonObject }

interface Replay extends JsonObject {
  readonly asked: string
  readonly sealed?: string
}

export class Replays {
  readonly #store: Store
  readonly #clock: Clock
  readonly #key: Buffer

  /** @param key 32 bytes */
  constructor(store: Store, clock: Clock, key: Uint8Array) {
    this.#store = store
    this.#clock = clock
    this.#key = deriveKey(key, 'replays')
  }

  /** Whether a refresh token that was used may still be answered. */
  async isOpen(token: string): Promise<boolean> {
    return (await this.#store.get(this.#place(token))) !== undefined
  }

  /**
   * Of many at once exactly one is first, and has to `keep` its answer; the others get that answer, or none when they asked otherwise or it
   * did not come in time.
   */
  async claim(refresh: Refresh): Promise<Claim> {
    const place = this.#place(refresh.token)
    const asked = this.#digestOf(refresh)
    const expiresAt = this.#clock() + WINDOW_MS
    if (await this.#store.put(place, { asked }, { onlyIfAbsent: true, expiresAt })) {
      await this.#close(refresh.token)
      return { isFirst: true }
    }
    const seal = this.#sealOf(refresh.token)
    for (let waitedMs = 0; waitedMs <= PATIENCE_MS; waitedMs += LOOK_MS) {
      const replay = await this.#store.get(place)
      if (!isReplay(replay) || replay.asked !== asked) return { isFirst: false }
      if (replay.sealed !== undefined) return { isFirst: false, answer: JSON.parse(seal.open(replay.sealed, place)) as JsonObject } // what `keep` wrote
      await sleep(LOOK_MS)
    }
    return { isFirst: false }
  }

  /** @param successor the refresh token of the answer: once it is used, the answer has arrived and is not given again. */
  async keep(refresh: Refresh, answer: JsonObject, successor: string | undefined): Promise<void> {
    const place = this.#place(refresh.token)
    const before: Replay = { asked: this.#digestOf(refresh) }
    const expiresAt = this.#clock() + WINDOW_MS
    const sealed = this.#sealOf(refresh.token).seal(JSON.stringify(answer), place)
    if (successor !== undefined) await this.#store.put(this.#placeBefore(successor), place, { expiresAt })
    await this.#store.put(place, { ...before, sealed }, { onlyIf: before, expiresAt })
  }

  /** The holder of `token` uses it, so it has the answer that brought it. */
  async #close(token: string): Promise<void> {
    const place = await this.#store.take(this.#placeBefore(token))
    if (typeof place === 'string') await this.#store.take(place)
  }

  /** Only who has the token can open the answer: the store alone is not enough, nor is the key alone. */
  #sealOf(token: string): ReturnType<typeof createSeal> {
    return createSeal(Buffer.from(keyedHash(this.#key, `answer ${token}`), 'base64url'))
  }

  #place(token: string): string {
    return KEYS.oauth('replay', keyedHash(this.#key, token))
  }

  #placeBefore(token: string): string {
    return KEYS.oauth('replay-of', keyedHash(this.#key, token))
  }

  #digestOf({ client, proof, scope, resource }: Refresh): string {
    return keyedHash(this.#key, JSON.stringify([client, proof, scope, resource]))
  }
}

function isReplay(value: JsonValue | undefined): value is Replay {
  return isObject(value) && typeof value['asked'] === 'string'
}
