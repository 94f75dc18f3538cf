/** What replicas say to each other: sealed with a key that only this installation has, each text to its place, so that nobody else can ask, answer or listen. */
import type { Call, Message, StreamEvent } from '../core/call.ts'
import { DENIALS, Denial, type DenialCode } from '../core/denial.ts'
import type { JsonObject } from '../core/json.ts'
import type { Principal } from '../core/principal.ts'
import type { Seal } from '../core/seal.ts'

/** A call that another replica has let through, for what only this one has. */
export interface Errand {
  readonly call: Omit<Call, 'signal' | 'message' | 'flaw'>
  /** The very bytes that the caller sent, as text. */
  readonly message: string
  readonly principal: Principal
  readonly at: number
  /** Once. */
  readonly nonce: string
}

/** One line of an answer. */
type Step =
  | { readonly message: string; readonly isVerbatim?: true; readonly event?: StreamEvent }
  | { readonly denial: string; readonly detail: string; readonly remedies: Denial['remedies']; readonly isOfServer: boolean }
  | { readonly end: true }

export function writeErrand(seal: Seal, replica: string, errand: Errand): string {
  return seal.seal(JSON.stringify(errand), `errand to ${replica}`)
}

/** @throws Fault `FAULT_SEAL` when it does not come from this installation, or not to this replica */
export function readErrand(seal: Seal, replica: string, text: string): Errand {
  return JSON.parse(seal.open(text, `errand to ${replica}`)) as Errand // what `writeErrand` wrote: the seal says so
}

export function callOf({ call, message }: Errand, signal: Call['signal']): Call {
  return { ...call, signal, message: { body: JSON.parse(message) as Message['body'], bytes: Buffer.from(message) } } // parsed where it came in
}

export function textOf({ body, bytes }: Message): string {
  return bytes === undefined ? JSON.stringify(body) : Buffer.from(bytes).toString()
}

export function writeMessage(seal: Seal, nonce: string, index: number, message: Message): string {
  const { event, bytes } = message
  const step: Step = {
    message: textOf(message),
    ...(bytes === undefined ? {} : { isVerbatim: true }),
    ...(event === undefined ? {} : { event }),
  }
  return line(seal, nonce, index, step)
}

export function writeDenial(seal: Seal, nonce: string, index: number, { code, detail, remedies, isOfServer }: Denial): string {
  return line(seal, nonce, index, { denial: code, detail, remedies, isOfServer })
}

export function writeEnd(seal: Seal, nonce: string, index: number): string {
  return line(seal, nonce, index, { end: true })
}

/**
 * @returns the message; undefined when the answer ends here
 * @throws Denial what the other replica refused with; a Fault `FAULT_SEAL` when the line is not of this answer, or not the next
 */
export function readStep(seal: Seal, nonce: string, index: number, text: string): Message | undefined {
  const step = JSON.parse(seal.open(text, placeOf(nonce, index))) as Step // what `line` wrote: the seal says so
  if ('end' in step) return undefined
  if ('denial' in step)
    throw new Denial(isCode(step.denial) ? step.denial : 'unavailable', {
      detail: step.detail,
      remedies: step.remedies,
      isOfServer: step.isOfServer,
    })
  const { message, isVerbatim, event } = step
  return {
    body: JSON.parse(message) as Message['body'], // as the other replica had parsed it
    ...(isVerbatim === true ? { bytes: Buffer.from(message) } : {}),
    ...(event === undefined ? {} : { event }),
  }
}

/** What a stored record says of a replica; undefined when it says nothing. */
export function urlOf(record: unknown): string | undefined {
  const url = (record as JsonObject | undefined)?.['url']
  return typeof url === 'string' ? url : undefined
}

function line(seal: Seal, nonce: string, index: number, step: Step): string {
  return `${seal.seal(JSON.stringify(step), placeOf(nonce, index))}\n`
}

function placeOf(nonce: string, index: number): string {
  return `answer ${nonce} ${index}`
}

function isCode(text: string): text is DenialCode {
  return Object.hasOwn(DENIALS, text)
}
