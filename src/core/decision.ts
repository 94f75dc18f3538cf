/** The question put to the law, and its answer. */
import type { Action, Resource } from './call.ts'
import type { Finding } from './finding.ts'
import type { JsonObject } from './json.ts'
import type { Principal } from './principal.ts'

/** What the law is asked. */
export interface Query {
  readonly principal: Principal
  readonly action: Action
  readonly resource: Resource
  readonly context: {
    /** A person with the right to approve has approved this very call. */
    readonly approved: boolean
    /** The caller's side has confirmed this very call: a client's word, and no more. */
    readonly confirmed: boolean
    readonly findings: readonly Finding[]
    /** The call's arguments; policies read them by JSON Pointer. */
    readonly input: JsonObject
  }
}

/** What would turn a refusal into a yes. */
export type Remedy =
  | { readonly kind: 'authenticate' }
  | { readonly kind: 'scope'; readonly scopes: readonly string[] }
  | { readonly kind: 'step_up'; readonly acr: string }
  /** `id`: of the approval that was asked for. `url`: the page where it is given. */
  | { readonly kind: 'approval'; readonly id?: string; readonly url?: string }
  | { readonly kind: 'confirm' }
  | { readonly kind: 'wait'; readonly ms: number }
  /** The caller opens this page of ours and connects an account. */
  | { readonly kind: 'connect'; readonly url: string }
  | { readonly kind: 'redact'; readonly labels: readonly string[] }

/** What a permit asks for in return: an annotation of the permitting policy, `@limit("60/m")`. */
export interface Obligation {
  readonly policy: string
  readonly kind: 'limit'
  readonly value: string
}

/** What the law answers, and why. */
export interface Decision {
  readonly effect: 'permit' | 'forbid'
  /** Ids of the determining policies; empty when nothing permits and nothing forbids. */
  readonly policies: readonly string[]
  /** Nothing permits it, whatever forbids it beside that: told where the law has found it out. */
  readonly isUnpermitted?: true
  readonly obligations: readonly Obligation[]
  /** Only remedies that would help: with all of them brought the answer would be yes. */
  readonly remedies: readonly Remedy[]
  /** Digest of the law in force. */
  readonly revision: string
}
