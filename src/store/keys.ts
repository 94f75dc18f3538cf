/** Every key shape of the store, in one table. */

/** `kind/part/part`, where no part can hold the separator: two different lists of parts never make one key. */
function keyOf(kind: string, ...parts: readonly string[]): string {
  let key = kind
  for (const part of parts) key += `/${encodePart(part)}`
  return key
}

/**
 * A part of a key: letters, digits and `-_.~!*'()` as they are, the rest as percent-encoded UTF-8 (RFC 3986 §2.1).
 * A text with lone surrogates has no UTF-8; it becomes `%u` and the hex of its code units, which no other text becomes.
 */
export function encodePart(part: string): string {
  return part.isWellFormed() ? encodeURIComponent(part) : `%u${Buffer.from(part, 'utf16le').toString('hex')}`
}

export const KEYS = {
  /** What this installation knows of itself. */
  instance: 'instance',
  /** The record of an API key, by its public id. */
  keyRecord: (id: string): string => keyOf('key', id),
  /** All of them, for `list`. */
  keyRecords: 'key/',
  /** When and how often a key was used: apart from its record, so that counting never revives a revoked key. */
  keyUse: (id: string): string => keyOf('key-use', id),
  keyUses: 'key-use/',
  /** Where a chain of the journal stands. */
  chainHead: (node: string): string => keyOf('chain', node),
  chainHeads: 'chain/',
  /** Who began a task of a server's. */
  taskOwner: (server: string, id: string): string => keyOf('task', server, id),
} as const

export const LOGS = {
  /** AuditEvents, every chain in one log. */
  audit: 'audit',
  /** Signed heads of those chains. */
  checkpoints: 'checkpoints',
} as const
