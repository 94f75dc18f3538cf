/** The page in front of a server's own sign-in: whose account is connected, to what, and a yes. */
import { html } from './html.ts'
import { csrfField, type Form, pageOf } from './pages.ts'

export interface ConnectPage {
  readonly form: Form
  /** The server, as the operator named it. */
  readonly server: string
  readonly user: string
  /** The host where the account is. */
  readonly host: string
}

/** Shown before the browser leaves for the server's own sign-in: which remembers consent, and would not ask. */
export function connectPage({ form, server, user, host }: ConnectPage): string {
  return pageOf(
    'Connect an account',
    html`<h1>Connect an account to <strong>${server}</strong>?</h1>
<p class="notice" role="note"><strong>Only continue if you started this yourself, just now.</strong> From then on what you do at ${server} is done with the account that you sign in to next.</p>
<dl>
<dt>You are</dt><dd>${user}</dd>
<dt>Server</dt><dd>${server}</dd>
<dt>You sign in at</dt><dd><code>${host}</code></dd>
</dl>
<form method="post" action="${form.action}">${csrfField(form)}
<button class="first" name="action" value="connect">Connect</button>
<button name="action" value="cancel">Do not connect</button>
</form>`,
  )
}
