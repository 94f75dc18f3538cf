/** `experimental.authentication`: servers say when they are opened that callers must be known, and how, for clients that look for it before they are refused. */
import type { Config } from '../config/config.ts'
import type { Message } from '../core/call.ts'
import { isObject } from '../core/json.ts'
import type { Stations } from './guard.ts'

export interface Announcement {
  /** Whether there are no anonymous callers. */
  readonly required: boolean
  /** How callers may be known: `api-key`, `bearer`, `certificate`. */
  readonly types: readonly string[]
}

const OPENING: ReadonlySet<string> = new Set(['initialize', 'server/discover'])

export function isOpening(method: string): boolean {
  return OPENING.has(method)
}

/** @param issues whether tokens of the embedded authorization server are taken here: only the gateway has one. */
export function announcementOf({ authentication }: Config, issues: boolean): Announcement {
  const { anonymous, issuers, jwtSecret, oauth, certificates } = authentication
  const hasTokens = issuers.length > 0 || jwtSecret !== undefined || (issues && oauth !== undefined)
  return {
    required: anonymous === undefined,
    types: ['api-key', ...(hasTokens ? ['bearer'] : []), ...(certificates === undefined ? [] : ['certificate'])],
  }
}

/** Whatever the server said of it: it does not know who stands in front. */
export function announced(message: Message, { required, types }: Announcement): Message {
  const { result } = message.body
  const capabilities = result?.['capabilities']
  if (result === undefined || !isObject(capabilities)) return message
  const experimental = isObject(capabilities['experimental']) ? capabilities['experimental'] : {}
  const authentication = { required, types: [...types] }
  const { bytes: _bytes, ...rest } = message
  return {
    ...rest,
    body: { ...message.body, result: { ...result, capabilities: { ...capabilities, experimental: { ...experimental, authentication } } } },
  }
}

export function withAnnouncement(stations: Stations, announcement: Announcement): Stations {
  return {
    ...stations,
    release: (message, principal, call) => {
      const released = stations.release(message, principal, call)
      if (!isOpening(call.method)) return released
      const settle = (shown: Message | undefined): Message | undefined => (shown === undefined ? undefined : announced(shown, announcement))
      return released instanceof Promise ? released.then(settle) : settle(released)
    },
  }
}
