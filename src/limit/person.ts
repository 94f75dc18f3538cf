/** Whom a caller counts as, wherever one of many is not to take all: keys of one owner are one person, and a stranger is where he comes from. */
import { nameOf, ownerOf, type Principal } from '../core/principal.ts'

/** @param place of the address as it is counted (`countedAs`): all that tells callers without a credential apart. It names nobody, and proves nothing. */
export function personOf(principal: Principal, place: string | undefined): string {
  if (principal.kind === 'anonymous') return `anonymous ${place ?? ''}`
  const owner = ownerOf(principal)
  return owner === undefined ? nameOf(principal) : `owner#${owner}`
}
