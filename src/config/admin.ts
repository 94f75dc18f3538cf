/** What operators have of their own: an MCP server, and other ways to sign in to the admin pages. */
import type { z } from 'zod'
import { signInSettings } from './oauth.ts'
import type { Path } from './source.ts'
import { list, roleName } from './values.ts'

/** What it is served as: `/mcp/portcullis`. */
export const ADMIN_SERVER = 'portcullis'
/** Who administers: sees everything on the admin pages, and changes it. Who approves is a setting. */
export const ADMIN_ROLE = 'admin'

export const adminSetting = list(roleName, 'role names', 1).describe(
  'The roles for which /mcp/portcullis is: an MCP server for operators (reports, users, keys, decisions, blocks), under the law like every other. Off unless written.',
)

export const adminSignInSetting = list(signInSettings, 'providers')
  .prefault([])
  .describe('OpenID providers where people may sign in to the admin pages, beside local users. Only a role that `roles` maps lets them in.')

/** It is in this process. */
export interface AdminServer {
  readonly kind: 'admin'
  /** Who may use it, if the law lets them too. */
  readonly roles: readonly string[]
}

export function settleAdmin(roles: readonly string[] | undefined): Readonly<Record<string, AdminServer>> {
  return roles === undefined ? {} : { [ADMIN_SERVER]: { kind: 'admin', roles } }
}

export function contradictingAdmin(
  roles: readonly string[] | undefined,
  servers: object,
): readonly { readonly path: Path; readonly expected: string }[] {
  if (roles === undefined || !Object.hasOwn(servers, ADMIN_SERVER)) return []
  return [{ path: ['servers', ADMIN_SERVER], expected: 'expected another name, because adminServer is served under this one' }]
}

/** Who cannot be known, or could never be let in, is a mistake of the configuration. */
export function contradictingSignIn(
  providers: z.output<typeof adminSignInSetting>,
  admin: unknown,
): readonly { readonly path: Path; readonly expected: string }[] {
  const found: { readonly path: Path; readonly expected: string }[] = []
  if (providers.length > 0 && admin === undefined)
    found.push({ path: ['adminSignIn'], expected: 'expected admin beside it: the listener that people sign in to' })
  for (const [index, { name, roles }] of providers.entries()) {
    if (providers.findIndex((other) => other.name === name) < index)
      found.push({ path: ['adminSignIn', index, 'name'], expected: 'expected a name of its own' })
    if (roles === undefined)
      found.push({
        path: ['adminSignIn', index],
        expected: 'expected roles: a claim and which role each of its values gives, or nobody could come in',
      })
  }
  return found
}
