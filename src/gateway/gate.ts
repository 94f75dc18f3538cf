/** Who stands before the door: the address of the caller, and whether it is turned away before anything of it is read. */
import type { IncomingMessage } from 'node:http'
import type { Call } from '../core/call.ts'
import type { Allowance, Denial } from '../core/denial.ts'
import type { Principal } from '../core/principal.ts'
import type { House } from '../guard/create.ts'

export interface Gate {
  addressOf(req: IncomingMessage): string | undefined
  /** How an address that is blocked or flooding is turned away. Health is told to everybody: balancers ask for it. */
  check(req: IncomingMessage, path: string): Denial | undefined
  /** What is left to a caller, for its own eyes. */
  allowanceOf(principal: Principal, call: Call): Allowance | undefined
}

export function createGate({ limits, clients }: Pick<House, 'limits' | 'clients'>): Gate {
  return {
    addressOf: clients.addressOf,
    check: (req, path) => {
      const address = path === '/health' ? undefined : clients.addressOf(req)
      return address === undefined ? undefined : limits.peek(address)
    },
    allowanceOf: (principal, { origin }) => limits.allowanceOf(principal, origin.address),
  }
}
