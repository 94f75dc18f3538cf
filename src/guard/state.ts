/** `requestState` of the multi round-trip requests, sealed: only the principal it was given to can bring it back, for the same call, in time. */
import { createCipheriv, createDecipheriv, hash, randomBytes } from 'node:crypto'
import type { Body, Call, Message, Returned } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import { canonical, isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { nameOf, type Principal } from '../core/principal.ts'
import type { Clock } from '../core/time.ts'

/** Long enough for a person to answer a form; a state older than this is refused. */
export const STATE_TTL_MS = 10 * 60_000
/** Larger than any honest state; checked before anything is decrypted. */
const STATE_MAX_CHARS = 64 * 1024
const PREFIX = 'v1.'
const IV_BYTES = 12
const TAG_BYTES = 16

/** The methods that may be asked in several legs (2026-07-28, basic/patterns/mrtr). */
export const ROUND_TRIP: ReadonlySet<string> = new Set(['tools/call', 'prompts/get', 'resources/read'])

/** What we say ourselves in a state, beside what the server had put there. */
export type Ours = Omit<Returned, 'reply'> & {
  /** Under which name we ask; the reply is taken out before the server sees the others. */
  readonly question?: string
}

export interface StateSeal {
  /** Replaces the server's state in an `input_required` result by ours. */
  seal(message: Message, principal: Principal, call: Call, ours?: Ours): Message
  /** Gives the server back exactly the bytes it had put there. @throws Denial when the state is not ours, not this caller's, not this call's, or late. */
  reopen(call: Call, principal: Principal): Call
}

/** @param key 32 bytes, for this purpose only. */
export function createStateSeal(key: Uint8Array, clock: Clock): StateSeal {
  /** What the state is bound to, as additional data of the cipher: a mismatch is a failure of integrity (NIST SP 800-38D). */
  const bind = (call: Call, principal: Principal): Buffer =>
    Buffer.from(
      canonical([
        nameOf(principal),
        principal.client ?? '',
        principal.tenant ?? '',
        call.resource.server,
        call.method,
        call.resource.name,
        hash('sha256', canonical(call.arguments), 'base64url'),
      ]),
    )

  return {
    seal(message, principal, call, ours) {
      const result = message.body.result
      if (result === undefined || !ROUND_TRIP.has(call.method)) return message
      const iv = randomBytes(IV_BYTES)
      const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(bind(call, principal))
      const theirs = result['requestState']
      const plain = JSON.stringify({
        expiresAt: clock() + STATE_TTL_MS,
        ...(typeof theirs === 'string' ? { theirs } : {}),
        ...(ours === undefined ? {} : { ours }),
      })
      const sealed = Buffer.concat([iv, cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()])
      const body: Body = { ...message.body, result: { ...result, requestState: PREFIX + sealed.toString('base64url') } }
      return message.findings === undefined ? { body } : { body, findings: message.findings }
    },
    reopen(call, principal) {
      const params = call.message.body.params
      // Answers without a state are the server's to judge: every question that passed here was given one.
      if (params?.['requestState'] === undefined) return call
      if (call.origin.era !== 'modern' || !ROUND_TRIP.has(call.method)) return call
      const { theirs, ours } = open(key, params['requestState'], bind(call, principal), clock())
      const { requestState: _sealed, inputResponses, ...rest } = params
      const { reply, others } = takeReply(inputResponses, ours?.question)
      const body: Body = {
        ...call.message.body,
        params: {
          ...rest,
          ...(others === undefined ? {} : { inputResponses: others }),
          ...(theirs === undefined ? {} : { requestState: theirs }),
        },
      }
      return { ...call, message: { body }, ...(ours === undefined ? {} : { returned: returnedOf(ours, reply) }) }
    },
  }
}

/** What the client says to our question, and what it says to the server's. */
function takeReply(
  responses: JsonValue | undefined,
  question: string | undefined,
): { readonly reply?: string; readonly others: JsonValue | undefined } {
  if (question === undefined || !isObject(responses)) return { others: responses }
  const { [question]: mine, ...others } = responses
  const action = isObject(mine) ? mine['action'] : undefined
  return { ...(typeof action === 'string' ? { reply: action } : {}), others: Object.keys(others).length === 0 ? undefined : others }
}

function returnedOf({ question: _question, ...ours }: Ours, reply: string | undefined): Returned {
  return reply === 'accept' || reply === 'decline' || reply === 'cancel' ? { ...ours, reply } : ours
}

interface Opened {
  readonly theirs?: string
  readonly ours?: Ours
}

function open(key: Uint8Array, state: unknown, binding: Buffer, now: number): Opened {
  if (typeof state !== 'string') throw new Denial('malformed', { detail: 'requestState is not a text' })
  if (state.length > STATE_MAX_CHARS || !state.startsWith(PREFIX)) throw new Denial('malformed', { detail: 'requestState is not of ours' })
  const sealed = Buffer.from(state.slice(PREFIX.length), 'base64url')
  if (sealed.length <= IV_BYTES + TAG_BYTES) throw new Denial('malformed', { detail: 'requestState is too short' })
  const plain = decrypt(key, sealed, binding)
  if (typeof plain['expiresAt'] !== 'number' || plain['expiresAt'] < now)
    throw new Denial('malformed', { detail: 'requestState has expired' })
  const { theirs, ours } = plain
  return { ...(typeof theirs === 'string' ? { theirs } : {}), ...(isOurs(ours) ? { ours } : {}) }
}

/** Nobody else could have sealed it. */
function isOurs(value: JsonValue | undefined): value is JsonObject & Ours {
  return isObject(value) && typeof value['kind'] === 'string' && typeof value['nonce'] === 'string'
}

function decrypt(key: Uint8Array, sealed: Buffer, binding: Buffer): JsonObject {
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, IV_BYTES)).setAAD(binding)
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES))
  try {
    const text = decipher.update(sealed.subarray(IV_BYTES, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
    const value: unknown = JSON.parse(text)
    if (isObject(value)) return value
  } catch (cause) {
    throw new Denial('malformed', { detail: 'requestState is forged, or of another principal or call', cause })
  }
  throw new Denial('malformed', { detail: 'requestState holds no object' })
}
