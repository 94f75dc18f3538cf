/** Our own MCP server, for operators. */
import type { Path } from './source.ts'
import { list, roleName } from './values.ts'

/** What it is served as: `/mcp/portcullis`. */
export const ADMIN_SERVER = 'portcullis'

export const adminSetting = list(roleName, 'role names', 1).describe(
  'The roles for which /mcp/portcullis is: an MCP server for operators (reports, users, keys, decisions, blocks), under the law like every other. Off unless written.',
)

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
