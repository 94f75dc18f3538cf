/** Which call is being done: what a tool may ask of it, and what a tool's own checks come to. */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { IncomingMessage } from 'node:http'
import type { History } from '../audit/history.ts'
import type { Call, Message } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import { isLike } from '../core/pattern.ts'
import { nameOf, type Principal } from '../core/principal.ts'
import { isPermitted, type Rights, rightsOf } from '../policy/roles.ts'

/** What a tool says for the journal is cut here: it is a note, not a document. */
const DETAIL_MAX_CHARS = 1024

/** What checks need of the guard. */
export interface Powers {
  readonly roles: ReadonlyMap<string, Rights>
  readonly history: Pick<History, 'write'>
}

/** One call that is being done. */
export interface Asking {
  readonly call: Call
  readonly principal: Principal
  readonly powers: Powers
  /** What brought it, over HTTP. */
  readonly req?: IncomingMessage | undefined
  /** The first check that said no: then the call is refused, whatever the tool makes of it. */
  denial?: Denial
}

const asking = new AsyncLocalStorage<Asking>()

/** Runs the work as part of the call. */
export function inside<T>(call: Asking, work: () => T): T {
  return asking.run(call, work)
}

export function current(): Asking | undefined {
  return asking.getStore()
}

/**
 * The messages of a call, made as part of it. Once a check has said no, the rest is the refusal.
 * @param onFailure told why there are no more of them, where it was no check.
 */
export function within(
  call: Asking,
  make: () => AsyncIterable<Message>,
  onFailure: (error: unknown) => void = () => undefined,
): AsyncIterable<Message> {
  const iterator = inside(call, () => make()[Symbol.asyncIterator]())
  const next = async (): Promise<IteratorResult<Message>> => {
    let step: IteratorResult<Message>
    try {
      step = await inside(call, () => iterator.next())
    } catch (error) {
      if (call.denial === undefined) onFailure(error)
      throw call.denial ?? error
    }
    if (call.denial === undefined) return step
    if (step.done !== true) await iterator.return?.()
    throw call.denial
  }
  const leave = async (): Promise<IteratorResult<Message>> => {
    await iterator.return?.()
    return { done: true, value: undefined }
  }
  return { [Symbol.asyncIterator]: () => ({ next, return: leave }) }
}

/**
 * Who is asking.
 * @throws Denial `unauthenticated` where no call is being done: nobody is not somebody.
 */
export function currentPrincipal(): Principal {
  return demanded().principal
}

/**
 * Refuses the call unless one of the caller's roles has the permission (`access.roles`). The refusal stands even when it is caught.
 * @throws Denial `forbidden`; `unauthenticated` where no call is being done.
 */
export function requirePermission(permission: string): void {
  const call = demanded()
  const { permissions } = rightsOf(call.principal.roles, call.powers.roles)
  if (!isPermitted(permission, permissions)) deny(call, new Denial('forbidden', { detail: `requires the permission ${permission}` }))
}

/**
 * Refuses the call unless the caller's token was issued for the scope, or for a broader one (`tools:*`). A credential that knows no scopes,
 * an API key, was issued for none. The caller is told which scope would do (RFC 6750 §3.1).
 * @throws Denial `insufficient_scope`; `unauthenticated` where no call is being done.
 */
export function requireScope(scope: string): void {
  const call = demanded()
  if (call.principal.scopes?.some((held) => held === scope || isBroader(held, scope)) === true) return
  deny(call, new Denial('insufficient_scope', { detail: `requires the scope ${scope}`, remedies: [{ kind: 'scope', scopes: [scope] }] }))
}

/**
 * Writes into the journal what the tool has to say of the call. Never a credential or a content: it is kept.
 * Resolves once it is written down.
 * @throws Denial `unauthenticated` where no call is being done.
 */
export function audit(detail: string): Promise<void> {
  const { call, principal, powers } = demanded()
  const written = powers.history.write({
    type: 'call.noted',
    call: call.id,
    method: call.method,
    resource: call.resource,
    principal: nameOf(principal),
    detail: detail.slice(0, DETAIL_MAX_CHARS),
    by: 'server',
  })
  // Who does not wait for it must not bring the process down.
  written.catch(() => undefined)
  return written
}

function demanded(): Asking {
  const call = asking.getStore()
  if (call === undefined) throw new Denial('unauthenticated', { detail: 'asked outside of a call that the guard let through' })
  return call
}

function deny(call: Asking, denial: Denial): never {
  call.denial ??= denial
  throw denial
}

/** What the work threw: a Denial is the refusal of the call that it was done for, whoever makes something else of it on the way. */
export function noteThrown(error: unknown): void {
  const call = asking.getStore()
  if (call !== undefined && error instanceof Denial) call.denial ??= error
}

/** `tools:*` covers `tools:write`, and `*` everything: as `access.tools` has it. */
function isBroader(held: string, scope: string): boolean {
  return (held === '*' || held.endsWith(':*')) && isLike(held, scope)
}
