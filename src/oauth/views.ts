/** Pages that oidc-provider asks for by itself: errors, and the codes of devices. */
import type { Client, Configuration, KoaContextWithOIDC } from 'oidc-provider'
import { shownOf } from './interactions.ts'
import { deviceCodePage, deviceConfirmPage, messagePage } from './pages.ts'

/** What went wrong is in the journal; a person is told what they can do. */
export function renderError(ctx: KoaContextWithOIDC, out: { readonly error: string }): void {
  ctx.type = 'html'
  ctx.body = messagePage(
    'This did not work',
    `${MESSAGES[out.error] ?? 'The application asked for something that is not possible here.'} (${out.error})`,
  )
}

const MESSAGES: Readonly<Record<string, string>> = {
  invalid_client: 'The application is not known here. Start again from the application.',
  invalid_redirect_uri: 'The application wanted the answer sent to an address that it never registered. Do not continue.',
  invalid_request: 'The application asked in a way that is not understood.',
  server_error: 'Something is broken here. Try again later.',
}

export const deviceViews: Pick<
  NonNullable<NonNullable<Configuration['features']>['deviceFlow']>,
  'userCodeInputSource' | 'userCodeConfirmSource' | 'successSource' | 'deviceInfo'
> = {
  /** Nothing of a request for a device is shown or kept but its code. */
  deviceInfo: () => ({}),
  userCodeInputSource: (ctx, form, out, err) => {
    const problem = err === undefined && out === undefined ? undefined : problemOf(err)
    ctx.body = deviceCodePage(ctx.oidc.urlFor('code_verification'), xsrfOf(form), codeOf(ctx), problem)
  },
  userCodeConfirmSource: (ctx, form, client: Client, _info, code) => {
    ctx.body = deviceConfirmPage(ctx.oidc.urlFor('code_verification'), xsrfOf(form), code, shownOf(client))
  },
  successSource: (ctx) => {
    ctx.body = messagePage('Connected', 'Go back to your device. You can close this page.')
  },
}

function problemOf(err: Error | undefined): string {
  return err?.name === 'AbortedError' ? 'Nothing was connected.' : 'This code is not valid, or not any more. Look at your device again.'
}

/** The library writes its token into a form of its own; we make another. */
function xsrfOf(form: string): string {
  return /name="xsrf" value="([A-Za-z0-9_-]+)"/.exec(form)?.[1] ?? ''
}

/** From the link that the device showed (RFC 8628 §3.3.1): put into the field, never sent by itself. */
function codeOf(ctx: KoaContextWithOIDC): string {
  const code: unknown = ctx.state['userCode']
  return typeof code === 'string' ? code : ''
}
