/** On stdio the process that starts us vouches for the caller by putting a credential into the environment. */
import type { Credential } from '../core/principal.ts'
import type { Secret } from '../core/secret.ts'

/**
 * What `run` presents for every call.
 * MCP 2026-07-28, basic/authorization: implementations on stdio retrieve credentials from the environment.
 * @param value of the variable that the configuration names (`authentication.environment`).
 */
export function environmentCredentials(value: Secret | undefined): readonly Credential[] {
  return value === undefined ? [] : [{ scheme: 'bearer', secret: value }]
}
