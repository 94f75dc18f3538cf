/** What may be fetched on behalf of a server: it never leads from elsewhere to this machine. */
import { createGuardedFetch, type FetchOptions, type GuardedFetch } from '../net/fetch.ts'
import { isLoopback } from './resource.ts'

export class Network implements AsyncDisposable {
  readonly #options: FetchOptions
  #local: GuardedFetch | undefined
  #elsewhere: GuardedFetch | undefined

  constructor(options: FetchOptions = {}) {
    this.#options = options
  }

  /** A server on this machine may have its authorization server there, too, and over http. */
  for(server: URL): GuardedFetch {
    if (isLoopback(server)) {
      this.#local ??= createGuardedFetch({ allowPrivate: true, ...this.#options })
      return this.#local
    }
    this.#elsewhere ??= createGuardedFetch(this.#options)
    return this.#elsewhere
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#local?.close(), this.#elsewhere?.close()])
  }
}
