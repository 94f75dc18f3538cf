/** Calls that wait while a person decides: a few of each caller at once, and what their clients answer meanwhile. */
import { randomUUID } from 'node:crypto'
import { setTimeout as after } from 'node:timers/promises'
import type { Call, Message } from '../core/call.ts'
import { nameOf, type Principal } from '../core/principal.ts'
import { requestBody } from '../mcp/message.ts'
import { confirmationOf } from './questions.ts'

/**
 * A client that has opened the page comes back at once (2026-07-28, client/elicitation: accept means that it will be opened), and its person
 * needs a while: so long it is not asked again. Under the minute after which clients give up.
 */
const HOLD_MS = 25_000
const LOOK_MS = 500
/** How long a person at a client of an older revision has to answer a form. */
const CONFIRM_MS = 2 * 60_000
/** Of one caller: limits do not count them yet, and they take places that others need. */
const HELD_MAX = 8
/** How the ids begin under which we ask ourselves. */
export const ASKED = 'portcullis-confirm-'

interface Question {
  readonly principal: string
  readonly session: string | undefined
  readonly resolve: (action: unknown) => void
}

export class Waiting {
  readonly #held = new Map<string, number>()
  /** By the id under which a client was asked. */
  readonly #questions = new Map<string, Question>()

  /** Whether it answers what we have asked its client. Nobody else can answer that, and no server is told. */
  takes({ method, message, session }: Call, principal: Principal): boolean {
    const { id, result } = message.body
    if (method !== '$response' || typeof id !== 'string' || !id.startsWith(ASKED)) return false
    const question = this.#questions.get(id)
    if (question?.principal === nameOf(principal) && question.session === session) question.resolve(result?.['action'])
    return true
  }

  /** Resolves when it is so no more, the caller has gone, or has waited long enough. */
  async while(isSo: () => Promise<boolean>, { signal }: Call, principal: Principal): Promise<void> {
    const release = this.#hold(principal)
    if (release === undefined) return
    const stop = new AbortController()
    const giveUp = (): void => stop.abort()
    signal.addEventListener('abort', giveUp, { once: true })
    try {
      for (let waited = 0; waited < HOLD_MS && !stop.signal.aborted && (await isSo()); waited += LOOK_MS)
        await after(LOOK_MS, undefined, { signal: stop.signal }).catch(() => undefined)
    } finally {
      signal.removeEventListener('abort', giveUp)
      release()
    }
  }

  /** A client of the revisions with sessions is asked by a request of ours, while its own waits (2025-11-25, client/elicitation). Answers whether it says yes. */
  async *confirm({ resource, session, signal }: Call, principal: Principal): AsyncGenerator<Message, boolean> {
    const release = this.#hold(principal)
    if (release === undefined) return false
    const id = ASKED + randomUUID()
    const { promise, resolve } = Promise.withResolvers<unknown>()
    const giveUp = (): void => resolve(undefined)
    const timer = setTimeout(giveUp, CONFIRM_MS)
    this.#questions.set(id, { principal: nameOf(principal), session, resolve })
    signal.addEventListener('abort', giveUp, { once: true })
    try {
      yield { body: requestBody(id, 'elicitation/create', confirmationOf(resource)) }
      return (await promise) === 'accept'
    } finally {
      clearTimeout(timer)
      this.#questions.delete(id)
      signal.removeEventListener('abort', giveUp)
      release()
    }
  }

  /** Undefined when this caller has taken all places of its own. */
  #hold(principal: Principal): (() => void) | undefined {
    const name = nameOf(principal)
    const held = this.#held.get(name) ?? 0
    if (held >= HELD_MAX) return undefined
    this.#held.set(name, held + 1)
    return () => {
      const left = (this.#held.get(name) ?? 1) - 1
      if (left === 0) this.#held.delete(name)
      else this.#held.set(name, left)
    }
  }
}
