/** Locator: whose tokens a server takes, and what that issuer says of itself; asked once for many who want to know at once. */
import { Fault } from '../core/denial.ts'
import type { GuardedFetch } from '../net/fetch.ts'
import { remember } from '../trust/remember.ts'
import type { Busy } from './busy.ts'
import type { TokenManagerOptions } from './options.ts'
import type { Place } from './record.ts'
import { discoverResource, type ResourceMetadata } from './resource.ts'
import { discoverLegacy, discoverServer, type ServerMetadata } from './server.ts'

/** Issuers that are known at once; of the others it is read again. */
const ISSUERS_MAX = 1_000

export interface Located {
  readonly place: Place
  readonly metadata: ServerMetadata
  readonly described: ResourceMetadata | undefined
}

export class Locator {
  readonly #legacyDiscovery: boolean
  /** Of several issuers that a server names, the one where the client is registered. */
  readonly #wanted: string | undefined
  readonly #metadata = new Map<string, ServerMetadata>()
  readonly #busy: Busy
  /** By server, and where it said that it is described. */
  readonly #underWay = new Map<string, Promise<Located>>()

  constructor({ grant, client, legacyDiscovery }: TokenManagerOptions, busy: Busy) {
    this.#busy = busy
    this.#legacyDiscovery = legacyDiscovery === true
    this.#wanted = grant?.kind === 'workload' ? grant.issuer : client?.issuer
  }

  /**
   * Read anew: a server may have moved to another issuer.
   * @param announced where the server said that it is described.
   * @throws Fault `FAULT_DISCOVERY`, `FAULT_FETCH`
   */
  async locate(server: URL, announced: string | undefined, fetch: GuardedFetch): Promise<Located> {
    const key = JSON.stringify([server.href, announced])
    const underWay = this.#underWay.get(key) ?? this.#find(server, announced, fetch).finally(() => this.#underWay.delete(key))
    this.#underWay.set(key, underWay)
    return await underWay
  }

  async #find(server: URL, announced: string | undefined, fetch: GuardedFetch): Promise<Located> {
    const described = await discoverResource(server, announced, fetch)
    return described === undefined ? await this.#locateLegacy(server, fetch) : await this.#locateAt(described, fetch)
  }

  /** What an issuer says of itself, as it was read last. @throws Fault `FAULT_DISCOVERY`, `FAULT_FETCH` */
  async metadataOf(issuer: string, fetch: GuardedFetch): Promise<ServerMetadata> {
    return this.#metadata.get(issuer) ?? (await this.#read(issuer, fetch))
  }

  async #locateAt(described: ResourceMetadata, fetch: GuardedFetch): Promise<Located> {
    const issuer = described.issuers.find((name) => name === this.#wanted) ?? described.issuers[0]
    return { place: { issuer, resource: described.resource }, metadata: await this.#read(issuer, fetch), described }
  }

  async #locateLegacy(server: URL, fetch: GuardedFetch): Promise<Located> {
    if (!this.#legacyDiscovery)
      throw new Fault('FAULT_DISCOVERY', `${server.href} does not say who issues tokens for it (RFC 9728): it may take API keys alone`)
    const metadata = await discoverLegacy(server, fetch)
    remember(this.#metadata, metadata.issuer, metadata, ISSUERS_MAX)
    return { place: { issuer: metadata.issuer }, metadata, described: undefined }
  }

  async #read(issuer: string, fetch: GuardedFetch): Promise<ServerMetadata> {
    const metadata = await this.#busy.ask(issuer, () => discoverServer(issuer, fetch))
    remember(this.#metadata, issuer, metadata, ISSUERS_MAX)
    return metadata
  }
}
