/** The agent's side alone, as `portcullis/agent`: whoever only calls MCP servers loads nothing of the gateway. */
export type { Challenge } from './agent/challenge.ts'
export { type AuthenticatedFetchOptions, authenticatedFetch, type FetchLike } from './agent/fetch.ts'
export type { Token } from './agent/kept.ts'
export { TokenManager } from './agent/manager.ts'
export type {
  Audience,
  ClientAuthentication,
  ClientCredentialsGrant,
  ClientIdentity,
  EnterpriseGrant,
  Grant,
  PresentedToken,
  RegisteredClient,
  SignInGrant,
  StoredGrant,
  TokenExchangeGrant,
  TokenManagerOptions,
  WorkloadGrant,
} from './agent/options.ts'
export { type AuthProvider, authProvider, type OAuthClientProvider, oauthClientProvider } from './agent/provider.ts'
export { memoryStorage, sealedStorage, type TokenStorage } from './agent/storage.ts'
export { Fault, type FaultCode } from './core/denial.ts'
export type { JsonObject, JsonValue } from './core/json.ts'
export { Secret } from './core/secret.ts'
export type { Clock } from './core/time.ts'
export type { FetchOptions, Resolve } from './net/fetch.ts'
export { openSqlite, type SqliteOptions } from './store/sqlite.ts'
export type { Cell, Charge, Line, Mark, Page, PutOptions, Store, Stored, Stretch, Written } from './store/store.ts'
