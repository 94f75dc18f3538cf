/** The line's steps as an embedded server needs them: what its author declared for single tools, and what it announces. */
import type { Message } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { isLike } from '../core/pattern.ts'
import { type Announcement, announced, isOpening } from '../guard/announce.ts'
import type { Stations } from '../guard/guard.ts'
import { type Asking, inside, type Powers } from './context.ts'

/**
 * Asked before a tool is called, and before it is listed; `requirePermission` and `requireScope` are made for it. Yes is `true` or nothing,
 * also as a promise; whatever else it answers, and whatever it throws, is a no. It is the server's own, so `profile: observe` does not lift it.
 */
export type Check = () => unknown

/** By the name of a tool, or a pattern (`write_*`). All that match must say yes. */
export type Checks = Readonly<Record<string, Check>>

export function stepsOf(stations: Stations, powers: Powers, checks: Checks, announcement: Announcement): Stations {
  const rules = Object.entries(checks)
  const matching = (name: string): readonly Check[] => rules.filter(([pattern]) => isLike(pattern, name)).map(([, check]) => check)

  const enforce: Stations['enforce'] = async (decision, principal, call, findings, forward) => {
    const asking = await stations.enforce(decision, principal, call, findings, forward)
    const asked = matching(call.resource.name)
    if (call.method !== 'tools/call' || asked.length === 0) return asking
    // A check is the author's code: it is asked about who it is, not about who it may be.
    await stations.settle(call)
    const denial = await refusalOf(asked, { call, principal, powers })
    if (denial === undefined) return asking
    // What cannot be had by asking for more is not there.
    throw denial.remedies.length > 0 ? denial : new Denial('not_found', { detail: denial.detail, cause: denial })
  }
  const release: Stations['release'] = async (message, principal, call) => {
    const released = await stations.release(message, principal, call)
    if (released?.body.result === undefined) return released
    if (isOpening(call.method)) return announced(released, announcement)
    return call.method === 'tools/list' && rules.length > 0
      ? visible(released, (name) => isVisible(matching(name), { call, principal, powers }))
      : released
  }
  // Only what is added costs: a call of a server without checks walks the steps of every other.
  const opening: Stations['release'] = (message, principal, call) =>
    isOpening(call.method) ? release(message, principal, call) : stations.release(message, principal, call)
  return rules.length === 0 ? { ...stations, release: opening } : { ...stations, enforce, release }
}

async function isVisible(checks: readonly Check[], asking: Asking): Promise<boolean> {
  const denial = checks.length === 0 ? undefined : await refusalOf(checks, asking)
  return denial === undefined || denial.remedies.length > 0
}

/** The first no. Each check is asked as part of a call of its own: what it says here is said here alone. */
async function refusalOf(checks: readonly Check[], asking: Asking): Promise<Denial | undefined> {
  for (const check of checks) {
    try {
      const said = await inside({ ...asking }, check)
      if (said !== undefined && said !== true) return new Denial('forbidden', { detail: 'a check of the server said no' })
    } catch (error) {
      return error instanceof Denial ? error : new Denial('forbidden', { detail: 'a check of the server failed', cause: error })
    }
  }
  return undefined
}

async function visible(message: Message, isShown: (name: string) => Promise<boolean>): Promise<Message> {
  const { result } = message.body
  const tools = result?.['tools']
  if (result === undefined || !Array.isArray(tools)) return message
  const shown = await Promise.all(
    tools.map((tool: JsonValue) => isObject(tool) && typeof tool['name'] === 'string' && isShown(tool['name'])),
  )
  if (shown.every((isKept) => isKept)) return message
  return rewritten(message, { ...result, tools: tools.filter((_, at) => shown[at] === true) })
}

function rewritten(message: Message, result: JsonObject): Message {
  const { bytes: _bytes, ...rest } = message
  return { ...rest, body: { ...message.body, result } }
}
