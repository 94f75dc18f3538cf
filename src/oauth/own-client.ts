/** The gateway as a client of its own authorization server: to know who sits at a browser, and for nothing else. */
import { randomBytes } from 'node:crypto'
import type { Configuration, KoaContextWithOIDC, Provider } from 'oidc-provider'
import { isEqual, sha256 } from '../core/secret.ts'
import { OWN_CLIENT, TERMS } from './clients.ts'
import type { AuthorizationServerOptions } from './options.ts'

const SECRET_BYTES = 32

/** Its codes are looked at by `whoSignedIn` and are good for no token: it has no secret to redeem them with that anybody knows. */
export function ownClient({ signedInUri }: AuthorizationServerOptions): NonNullable<Configuration['clients']> {
  if (signedInUri === undefined) return []
  return [
    {
      client_id: OWN_CLIENT,
      client_name: 'Portcullis',
      client_secret: randomBytes(SECRET_BYTES).toString('base64url'),
      token_endpoint_auth_method: 'client_secret_basic',
      grant_types: ['authorization_code'],
      response_types: ['code'],
      redirect_uris: [signedInUri],
      application_type: signedInUri.startsWith('http:') ? 'native' : 'web',
      [TERMS]: { origin: 'configured', roles: [], introspects: [] },
    },
  ]
}

/** As in the library; and to ourselves a person who signs in gives nothing, so there is nothing to consent to. */
export async function grantOf({ oidc }: KoaContextWithOIDC): Promise<InstanceType<Provider['Grant']> | undefined> {
  const { client, session, account, provider } = oidc
  if (client === undefined) return undefined
  const grantId = oidc.result?.consent?.grantId ?? session?.grantIdFor(client.clientId)
  if (grantId !== undefined) return await provider.Grant.find(grantId)
  if (client.clientId !== OWN_CLIENT || account === undefined) return undefined
  const grant = new provider.Grant({ accountId: account.accountId, clientId: client.clientId })
  await grant.save()
  return grant
}

/** Where a browser is sent to have its person signed in. */
export function signInUrl({ issuer, signedInUri = '' }: AuthorizationServerOptions, state: string, challenge: string): string {
  const url = new URL(`${issuer}/authorize`)
  const asked = { response_type: 'code', client_id: OWN_CLIENT, redirect_uri: signedInUri, state, code_challenge: challenge }
  for (const [name, value] of Object.entries({ ...asked, code_challenge_method: 'S256' })) url.searchParams.set(name, value)
  return url.href
}

/** Whose code it is: asked of us, by the browser that has the verifier, and once. */
export async function whoSignedIn(provider: Provider, code: string, verifier: string): Promise<string | undefined> {
  const found = await provider.AuthorizationCode.find(code)
  if (found?.clientId !== OWN_CLIENT || !found.isValid || !isEqual(found.codeChallenge ?? '', sha256(verifier))) return undefined
  try {
    await found.consume()
  } catch {
    return undefined
  }
  return found.accountId
}
