/** Questions to the law: of a call, and those that no call has put, of what is listed, listened to and received. */
import type { Action, Call, Resource } from '../core/call.ts'
import type { Decision } from '../core/decision.ts'
import { type Finding, isOfDefinition } from '../core/finding.ts'
import type { Principal } from '../core/principal.ts'
import type { Law } from '../policy/law.ts'
import type { Said } from './approved.ts'
import type { Definitions } from './definitions.ts'
import type { Visible } from './lists.ts'
import { sightingOfItem } from './sightings.ts'
import type { Profile } from './stations.ts'

export interface Asking {
  /** Of a call. @param said what a person has said of it; nothing unless told. */
  weigh(principal: Principal, call: Call, findings: readonly Finding[], said?: Said): Decision
  /** @param carried what was found in what is received; nothing unless told. */
  decide(principal: Principal, action: Action, resource: Resource, carried?: readonly Finding[]): Decision
  permits(principal: Principal): (action: Action, resource: Resource) => boolean
  /** Of a call, as though whatever it carries could be anything else: what is forbidden then is forbidden. @param held against what it is for */
  decideAtBest(principal: Principal, call: Call, held: readonly Finding[]): Decision
  /** @param findings of those on the definition count: they are there whatever is sent. */
  isVisible(principal: Principal, action: Action, resource: Resource, findings: readonly Finding[]): boolean
  /** Of the items of a list that was asked for by this method. */
  visibleIn(method: string, principal: Principal): Visible
}

interface AskingParts {
  readonly law: Law
  readonly profile: Profile
  readonly definitions?: Definitions
}

export function createAsking({ law, profile, definitions }: AskingParts): Asking {
  const observing = profile === 'observe'
  const carrying = (findings: readonly Finding[]) => (findings.length === 0 ? NOTHING_CARRIED : { ...NOTHING_CARRIED, findings })
  const decide: Asking['decide'] = (principal, action, resource, carried = NO_FINDINGS) => {
    const held = definitions?.heldAgainstShown(resource) ?? NO_FINDINGS
    return law.decide({ principal, action, resource, context: carrying(carried.length === 0 ? held : [...held, ...carried]) })
  }
  const isVisible: Asking['isVisible'] = (principal, action, resource, findings) => {
    if (observing) return true
    const held = findings.length === 0 ? findings : findings.filter(({ label }) => isOfDefinition(label))
    return law.isVisible({ principal, action, resource, context: carrying(held) })
  }
  return {
    weigh: (principal, { action, resource, arguments: input }, findings, said = NOTHING_SAID) =>
      law.decide({ principal, action, resource, context: { ...said, findings, input } }),
    decide,
    permits: (principal) => (action, resource) => observing || decide(principal, action, resource).effect === 'permit',
    decideAtBest: (principal, { action, resource }, held) => law.decideAtBest({ principal, action, resource, context: carrying(held) }),
    isVisible,
    visibleIn: (method, principal) => (action, resource, item) => {
      const shown = definitions === undefined || item === undefined ? undefined : sightingOfItem(method, resource.server, item)
      const held = shown === undefined ? undefined : definitions?.heldAgainst(shown.kind, shown.server, shown.name, shown.digest)
      return isVisible(principal, action, resource, held ?? NO_FINDINGS)
    },
  }
}

const NO_FINDINGS = [] as const
const NOTHING_SAID: Said = { approved: false, confirmed: false }
const NOTHING_CARRIED = { ...NOTHING_SAID, findings: NO_FINDINGS, input: {} } as const
