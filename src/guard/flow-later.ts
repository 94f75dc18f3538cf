/** What a server is told without a word on where it goes: after a call, in the cursor of a list, in what no revision defines. It may go wherever the server sends things. */
import type { Config } from '../config/config.ts'
import type { FlowConfig } from '../config/flow.ts'
import type { Call, Message, Resource } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import type { Finding } from '../core/finding.ts'
import { digest, isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import type { Principal } from '../core/principal.ts'
import type { Clock } from '../core/time.ts'
import { KEYS } from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import { alongOf, besidesOf } from './besides.ts'
import { externalSinks } from './flow-places.ts'
import { personOf } from './flow-record.ts'
import type { Stations } from './guard.ts'
import { lacksWord } from './inspector.ts'
import { ASKED } from './waiting.ts'

interface LaterParts {
  readonly config: FlowConfig
  readonly profile: Config['profile']
  readonly store: Store
  readonly clock: Clock
  /** What the caller carries, as findings. */
  readonly carriedBy: (principal: Principal) => Promise<readonly Finding[]>
  readonly secretsIn: (said: JsonObject) => readonly Finding[]
}

export interface Later {
  /**
   * What could not be sent with a call to strangers cannot be sent without one: a conversation may have been labelled in between.
   * @returns undefined where nothing has to be looked up
   * @throws Denial (rejects) `forbidden`
   */
  check(call: Call, principal: Principal, decide: Stations['decide']): Promise<void> | undefined
  /** Where a list goes on its server has said: that is written down before it is told. */
  gave(message: Message, call: Call, principal: Principal): Promise<void> | undefined
}

/** Who turns over the pages of a list does so within this. */
const CURSOR_TTL_MS = 60 * 60_000

export function createLater({ config, profile, store, clock, carriedBy, secretsIn }: LaterParts): Later {
  const sinksOf = ({ resource: { kind, server } }: Call): readonly Resource[] =>
    profile !== 'observe' && (kind === 'server' || kind === 'task') ? externalSinks(config, server) : NOWHERE
  const keyOf = (cursor: JsonValue, { resource }: Call, principal: Principal): string =>
    KEYS.cursor(resource.server, digest([personOf(principal).name, cursor]))

  return {
    check(call, principal, decide) {
      const sinks = sinksOf(call)
      const said = sinks.length === 0 ? undefined : saidBy(call)
      const cursor = sinks.length === 0 || call.action !== 'list' ? undefined : call.arguments['cursor']
      if (said === undefined && cursor === undefined) return undefined
      return (async () => {
        const secrets = secretsIn({ ...said, ...(cursor === undefined ? {} : { cursor }) })
        const carried = [...(await carriedBy(principal)), ...secrets]
        if (carried.length === 0) return
        // Whatever its server has put there is its own.
        if (said === undefined && (await store.get(keyOf(cursor ?? null, call, principal))) !== undefined) return
        for (const resource of sinks) checkSent(decide, principal, { ...call, action: 'call', resource, arguments: {} }, carried)
      })()
    },
    gave(message, call, principal) {
      const cursor = message.body.result?.['nextCursor']
      if (typeof cursor !== 'string' || sinksOf(call).length === 0) return undefined
      return store.put(keyOf(cursor, call, principal), true, { expiresAt: clock() + CURSOR_TTL_MS }).then(() => undefined)
    },
  }
}

const NOWHERE: readonly Resource[] = []

/** What is sent after its call: an answer to what a server asks in the middle of one, or what a task asks for. It does not say for which tool. */
export function saidLater({ method, arguments: update, message: { body } }: Call): JsonObject | undefined {
  if (method === 'tasks/update') return update
  if (method !== '$response' || String(body.id).startsWith(ASKED)) return undefined
  if (isObject(body.result)) return body.result
  return isObject(body.error) ? body.error : undefined
}

function saidBy(call: Call): JsonObject | undefined {
  const later = saidLater(call)
  if (later === undefined) return besidesOf(call) && alongOf(call)
  return { ...alongOf(call), ...later }
}

function checkSent(decide: Stations['decide'], principal: Principal, call: Call, carried: readonly Finding[]): void {
  const without = decide(principal, call, [])
  // Who may not call it has nothing to say to it; an approval that every call needs was given for what was asked then.
  if (without.effect === 'forbid' && !lacksWord(without)) return
  const { effect, policies } = decide(principal, call, carried)
  if (effect === 'forbid' && policies.some((policy) => !without.policies.includes(policy)))
    throw new Denial('forbidden', { policies, findings: carried, detail: 'what has entered, or a credential, may not be sent there so' })
}
