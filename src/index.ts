/** The public surface of the package. */
export type { Challenge } from './agent/challenge.ts'
export { type AuthenticatedFetchOptions, authenticatedFetch, type FetchLike } from './agent/fetch.ts'
export { type Token, TokenManager } from './agent/manager.ts'
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
export type { Config } from './config/config.ts'
export { loadConfig, parseConfig } from './config/load.ts'
export type { Action, Call, Message, Origin, Resource } from './core/call.ts'
export type { Decision, Obligation, Query, Remedy } from './core/decision.ts'
export { DENIALS, Denial, type DenialCode, Fault, type FaultCode } from './core/denial.ts'
export type { AuditEvent, Outcome } from './core/event.ts'
export type { Finding } from './core/finding.ts'
export type { Principal } from './core/principal.ts'
export { createSeal, type Seal } from './core/seal.ts'
export { Secret } from './core/secret.ts'
export { audit, currentPrincipal, requirePermission, requireScope } from './embed/context.ts'
export { guardFetch } from './embed/fetch.ts'
export { createGuard, type Guard, type Guarded, type GuardOptions } from './embed/guard.ts'
export type { FetchHandler, McpHandler } from './embed/handed.ts'
export { guardNode, type NodeListener } from './embed/node.ts'
export { safePath } from './embed/safe-path.ts'
export { type GuardedServer, guardServer } from './embed/server.ts'
export type { Check, Checks } from './embed/steps.ts'
export { guardTransport, type SdkTransport } from './embed/transport.ts'
export { createGateway, type Endpoints, type Gateway, type GatewayOptions } from './gateway/gateway.ts'
export { type IssuedTokens, type TokenRequest, Tokens, tokensOf } from './identity/tokens.ts'
export { safeUrl } from './inspect/safe-url.ts'
export { type SanitizeOptions, sanitizeHtml } from './inspect/sanitize.ts'
export type { UrlRule } from './inspect/url.ts'
export { createGuardedFetch, type FetchOptions, type GuardedFetch } from './net/fetch.ts'
export { SecretStore } from './store/secrets.ts'
export { openSqlite } from './store/sqlite.ts'
export type { Store } from './store/store.ts'
