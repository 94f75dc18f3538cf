/** What the questions put to the law have in common: who is imagined, about what, and how a remedy reads. */
import type { Resource } from '../core/call.ts'
import type { Query, Remedy } from '../core/decision.ts'
import type { Finding } from '../core/finding.ts'
import type { JsonObject } from '../core/json.ts'
import type { Principal } from '../core/principal.ts'

/** Somebody who has one role and nothing else. */
export function rolePrincipal(role: string): Principal {
  return { kind: 'service', issuer: 'local', subject: `role:${role}`, actors: [], roles: [role], claims: {} }
}

/** May they use it, with these arguments and nothing else brought? */
export function queryOf(principal: Principal, resource: Resource, input: JsonObject, findings: readonly Finding[] = []): Query {
  return { principal, action: ACTION[resource.kind], resource, context: { approved: false, confirmed: false, findings, input } }
}

const ACTION = { tool: 'call', prompt: 'get', resource: 'read', server: 'control', task: 'get' } as const

export function remedyText(remedy: Remedy): string {
  switch (remedy.kind) {
    case 'authenticate':
      return 'a credential'
    case 'scope':
      return `scope ${remedy.scopes.join(' ')}`
    case 'step_up':
      return `step-up ${remedy.acr}`
    case 'approval':
      return 'approval'
    case 'confirm':
      return 'a confirmation'
    case 'wait':
      return `waiting ${remedy.ms} ms`
    case 'connect':
      return 'an account that is connected'
    case 'redact':
      return `redacting ${remedy.labels.join(' ')}`
  }
}
