/** Where tokens are kept: in memory, or sealed on a Store. */
import { createSeal } from '../core/seal.ts'
import { KEYS } from '../store/keys.ts'
import type { Store } from '../store/store.ts'

/** Texts by key. What is put holds tokens and keys: a storage of your own must keep it as such. */
export interface TokenStorage {
  get(key: string): Promise<string | undefined>
  put(key: string, text: string): Promise<void>
  delete(key: string): Promise<void>
}

/** For tests and scripts: gone with the process. */
export function memoryStorage(): TokenStorage {
  const texts = new Map<string, string>()
  return {
    get: async (key) => texts.get(key),
    put: async (key, text) => {
      texts.set(key, text)
    },
    delete: async (key) => {
      texts.delete(key)
    },
  }
}

/**
 * On a Store, each text sealed to its key with AES-256-GCM.
 * @param key 32 bytes, of no other use.
 * Its verbs reject with Fault `FAULT_STORE`, or `FAULT_SEAL` when a record does not open.
 */
export function sealedStorage(store: Store, key: Uint8Array): TokenStorage {
  const seal = createSeal(key)
  return {
    async get(name) {
      const place = KEYS.agent(name)
      const sealed = await store.get(place)
      return typeof sealed === 'string' ? seal.open(sealed, place) : undefined
    },
    async put(name, text) {
      const place = KEYS.agent(name)
      await store.put(place, seal.seal(text, place))
    },
    async delete(name) {
      await store.take(KEYS.agent(name))
    },
  }
}
