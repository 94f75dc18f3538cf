/** Forms that a server has the client put before its person: one that asks for a credential does not get there, whatever way it takes. */
import type { Body } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import type { Finding } from '../core/finding.ts'
import { isObject, type JsonValue } from '../core/json.ts'
import { askedOnForm } from '../inspect/forms.ts'
import type { Outlet, OutletParts } from './outlet.ts'

/** `report`: it is written down and put. `block`: it is not put, and the call that it was asked in is refused. */
export type FormTreatment = 'off' | 'report' | 'block'

const ELICIT = 'elicitation/create'

export function withForms(
  outlet: Outlet,
  { treatment, judge, observing }: Pick<OutletParts, 'judge' | 'observing'> & { readonly treatment: FormTreatment },
): Outlet {
  if (treatment === 'off') return outlet
  return (message, call, principal) => {
    const letGo = outlet(message, call, principal)
    const asked = askedBy(message.body)
    if (asked.length === 0) return letGo
    return (found) => {
      const decision = treatment === 'report' ? undefined : judge(principal, call, asked)
      if (decision?.effect === 'forbid' && !observing)
        throw new Denial('content_blocked', {
          detail: 'the server asks for a credential on a form',
          findings: asked,
          policies: decision.policies,
        })
      const released = letGo(found)
      return { ...released, findings: [...(released.findings ?? []), ...asked] }
    }
  }
}

/** In its own words (before 2026-07-28), or in an answer or a task that needs more, also where one is told of it. */
function askedBy({ method, params, result }: Body): readonly Finding[] {
  if (method === ELICIT) return askedOnForm(params, '/params')
  const requests = (result ?? params)?.['inputRequests']
  if (!isObject(requests)) return []
  const from = result === undefined ? '/params' : '/result'
  return Object.entries(requests).flatMap(([name, request]: readonly [string, JsonValue | undefined]) =>
    isObject(request) && request['method'] === ELICIT
      ? askedOnForm(request['params'], `${from}/inputRequests/${name.slice(0, 128).replaceAll('~', '~0').replaceAll('/', '~1')}/params`)
      : [],
  )
}
