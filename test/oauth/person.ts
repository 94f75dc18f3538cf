/** A person's client, as the SDK wants to be told of it. */
import type { OAuthClientInformationMixed, OAuthClientProvider, OAuthDiscoveryState, OAuthTokens } from '@modelcontextprotocol/client'
import { REDIRECT } from './world.ts'

/** Keeps what it is given in memory, and opens the browser of the test. */
export class Person implements OAuthClientProvider {
  readonly redirectUrl = REDIRECT
  /** The URL of a document that says who the client is; without one it registers. */
  readonly clientMetadataUrl?: string
  readonly clientMetadata = { client_name: 'SDK client', redirect_uris: [REDIRECT], application_type: 'native' as const }
  asked: URL | undefined
  kept: OAuthTokens | undefined
  #information: OAuthClientInformationMixed | undefined
  #verifier = ''
  #discovery: OAuthDiscoveryState | undefined

  constructor(clientMetadataUrl?: string) {
    if (clientMetadataUrl !== undefined) this.clientMetadataUrl = clientMetadataUrl
  }

  clientInformation(): OAuthClientInformationMixed | undefined {
    return this.#information
  }
  saveClientInformation(information: OAuthClientInformationMixed): void {
    this.#information = information
  }
  tokens(): OAuthTokens | undefined {
    return this.kept
  }
  saveTokens(tokens: OAuthTokens): void {
    this.kept = tokens
  }
  invalidateCredentials(scope: 'all' | 'client' | 'tokens' | 'verifier' | 'discovery'): void {
    if (scope === 'all' || scope === 'tokens') this.kept = undefined
    if (scope === 'all' || scope === 'client') this.#information = undefined
  }
  redirectToAuthorization(url: URL): void {
    this.asked = url
  }
  saveCodeVerifier(verifier: string): void {
    this.#verifier = verifier
  }
  codeVerifier(): string {
    return this.#verifier
  }
  state(): string {
    return 'a-state'
  }
  saveDiscoveryState(state: OAuthDiscoveryState): void {
    this.#discovery = state
  }
  discoveryState(): OAuthDiscoveryState | undefined {
    return this.#discovery
  }
}
