/** Signed requests, ours to a webhook and a webhook's to us: HMAC-SHA256 over the time and the body, in headers of their own. */
import { createHmac } from 'node:crypto'
import { isEqual, type Secret } from './secret.ts'

export const TIMESTAMP_HEADER = 'portcullis-timestamp'
export const SIGNATURE_HEADER = 'portcullis-signature'
/** Clocks differ, and mail is slow; within this a signature is remembered, so that none counts twice. */
export const SIGNED_FOR_MS = 5 * 60_000
const VERSION = 'v1='

/** @param at milliseconds since the epoch; on the wire in seconds. */
export function signedHeaders(secret: Secret, body: string, at: number): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(at / 1_000))
  return { [TIMESTAMP_HEADER]: timestamp, [SIGNATURE_HEADER]: signatureOf(secret, timestamp, body) }
}

/** Whether the body was signed with our secret, lately. */
export function isSigned(
  secret: Secret,
  body: string,
  said: { readonly timestamp: string; readonly signature: string },
  now: number,
): boolean {
  if (!/^\d{1,12}$/.test(said.timestamp) || Math.abs(now - Number(said.timestamp) * 1_000) > SIGNED_FOR_MS) return false
  return isEqual(said.signature, signatureOf(secret, said.timestamp, body))
}

function signatureOf(secret: Secret, timestamp: string, body: string): string {
  return VERSION + createHmac('sha256', secret.reveal()).update(`${timestamp}.${body}`).digest('hex')
}
