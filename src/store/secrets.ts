/** For authors of tools: secrets at rest, each sealed to its name. */
import { Fault } from '../core/denial.ts'
import type { Seal } from '../core/seal.ts'
import { Secret } from '../core/secret.ts'
import { KEYS } from './keys.ts'
import { type Resealing, resealRecords } from './reseal.ts'
import type { Store } from './store.ts'

/** Two who replace one secret at once are rare, three rarer. */
const ATTEMPTS = 8

/** All methods reject with Fault `FAULT_STORE` when the store is away. */
export class SecretStore {
  readonly #store: Store
  readonly #seal: Seal

  constructor(store: Store, seal: Seal) {
    this.#store = store
    this.#seal = seal
  }

  /** @param expiresAt milliseconds since the epoch; the secret is gone from then on. */
  async put(name: string, secret: Secret | string, { expiresAt }: { readonly expiresAt?: number } = {}): Promise<void> {
    const place = KEYS.secret(name)
    await this.#store.put(place, this.#sealed(secret, place), expiresAt === undefined ? {} : { expiresAt })
  }

  /** @throws Fault `FAULT_SEAL` when it was changed, moved from another name, or sealed with a key that is not here. */
  async get(name: string): Promise<Secret | undefined> {
    const place = KEYS.secret(name)
    const sealed = await this.#store.get(place)
    return typeof sealed === 'string' ? new Secret(this.#seal.open(sealed, place)) : undefined
  }

  /** @returns whether there was one. */
  async delete(name: string): Promise<boolean> {
    return (await this.#store.take(KEYS.secret(name))) !== undefined
  }

  /**
   * Puts a new one in place of the one that is there. Of many at once each gets another one back, so that none is forgotten.
   * @returns the one before, to be ended where it was issued; undefined, and nothing is put, when there was none.
   */
  async rotate(name: string, next: Secret | string): Promise<Secret | undefined> {
    const place = KEYS.secret(name)
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const before = await this.#store.get(place)
      if (typeof before !== 'string') return undefined
      const opened = new Secret(this.#seal.open(before, place))
      if (await this.#store.put(place, this.#sealed(next, place), { onlyIf: before })) return opened
    }
    throw new Fault('FAULT_STORE', `The secret ${name} is being changed by others; try again`)
  }

  /** Seals all of them with the key that seals now, after it was replaced. Can be stopped and started again at any time. */
  reseal(): Promise<Resealing> {
    return resealRecords(this.#store, this.#seal, [KEYS.secrets])
  }

  #sealed(secret: Secret | string, place: string): string {
    return this.#seal.seal(typeof secret === 'string' ? secret : secret.reveal(), place)
  }
}
