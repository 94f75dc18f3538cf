/** A provider that nobody here wrote, as the tests of this folder speak with it: like any client of it. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { z } from 'zod'
import type { JsonObject } from '../../src/core/json.ts'

/** Where nobody listens: the browser of a test stops there. */
export const CALLBACK = 'http://127.0.0.1:7/callback'

export interface Tokens {
  readonly access: string
  readonly id?: string
}

export interface ForeignProvider extends AsyncDisposable {
  readonly issuer: string
  /** What an operator of ours writes of it, for its people and for its machines; `issuer` and `allowPrivate` come on top. */
  readonly settings: { readonly person: JsonObject; readonly machine: JsonObject }
  readonly keysUri: string
  /** What its tokens for a server must name. */
  audienceOf(resource: string): string
  /** Who `machine` and `ann` are in its tokens. */
  readonly subjects: { readonly machine: RegExp; readonly ann: RegExp }
  /** Tells it of the servers that it issues tokens for. */
  serve(resources: readonly string[]): Promise<void>
  /** Client credentials (RFC 6749 §4.4). */
  machineToken(resource: string): Promise<string>
  /** Authorization code with PKCE. ann is of the staff, ben is not. */
  personTokens(name: 'ann' | 'ben', resource: string): Promise<Required<Tokens>>
}

const answer = z.object({ access_token: z.string(), id_token: z.string().optional() })

/** @param browser goes where it is sent, as a person would, and answers where it came back to. */
export async function authorize(
  endpoint: string,
  client: string,
  fields: Readonly<Record<string, string>>,
  browser: (url: string) => Promise<string>,
): Promise<{ readonly code: string; readonly verifier: string }> {
  const verifier = randomBytes(32).toString('base64url')
  const url = new URL(endpoint)
  url.search = new URLSearchParams({
    response_type: 'code',
    client_id: client,
    redirect_uri: CALLBACK,
    state: randomBytes(16).toString('hex'),
    nonce: randomBytes(16).toString('hex'),
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...fields,
  }).toString()
  const back = new URL(await browser(url.href))
  assert.equal(`${back.origin}${back.pathname}`, CALLBACK)
  return { code: back.searchParams.get('code') ?? assert.fail(back.href), verifier }
}

/** The token endpoint, with `client_secret_basic`. */
export async function redeem(endpoint: string, client: string, secret: string, fields: Readonly<Record<string, string>>): Promise<Tokens> {
  const authorization = `Basic ${Buffer.from(`${client}:${secret}`).toString('base64')}`
  const response = await fetch(endpoint, { method: 'POST', headers: { authorization }, body: new URLSearchParams(fields) })
  const text = await response.text()
  assert.equal(response.status, 200, text)
  const { access_token: access, id_token: id } = answer.parse(JSON.parse(text))
  return { access, ...(id === undefined ? {} : { id }) }
}

/** What a code brings: an access token, and who signed in. */
export function withIdentity({ access, id }: Tokens): Required<Tokens> {
  return { access, id: id ?? assert.fail('no ID token') }
}
