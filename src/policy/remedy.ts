/** Remedies: what a forbid says would satisfy it (`@requires`), and the query as it would be asked when that had been brought. */
import type { Query, Remedy } from '../core/decision.ts'
import { Fault } from '../core/denial.ts'

/** One word of `@requires("…")`. */
export type Demand =
  | { readonly kind: 'scope'; readonly scope: string }
  /** The scopes that `access:` lists for the resource. */
  | { readonly kind: 'listed_scopes' }
  | { readonly kind: 'step_up'; readonly acr: string }
  | { readonly kind: 'approval' | 'confirm' }
  | { readonly kind: 'redact'; readonly label: string }

/** All that was demanded so far, each once. */
export interface Brought {
  readonly scopes: ReadonlySet<string>
  readonly acrs: ReadonlySet<string>
  readonly labels: ReadonlySet<string>
  readonly approved: boolean
  readonly confirmed: boolean
}

export const NOTHING_BROUGHT: Brought = { scopes: new Set(), acrs: new Set(), labels: new Set(), approved: false, confirmed: false }

/** RFC 6749 §3.3: all that may stand in a challenge as a scope. */
const SCOPE_TOKEN = /^[\x21\x23-\x5b\x5d-\x7e]+$/

/** `"scope:warehouse:write, approval"`, words apart by spaces or commas. @throws Fault `FAULT_POLICY` for a word that is none. */
export function parseDemands(text: string, place: string): readonly Demand[] {
  const words = text.split(/[\s,]+/).filter((word) => word !== '')
  if (words.length === 0) throw new Fault('FAULT_POLICY', `${place}: @requires names no remedy`)
  return words.map((word) => {
    const colon = word.indexOf(':')
    const kind = colon === -1 ? word : word.slice(0, colon)
    const value = colon === -1 ? undefined : word.slice(colon + 1)
    const demand = parseDemand(kind, value)
    if (demand !== undefined) return demand
    throw new Fault(
      'FAULT_POLICY',
      `${place}: @requires(${JSON.stringify(word)}) is none of scope, scope:NAME, approval, confirm, redact:LABEL, acr:VALUE`,
    )
  })
}

function parseDemand(kind: string, value: string | undefined): Demand | undefined {
  if (value === undefined) {
    if (kind === 'scope') return { kind: 'listed_scopes' }
    return kind === 'approval' || kind === 'confirm' ? { kind } : undefined
  }
  if (value === '') return undefined
  if (kind === 'scope') return SCOPE_TOKEN.test(value) ? { kind, scope: value } : undefined
  if (kind === 'acr') return { kind: 'step_up', acr: value }
  return kind === 'redact' ? { kind, label: value } : undefined
}

/** @param listed the scopes that `access:` lists for the resource. */
export function bring(brought: Brought, demands: readonly Demand[], listed: readonly string[]): Brought {
  const scopes = new Set(brought.scopes)
  const acrs = new Set(brought.acrs)
  const labels = new Set(brought.labels)
  for (const demand of demands) {
    if (demand.kind === 'scope') scopes.add(demand.scope)
    if (demand.kind === 'listed_scopes') for (const scope of listed) if (SCOPE_TOKEN.test(scope)) scopes.add(scope)
    if (demand.kind === 'step_up') acrs.add(demand.acr)
    if (demand.kind === 'redact') labels.add(demand.label)
  }
  const demanded = (kind: Demand['kind']): boolean => demands.some((demand) => demand.kind === kind)
  return {
    scopes,
    acrs,
    labels,
    approved: brought.approved || demanded('approval'),
    confirmed: brought.confirmed || demanded('confirm'),
  }
}

export function sizeOf({ scopes, acrs, labels, approved, confirmed }: Brought): number {
  return scopes.size + acrs.size + labels.size + Number(approved) + Number(confirmed)
}

/**
 * The query with all of it brought; undefined when this caller cannot bring it. Scopes and a stronger sign-in come from whoever issued
 * the token, so they are nothing to a credential that knows no scopes; and a token has one `acr`.
 */
export function withBrought(query: Query, { scopes, acrs, labels, approved, confirmed }: Brought): Query | undefined {
  const { principal, context } = query
  if (scopes.size + acrs.size > 0 && principal.scopes === undefined) return undefined
  if (acrs.size > 1) return undefined
  const [acr] = acrs
  return {
    ...query,
    principal: {
      ...principal,
      ...(principal.scopes === undefined ? {} : { scopes: [...principal.scopes, ...scopes] }),
      claims: acr === undefined ? principal.claims : { ...principal.claims, acr },
    },
    context: {
      ...context,
      approved: context.approved || approved,
      confirmed: context.confirmed || confirmed,
      findings: context.findings.filter((finding) => !labels.has(finding.label)),
    },
  }
}

/** In one order, whatever the order of the policies. */
export function remediesOf({ scopes, acrs, labels, approved, confirmed }: Brought): Remedy[] {
  return [
    ...(scopes.size === 0 ? [] : [{ kind: 'scope', scopes: [...scopes].sort() } as const]),
    ...[...acrs].map((acr) => ({ kind: 'step_up', acr }) as const),
    ...(approved ? [{ kind: 'approval' } as const] : []),
    ...(confirmed ? [{ kind: 'confirm' } as const] : []),
    ...(labels.size === 0 ? [] : [{ kind: 'redact', labels: [...labels].sort() } as const]),
  ]
}
