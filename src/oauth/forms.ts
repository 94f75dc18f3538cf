/** What forms and pages need of HTTP: bodies read within bounds, forms that only our own pages can send, answers that tell nobody else. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { isEqual, keyedHash } from '../core/secret.ts'
import { contentSecurityPolicy } from './pages.ts'

/** What oidc-provider takes at most. */
const BODY_MAX_BYTES = 56 * 1024

export class TooLarge extends Error {}

/** @throws TooLarge */
export async function readBody(request: IncomingMessage, maxBytes = BODY_MAX_BYTES): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) throw new TypeError('a request is read as bytes')
    size += chunk.length
    if (size > maxBytes) throw new TooLarge()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, size)
}

export function isForm(request: IncomingMessage): boolean {
  return /^application\/x-www-form-urlencoded\s*(;|$)/i.test(request.headers['content-type'] ?? '')
}

/** A form is ours when it brings the token of the page it stood on; the cookie beside it proves the browser (RFC 9700 §4.7). */
export function csrfToken(key: Uint8Array, page: string): string {
  return keyedHash(key, `form ${page}`)
}

export function isOurForm(request: IncomingMessage, form: URLSearchParams, key: Uint8Array, page: string): boolean {
  const site = request.headers['sec-fetch-site']
  return (site === undefined || site === 'same-origin') && isEqual(form.get('csrf') ?? '', csrfToken(key, page))
}

/** No store, no referrer, no frame, no sniffing: what every page of ours says. */
export function pageHeaders(target = ''): Readonly<Record<string, string>> {
  return {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy': contentSecurityPolicy(target),
    'cross-origin-opener-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
  }
}

export function sendPage(response: ServerResponse, status: number, page: string, target = ''): void {
  response.writeHead(status, { ...pageHeaders(target), 'content-length': Buffer.byteLength(page) }).end(page)
}

/** 303: the form is not sent on (RFC 9700 §4.12). */
export function sendAway(response: ServerResponse, location: string): void {
  response.writeHead(303, { location, 'cache-control': 'no-store', 'referrer-policy': 'no-referrer', 'content-length': 0 }).end()
}

/** An OAuth error (RFC 6749 §5.2). */
export function sendError(
  response: ServerResponse,
  status: number,
  error: string,
  description: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = JSON.stringify({ error, error_description: description })
  response
    .writeHead(status, {
      ...headers,
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'content-length': Buffer.byteLength(body),
    })
    .end(body)
}
