/** Who stands before the door: the address of the caller, and whether it is turned away before anything of it is read. */
import type { IncomingMessage } from 'node:http'
import { placeOf } from '../core/address.ts'
import type { Call } from '../core/call.ts'
import { type Allowance, type Denial, Fault } from '../core/denial.ts'
import type { Principal } from '../core/principal.ts'
import type { House } from '../guard/create.ts'
import type { Clients } from '../net/client.ts'

export interface Gate {
  addressOf(req: IncomingMessage): string | undefined
  /** Absent where no certificate is looked at. */
  readonly certificateOf?: Clients['certificateOf']
  /** How an address that is blocked or flooding is turned away. Health is told to everybody: balancers ask for it. */
  check(req: IncomingMessage, path: string): Denial | undefined
  /** What is no call costs its address what a call does. How it is turned away where nothing is left of that. */
  charge(req: IncomingMessage): Denial | undefined
  /** Whether a call would be turned away where it comes from: for what outlives the request that opened it. */
  isBlocked(call: Call): boolean
  /** What is left to a caller, for its own eyes. */
  allowanceOf(principal: Principal, call: Call): Allowance | undefined
}

/** @param onFault told once of what looks like a proxy that nobody named. */
export function createGate({ limits, clients }: Pick<House, 'limits' | 'clients'>, onFault: (fault: Fault) => void): Gate {
  let hasWarned = false
  /** A stranger on the network may write any header; a neighbour who writes this one is a proxy, or plays one. */
  const warn = (address: string): void => {
    if (hasWarned || clients.isProxy(address) || !NEAR.has(placeOf(address))) return
    hasWarned = true
    onFault(
      new Fault(
        'FAULT_PROXY',
        `Requests from ${address} carry X-Forwarded-For, but it is not among trustedProxies: all its clients count as one address, and one of them who guesses keys is turned away with all others`,
      ),
    )
  }
  return {
    addressOf: clients.addressOf,
    ...(clients.certificateOf === undefined ? {} : { certificateOf: clients.certificateOf }),
    check: (req, path) => {
      const address = path === '/health' ? undefined : clients.addressOf(req)
      if (address === undefined) return undefined
      if (!hasWarned && req.headers['x-forwarded-for'] !== undefined) warn(address)
      return limits.peek(address)
    },
    charge: (req) => {
      const address = clients.addressOf(req)
      return address === undefined ? undefined : limits.chargeAddress(address)
    },
    isBlocked: ({ origin: { address } }) => address !== undefined && limits.blocks.untilOf(address) > 0,
    allowanceOf: (principal, { origin }) => limits.allowanceOf(principal, origin.address),
  }
}

const NEAR: ReadonlySet<string> = new Set(['loopback', 'private'])
