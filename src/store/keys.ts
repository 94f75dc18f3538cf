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
  /** By which key this store was written: keyed digest of a constant. */
  instance: 'instance',
  /** Where a replica is reached by the others, for as long as it says so. */
  replica: (id: string): string => keyOf('replica', id),
  /** The record of an API key, by its public id. */
  keyRecord: (id: string): string => keyOf('key', id),
  /** All of them, for `list`. */
  keyRecords: 'key/',
  /** When and how often a key was used: apart from its record, so that counting never revives a revoked key. */
  keyUse: (id: string): string => keyOf('key-use', id),
  keyUses: 'key-use/',
  /** What the authorization server remembers, by kind and keyed digest of its identifier; what it says is sealed. */
  oauth: (kind: string, digest: string): string => keyOf('oauth', kind, digest),
  oauthRecords: 'oauth/',
  /** Answers that are kept for half a minute, each under a key of its own. */
  oauthReplays: 'oauth/replay',
  /** What was issued under a grant, so that all of it can be ended at once. */
  oauthIssued: (grant: string, kind: string, digest: string): string => keyOf('oauth-issued', grant, kind, digest),
  oauthAllIssued: (grant: string): string => `${keyOf('oauth-issued', grant)}/`,
  /** The signing keys of the authorization server, sealed. */
  oauthSigningKeys: 'oauth-keys',
  /** A local user. */
  user: (name: string): string => keyOf('user', name),
  users: 'user/',
  /** Who signed in elsewhere, by the name of the provider and the subject there. */
  foreignUser: (provider: string, subject: string): string => keyOf('foreign-user', provider, subject),
  /** A client that an operator configured. */
  client: (id: string): string => keyOf('client', id),
  clients: 'client/',
  /** Who began a task of a server's. */
  taskOwner: (server: string, id: string): string => keyOf('task', server, id),
  /** With which replica a task is, where its server is a process of that replica. */
  taskHome: (server: string, id: string): string => keyOf('task-home', server, id),
  /** That a DPoP proof was used: the thumbprint of its key, the digest of its `jti`. */
  proof: (thumbprint: string, id: string): string => keyOf('proof', thumbprint, id),
  /** That a token was revoked, by the digest of what its issuer vouched for; it lies there as long as the token would have lived. */
  revokedToken: (digest: string): string => keyOf('revoked', digest),
  /** That every token of a family was revoked: all that came from one sign-in or one grant. */
  revokedFamily: (issuer: string, family: string): string => keyOf('revoked-family', issuer, family),
  /** A bucket of a limit, of one who is counted or of a group for whom there was no room. */
  limit: (limit: string, group: 'one' | 'many', name: string): string => keyOf('limit', limit, group, name),
  /** That addresses are turned away, always or with one key; it lies there as long as they are. */
  block: (cidr: string, key?: string): string => keyOf('block', cidr, ...(key === undefined ? [] : [key])),
  blocks: 'block/',
  /** That an anomaly was told of, so that of many processes that see it one tells; it lies there as long as the same is not told again. */
  anomalyTold: (kind: string, subject: string): string => keyOf('anomaly-told', kind, subject),
  /** What was approved and what is withheld of one thing of a server's: a tool, a prompt, a resource, a template, or what it says of itself. */
  pin: (server: string, kind: string, name: string): string => keyOf('pin', server, kind, name),
  pinsOf: (server: string): string => `${keyOf('pin', server)}/`,
  pins: 'pin/',
  /** A definition, by its digest. */
  definition: (digest: string): string => keyOf('definition', digest),
  /** Where a server stood when a gateway last started, in keyed hashes. */
  server: (name: string): string => keyOf('server', name),
  servers: 'server/',
  /** That a server has listed all that it has of a kind, so that what comes later is new. */
  listed: (server: string, kind: string): string => keyOf('listed', server, kind),
  allListed: 'listed/',
  /** The law that a process last put in force: what was asked under it is void once there is another, also when it comes back. */
  law: 'law',
  /** What retention has removed of the journal, signed. */
  cut: 'journal-cut',
  /** That retention was looked to, until it is due again. */
  retention: 'journal-retention',
  /** That it was told how few days a certificate has left. */
  certificateNotice: (fingerprint: string, days: number): string => keyOf('certificate-notice', fingerprint, String(days)),
  /** The key of our account at a certificate authority, sealed. */
  acmeAccount: (directory: string): string => keyOf('acme-account', directory),
  acmeAccounts: 'acme-account/',
  /** The certificate that it gave last for a name, with its key, sealed. */
  acmeCertificate: (directory: string, name: string): string => keyOf('acme-certificate', directory, name),
  acmeCertificates: 'acme-certificate/',
  /** What the authority is answered that asks for this token. */
  acmeChallenge: (token: string): string => keyOf('acme-challenge', token),
  /** Which replica orders a certificate. */
  acmeLease: (name: string): string => keyOf('acme-lease', name),
  /** That none could be had, why, and until when it is not tried again. */
  acmeFailure: (name: string): string => keyOf('acme-failure', name),
  /** A refresh token that may still be used, once. */
  refreshToken: (digest: string): string => keyOf('refresh', digest),
  /** An approval that somebody asked for, by who asks and the digest of all that it is bound to; sealed. */
  approval: (principal: string, digest: string): string => keyOf('approval', principal, digest),
  approvalsOf: (principal: string): string => `${keyOf('approval', principal)}/`,
  approvals: 'approval/',
  /** Whose a server's handle is, by its keyed hash. */
  handle: (server: string, name: string, digest: string): string => keyOf('handle', server, name, digest),
  /** That something good for one use was used: the state of a question, a signed request. */
  spent: (what: string, nonce: string): string => keyOf('spent', what, nonce),
  /** Somebody signed in at the admin listener, by the digest of their cookie. */
  adminSession: (digest: string): string => keyOf('admin-session', digest),
  /** That a label has entered a person's conversations, or a store that such a conversation has written to. */
  flow: (holder: 'person' | 'store', name: string, label: string): string => keyOf('flow', holder, name, label),
  flowOf: (holder: 'person' | 'store', name: string): string => `${keyOf('flow', holder, name)}/`,
  /** That a server has said where a list goes on, by the digest of that and of whom it said it to. */
  cursor: (server: string, digest: string): string => keyOf('cursor', server, digest),
  /** A secret of a tool's author, sealed. */
  secret: (name: string): string => keyOf('secret', name),
  secrets: 'secret/',
  /** What a user's connection to a server's account holds, sealed: tokens, whose they are. */
  connection: (server: string, principal: string, name: string): string => keyOf('connection', server, principal, name),
  connections: 'connection/',
  /** As whom the gateway asks for connections to a server, sealed. */
  connectionClient: (server: string, name: string): string => keyOf('connection-client', server, name),
  connectionClients: 'connection-client/',
  /** A connection that is being made, by the keyed hash of its state. */
  connecting: (digest: string): string => keyOf('connecting', digest),
  /** What an agent keeps, sealed: tokens, clients, which server takes whose tokens. */
  agent: (name: string): string => keyOf('agent', name),
} as const

/** Where sealed records lie that outlive a day: they are sealed anew when the key changes. */
export const SEALED = [
  ...[KEYS.oauthRecords, KEYS.oauthSigningKeys, KEYS.secrets, KEYS.connections, KEYS.connectionClients],
  ...[KEYS.acmeAccounts, KEYS.acmeCertificates],
] as const

export const LOGS = {
  /** AuditEvents, every chain in one log; its marks are the sealed heads of the chains that are open. */
  audit: 'audit',
  /** Signed heads of those chains. */
  checkpoints: 'checkpoints',
  /** Blocks that were added and removed, for the other processes. */
  blocks: 'blocks',
  /** What is held against principals at addresses, and what is let go again: for the other processes, and after a restart. */
  holds: 'holds',
  /** Pins that were changed, for the other processes. */
  pins: 'pins',
} as const
