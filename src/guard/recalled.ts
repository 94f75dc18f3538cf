/** Where the store is elsewhere: who called a moment ago is asked about anew on the same way as the call's first record, not on one of its own. */
import { isDeepStrictEqual } from 'node:util'
import type { Call } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import type { Credential, Principal } from '../core/principal.ts'
import { sha256 } from '../core/secret.ts'
import type { Clock } from '../core/time.ts'
import { remember } from '../trust/remember.ts'
import type { KeyIdOf } from './limited.ts'

/** What the law is asked about is never older; before anything is done, it is known to be so still. */
const RECALL_MS = 1_000
const RECALLED_MAX = 10_000

type Identify = (credentials: readonly Credential[], call: Call) => Principal | Promise<Principal>

export interface RecallParts {
  /** Asks the store. */
  readonly identify: Identify
  readonly keyIdOf: KeyIdOf
  /** Milliseconds that only ever go forward. */
  readonly steady: Clock
  /** Whether credentials are being guessed: then each is looked at first. */
  readonly isGuessed: () => boolean
}

export interface Recall {
  readonly identify: Identify
  /**
   * Has to have answered before anything is done for the call: whether it is who it was taken for.
   * @throws Denial (rejects) what `identify` would have thrown, or `unavailable` where the key was changed meanwhile
   */
  confirm(call: Call): Promise<void> | undefined
  /** The call is over. */
  end(call: Call): void
}

/** API keys alone: what else is presented is good for one server or one request. */
export function createRecall({ identify, keyIdOf, steady, isGuessed }: RecallParts): Recall {
  const recalled = new Map<string, { readonly principal: Principal; readonly at: number }>()
  const unsure = new Map<string, { readonly principal: Principal; readonly ask: () => Promise<Principal> }>()
  const asked = async (credentials: readonly Credential[], call: Call, digest: string): Promise<Principal> => {
    const at = steady()
    try {
      const principal = await identify(credentials, call)
      remember(recalled, digest, { principal, at }, RECALLED_MAX)
      return principal
    } catch (error) {
      recalled.delete(digest)
      throw error
    }
  }
  return {
    identify: (credentials, call) => {
      const [credential, another] = credentials
      if (credential === undefined || another !== undefined || isGuessed() || keyIdOf(credential) === undefined)
        return identify(credentials, call)
      // Only what was presented the same way is the same: a key in another header may be refused for that.
      const digest = sha256(`${credential.scheme} ${credential.flaw ?? ''} ${credential.secret.reveal()}`)
      const known = recalled.get(digest)
      if (known === undefined || steady() - known.at > RECALL_MS) return asked(credentials, call, digest)
      unsure.set(call.id, { principal: known.principal, ask: () => asked(credentials, call, digest) })
      return known.principal
    },
    confirm: (call) => {
      const waiting = unsure.get(call.id)
      if (waiting === undefined) return undefined
      unsure.delete(call.id)
      return waiting.ask().then((principal) => {
        if (principal !== waiting.principal && !isDeepStrictEqual(principal, waiting.principal)) throw changed()
      })
    },
    end: (call) => void unsure.delete(call.id),
  }
}

/** What the law was asked about is no more; the next call is judged by what is. */
function changed(): Denial {
  return new Denial('unavailable', {
    detail: 'the key was changed while the call was looked at',
    remedies: [{ kind: 'wait', ms: RECALL_MS }],
  })
}
