/** The law read leniently: as though arguments and findings could be anything. What it still forbids is forbidden whatever is sent. */
import type { Expr, PolicyJson } from '@cedar-policy/cedar-wasm/nodejs'
import { readsIn } from './reads.ts'

/** What a caller decides by what it sends, and has asked for before. */
const OPEN = ['context.input', 'context.findings', 'context.flow'] as const

/**
 * The policy as far as it does not depend on what is sent: a permit that could apply applies, a forbid applies only if it must.
 * Tests of arguments and findings become constants; every other test stays where it stood, behind the guards it stood behind.
 * The very policy where nothing of it depends on that.
 */
export function lenient(policy: PolicyJson): PolicyJson {
  if (!policy.conditions.some(({ body }) => isOpen(body))) return policy
  const conditions = policy.conditions.map(({ kind, body }) => ({
    kind,
    body: relax(body, (policy.effect === 'permit') === (kind === 'when')),
  }))
  return { ...policy, conditions }
}

/** @param unknown what an open test counts as: true where the expression could hold, false where it must. */
function relax(expression: Expr, unknown: boolean): Expr {
  if (!isOpen(expression)) return expression
  if ('&&' in expression && 'left' in expression['&&']) {
    const { left, right } = expression['&&']
    return and(relax(left, unknown), relax(right, unknown))
  }
  if ('||' in expression && 'left' in expression['||']) {
    const { left, right } = expression['||']
    return or(relax(left, unknown), relax(right, unknown))
  }
  if ('!' in expression && 'arg' in expression['!']) return not(relax(expression['!'].arg, !unknown))
  if ('if-then-else' in expression && 'if' in expression['if-then-else']) {
    const { if: test, then, else: otherwise } = expression['if-then-else']
    return or(and(relax(test, unknown), relax(then, unknown)), and(not(relax(test, !unknown)), relax(otherwise, unknown)))
  }
  return { Value: unknown }
}

function isOpen(expression: Expr): boolean {
  const { attributes } = readsIn(expression)
  return OPEN.some((name) => attributes.has(name))
}

function and(left: Expr, right: Expr): Expr {
  return { '&&': { left, right } }
}

function or(left: Expr, right: Expr): Expr {
  return { '||': { left, right } }
}

function not(arg: Expr): Expr {
  return { '!': { arg } }
}
