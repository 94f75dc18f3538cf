/** A yes or no that comes back from chat: signed with our secret, good once, in the name of somebody who may approve. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { DENIALS, Denial, Fault } from '../core/denial.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import { sha256 } from '../core/secret.ts'
import { isSigned, SIGNATURE_HEADER, SIGNED_FOR_MS, TIMESTAMP_HEADER } from '../core/signature.ts'
import { readBody, TooLarge } from '../oauth/forms.ts'
import { KEYS } from '../store/keys.ts'
import { saidIn } from './approvals.ts'
import type { DashboardParts } from './parts.ts'
import { aliasesOf } from './sign-in.ts'

/** An id, a word and a name. */
const BODY_MAX_BYTES = 4 * 1024

export type Hook = (request: IncomingMessage, response: ServerResponse, path: string) => Promise<void>

export function createHook(parts: DashboardParts): Hook {
  return async (request, response, path) => {
    const id = path.slice(path.lastIndexOf('/') + 1)
    try {
      const { status } = await settle(parts, request, id)
      send(response, 200, { id, status })
    } catch (error) {
      if (error instanceof Fault && error.code === 'FAULT_APPROVAL') return send(response, 409, { id, error: error.message })
      const denial = error instanceof TooLarge ? new Denial('too_large', { detail: 'the body of a webhook' }) : Denial.from(error)
      const address = parts.addressOf(request)
      await parts.tell({
        type: 'call.ended',
        outcome: 'denied',
        approval: id,
        transport: 'http',
        denial: denial.code,
        detail: `POST ${path}: ${denial.detail}`,
        ...(address === undefined ? {} : { address }),
      })
      send(response, DENIALS[denial.code].status, { id, error: denial.message })
    }
  }
}

async function settle({ secret, clock, store, accounts, isApprover, approvals }: DashboardParts, request: IncomingMessage, id: string) {
  const body = (await readBody(request, BODY_MAX_BYTES)).toString('utf8')
  const said = { timestamp: headerOf(request, TIMESTAMP_HEADER), signature: headerOf(request, SIGNATURE_HEADER) }
  if (secret === undefined || !isSigned(secret, body, said, clock()))
    throw new Denial('invalid_token', { detail: 'not signed with the secret of approval.notify, or too old' })
  const expiresAt = clock() + 2 * SIGNED_FOR_MS
  if (!(await store.put(KEYS.spent('signature', sha256(said.signature)), true, { expiresAt, onlyIfAbsent: true })))
    throw new Denial('invalid_token', { detail: 'this signed request came before' })
  const { says, by } = wordOf(body, id)
  const account = await accounts.find(by)
  if (account === undefined || !isApprover(account.roles))
    throw new Denial('forbidden', { detail: `${JSON.stringify(by)} is nobody who may approve` })
  return approvals.settle(id, says, { name: `local#${account.subject}`, subject: account.subject, aliases: aliasesOf(account.subject) })
}

/** The id stands in the body, too: what is signed for one approval settles no other. */
function wordOf(body: string, id: string): { readonly says: 'approve' | 'deny'; readonly by: string } {
  let said: unknown
  try {
    said = JSON.parse(body)
  } catch (cause) {
    throw new Denial('unparseable', { detail: 'the body is not JSON', cause })
  }
  const says = isObject(said) ? saidIn(said['decision']) : undefined
  if (!isObject(said) || said['id'] !== id || says === undefined || typeof said['by'] !== 'string')
    throw new Denial('malformed', { detail: 'expected id, decision (approve or deny) and by' })
  return { says, by: said['by'] }
}

function headerOf({ headers }: IncomingMessage, name: string): string {
  const value = headers[name]
  return typeof value === 'string' ? value : ''
}

function send(response: ServerResponse, status: number, answer: JsonObject): void {
  const body = JSON.stringify(answer)
  response
    .writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', 'content-length': Buffer.byteLength(body) })
    .end(body)
}
