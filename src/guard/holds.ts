/** What is held against a principal at an address, as the line meets it: turned away once known, or a fact for the law. */
import type { Finding } from '../core/finding.ts'
import type { Principal } from '../core/principal.ts'
import type { Anomalies } from './anomalies.ts'
import type { Stations } from './guard.ts'
import type { Inspector } from './inspector.ts'

/** Who is known is turned away where something is held against him there. */
export function checkHeld(identify: Stations['identify'], anomalies: Anomalies | undefined): Stations['identify'] {
  if (anomalies === undefined) return identify
  return (credentials, call) => {
    const answer = identify(credentials, call)
    if (!anomalies.isHolding) return answer
    const checked = (principal: Principal): Principal => {
      anomalies.check(principal, call)
      return principal
    }
    return answer instanceof Promise ? answer.then(checked) : checked(answer)
  }
}

/** What is held against the caller there is a fact like what the call carries. */
export function withHeld(inspect: Inspector, anomalies: Anomalies | undefined): Inspector {
  if (anomalies === undefined) return inspect
  return (call, principal, forward) => {
    const carried = inspect(call, principal, forward)
    if (!anomalies.isHolding) return carried
    const held = anomalies.findingsOf(principal, call)
    if (held.length === 0) return carried
    return joined(carried, held)
  }
}

async function joined(carried: ReturnType<Inspector>, held: readonly Finding[]): Promise<readonly Finding[]> {
  return [...(await carried), ...held]
}
