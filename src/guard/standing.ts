/** Whether what a principal was recognised by is still good: for what outlives the call that it came with. */
import type { Principal } from '../core/principal.ts'
import type { ApiKeys } from '../identity/api-key.ts'
import type { Bearer } from '../identity/bearer.ts'
import type { Certificates } from '../identity/certificate.ts'

/** Who cannot be asked has not said yes. */
export function standingOf(
  keys: ApiKeys,
  bearer: Bearer | undefined,
  certificates: Certificates | undefined,
): (principal: Principal) => Promise<boolean> {
  return async (principal) => {
    try {
      if (principal.issuer === 'key') return (await keys.find(principal.subject))?.status === 'active'
      if (principal.issuer === 'certificate') return certificates?.isStanding(principal) === true
      await bearer?.standing(principal)
      return true
    } catch {
      return false
    }
  }
}
