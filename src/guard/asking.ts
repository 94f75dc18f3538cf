/** Questions to the law: of a call, and those that no call has put, of what is listed, listened to and received. */
import type { Action, Call, Resource } from '../core/call.ts'
import type { Decision } from '../core/decision.ts'
import { type Finding, isOfDefinition } from '../core/finding.ts'
import type { Principal } from '../core/principal.ts'
import type { Law } from '../policy/law.ts'
import type { Said } from './approved.ts'
import type { Definitions } from './definitions.ts'
import { lacksWord } from './inspector.ts'
import type { Visible } from './lists.ts'
import { sightingOfItem } from './sightings.ts'
import type { Profile } from './stations.ts'
import { listenedBy, type Permitted } from './subscriptions.ts'

export interface Asking {
  /** Of a call. @param said what a person has said of it; nothing unless told. */
  weigh(principal: Principal, call: Call, findings: readonly Finding[], said?: Said): Decision
  /** @param carried what was found in what is received; nothing unless told. */
  decide(principal: Principal, action: Action, resource: Resource, carried?: readonly Finding[]): Decision
  /** @param saidOf what a person has said of a thing before; nothing unless told. */
  permits(principal: Principal, saidOf?: (resource: Resource) => Said | undefined): Permitted
  /** What of a subscription the law permits, as it was last weighed. */
  permitsOf(call: Call, principal: Principal): Permitted
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
  const withHeld = (resource: Resource, carried: readonly Finding[]): readonly Finding[] => {
    const held = definitions?.heldAgainstShown(resource) ?? NO_FINDINGS
    return carried.length === 0 ? held : [...held, ...carried]
  }
  const decide: Asking['decide'] = (principal, action, resource, carried = NO_FINDINGS) =>
    law.decide({ principal, action, resource, context: carrying(withHeld(resource, carried)) })
  /** By the subscription that was weighed: what was said of each of its URIs. */
  const weighed = new WeakMap<Call, ReadonlyMap<string, Decision>>()
  /** Each URI is asked about as by `resources/subscribe`. A subscription that lacks a word for one of them lacks it whole: so it can be asked for. */
  const weighListen = (whole: Decision, listened: readonly Resource[], { principal, call, findings, said }: Weighing): Decision => {
    const each = listened.map((resource) => {
      const context = { ...said, findings: withHeld(resource, findings), input: { uri: resource.name } }
      return [resource.name, law.decide({ principal, action: 'listen', resource, context })] as const
    })
    weighed.set(call, new Map(each))
    const lacking = each.map(([, decision]) => decision).filter(lacksWord)
    return lacking.length === 0 ? whole : together(whole, lacking)
  }
  const isVisible: Asking['isVisible'] = (principal, action, resource, findings) => {
    if (observing) return true
    const held = findings.length === 0 ? findings : findings.filter(({ label }) => isOfDefinition(label))
    return law.isVisible({ principal, action, resource, context: carrying(held) })
  }
  const permits: Asking['permits'] = (principal, saidOf) => (action, resource) => {
    if (observing) return true
    const said = saidOf?.(resource) ?? NOTHING_SAID
    const context = { ...carrying(withHeld(resource, NO_FINDINGS)), ...said }
    return law.decide({ principal, action, resource, context }).effect === 'permit'
  }
  return {
    weigh: (principal, call, findings, said = NOTHING_SAID) => {
      const { action, resource, arguments: input } = call
      const whole = law.decide({ principal, action, resource, context: { ...said, findings, input } })
      const listened = listenedBy(call)
      return listened.length === 0 || whole.effect === 'forbid' ? whole : weighListen(whole, listened, { principal, call, findings, said })
    },
    decide,
    permits,
    permitsOf: (call, principal) => {
      const [known, otherwise] = [weighed.get(call), permits(principal)]
      return (action, resource) => {
        const decision = action === 'listen' && resource.kind === 'resource' ? known?.get(resource.name) : undefined
        return decision === undefined ? otherwise(action, resource) : observing || decision.effect === 'permit'
      }
    },
    decideAtBest: (principal, { action, resource }, held) => law.decideAtBest({ principal, action, resource, context: carrying(held) }),
    isVisible,
    visibleIn: (method, principal) => (action, resource, item) => {
      const shown = definitions === undefined || item === undefined ? undefined : sightingOfItem(method, resource.server, item)
      const held = shown === undefined ? undefined : definitions?.heldAgainst(shown.kind, shown.server, shown.name, shown.digest)
      return isVisible(principal, action, resource, held ?? NO_FINDINGS)
    },
  }
}

interface Weighing {
  readonly principal: Principal
  readonly call: Call
  readonly findings: readonly Finding[]
  readonly said: Said
}

/** What a whole is answered of which parts lack the word of a person. */
function together(whole: Decision, lacking: readonly Decision[]): Decision {
  const remedies = new Map(lacking.flatMap(({ remedies }) => remedies.map((remedy) => [remedy.kind, remedy] as const)))
  const policies = [...new Set(lacking.flatMap(({ policies }) => policies))].sort()
  return { effect: 'forbid', policies, obligations: [], remedies: [...remedies.values()], revision: whole.revision }
}

const NO_FINDINGS = [] as const
const NOTHING_SAID: Said = { approved: false, confirmed: false }
const NOTHING_CARRIED = { ...NOTHING_SAID, findings: NO_FINDINGS, input: {} } as const
