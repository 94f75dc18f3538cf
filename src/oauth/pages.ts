/** The pages that people see: plain, without script, not to be framed, everything that came from elsewhere escaped. */
import { hash } from 'node:crypto'
import { Html, html } from './html.ts'

const STYLE = `
:root { color-scheme: light dark; --ink: #16181d; --paper: #fff; --soft: #5a6270; --line: #c9ced8; --act: #1746a2; --warn: #fff3cd; --warnink: #5c4400 }
@media (prefers-color-scheme: dark) { :root { --ink: #eceff4; --paper: #14171c; --soft: #a7b0be; --line: #444c59; --act: #8fb4ff; --warn: #3d3210; --warnink: #ffe49c } }
* { box-sizing: border-box }
body { margin: 0; padding: 2rem 1rem; background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif }
main { max-width: 30rem; margin: 0 auto }
h1 { font-size: 1.5rem; line-height: 1.25; overflow-wrap: anywhere }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .35rem 1rem; margin: 1rem 0 }
dt { color: var(--soft) } dd { margin: 0; overflow-wrap: anywhere }
ul { padding-left: 1.25rem } li { margin: .25rem 0; overflow-wrap: anywhere }
code { font: .9em ui-monospace, monospace }
label { display: block; margin: 1rem 0 .25rem; font-weight: 600 }
input { width: 100%; padding: .6rem .7rem; border: 1px solid var(--soft); border-radius: .35rem; background: transparent; color: inherit; font: inherit }
button, a.button { display: inline-block; margin: 1.25rem .75rem 0 0; padding: .6rem 1.25rem; border: 1px solid var(--act); border-radius: .35rem; background: transparent; color: var(--act); font: inherit; text-decoration: none; cursor: pointer }
button.first { background: var(--act); color: var(--paper) }
:focus-visible { outline: 3px solid var(--act); outline-offset: 2px }
.notice { padding: .75rem 1rem; border-radius: .35rem; background: var(--warn); color: var(--warnink) }
.soft { color: var(--soft); font-size: .9rem }
`

const STYLE_HASH = hash('sha256', STYLE, 'base64')

/**
 * What a page may do: show itself, and send its form. A browser follows the redirect behind a form only where `form-action` says so.
 * @param target origins beside ours to which an answer may lead.
 */
export function contentSecurityPolicy(target = ''): string {
  return `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; form-action 'self'${target === '' ? '' : ` ${target}`}; frame-ancestors 'none'; base-uri 'none'`
}

/** The origin of a redirect URI as a CSP source. IPv6 literals cannot be written there (CSP3 §2.3.1): their scheme stands for them. */
export function redirectSource(redirectUri: string | undefined): string {
  const url = redirectUri === undefined ? null : URL.parse(redirectUri)
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) return ''
  return url.hostname.startsWith('[') ? url.protocol : url.origin
}

/** A client as people are shown it. */
export interface ShownClient {
  readonly name: string
  /** The host that vouches for it: its metadata document lies there. */
  readonly verifiedHost?: string
  readonly isConfigured: boolean
}

export interface Form {
  readonly action: string
  readonly csrf: string
}

export interface LoginPage {
  readonly form: Form
  readonly client: ShownClient
  readonly localUsers: boolean
  readonly name?: string
  readonly problem?: string
  readonly providers: readonly { readonly name: string; readonly href: string }[]
}

export function loginPage(page: LoginPage): string {
  return pageOf(
    'Sign in',
    html`<h1>Sign in</h1>
<p>to continue to <strong>${page.client.name}</strong>${origin(page.client)}</p>
${page.problem === undefined ? undefined : html`<p class="notice" role="alert">${page.problem}</p>`}
${page.localUsers ? passwordForm(page) : undefined}
${page.providers.map(({ name, href }) => html`<a class="button" href="${href}">Sign in with ${name}</a>`)}
<form method="post" action="${page.form.action}">${csrfField(page.form)}<button name="action" value="deny">Cancel</button></form>`,
  )
}

function passwordForm({ form, name }: LoginPage): Html {
  return html`<form method="post" action="${form.action}">${csrfField(form)}
<label for="name">Name</label>
<input id="name" name="name" value="${name ?? ''}" autocomplete="username" autocapitalize="none" spellcheck="false" required maxlength="64">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required maxlength="256">
<button class="first" name="action" value="login">Sign in</button>
</form>`
}

/** What one server would be opened for. */
export interface Asked {
  readonly resource: string
  readonly name: string
  readonly scopes: readonly { readonly name: string; readonly description: string }[]
}

export interface ConsentPage {
  readonly form: Form
  readonly client: ShownClient
  readonly user: string
  /** Where the answer is sent; absent for a device. */
  readonly redirect?: { readonly host: string; readonly isLoopback: boolean }
  readonly asked: readonly Asked[]
}

export function consentPage({ form, client, user, redirect, asked }: ConsentPage): string {
  const loopback = html`<p class="notice" role="note"><strong>Only continue if you started this yourself, just now, on this computer.</strong>
The answer goes to a program on this computer, and any program here can call itself ${client.name}.</p>`
  return pageOf(
    'Allow access',
    html`<h1>Allow <strong>${client.name}</strong> to act for you?</h1>
${redirect?.isLoopback === true ? loopback : undefined}
<dl>
<dt>You are</dt><dd>${user}</dd>
<dt>Application</dt><dd>${client.name}</dd>
<dt>Known by</dt><dd>${vouching(client)}</dd>
${redirect === undefined ? undefined : html`<dt>Answer goes to</dt><dd><code>${redirect.host}</code></dd>`}
</dl>
${asked.map(askedOf)}
<form method="post" action="${form.action}">${csrfField(form)}
<button class="first" name="action" value="allow">Allow</button>
<button name="action" value="deny">Do not allow</button>
</form>
<form method="post" action="${form.action}">${csrfField(form)}<button name="action" value="switch">I am somebody else</button></form>`,
  )
}

function askedOf({ resource, name, scopes }: Asked): Html {
  const rows = scopes.map((scope) =>
    scope.name === scope.description
      ? html`<li><code>${scope.name}</code></li>`
      : html`<li>${scope.description} <code class="soft">${scope.name}</code></li>`,
  )
  return html`<p>On <strong>${name}</strong> <span class="soft">${resource}</span> it may:</p>
${rows.length === 0 ? html`<p>only be known to act for you</p>` : html`<ul>${rows}</ul>`}`
}

function vouching({ verifiedHost, isConfigured }: ShownClient): Html {
  if (isConfigured) return html`the operator of this server`
  if (verifiedHost !== undefined) return html`<strong>${verifiedHost}</strong> <span class="soft">(verified)</span>`
  return html`nobody: it gave this name itself`
}

function origin({ verifiedHost }: ShownClient): Html | undefined {
  return verifiedHost === undefined ? undefined : html` <span class="soft">(${verifiedHost})</span>`
}

export function csrfField({ csrf }: Form): Html {
  return html`<input type="hidden" name="csrf" value="${csrf}">`
}

/** @param xsrf oidc-provider's own token for this form. */
export function deviceCodePage(action: string, xsrf: string, code: string, problem: string | undefined): string {
  return pageOf(
    'Connect a device',
    html`<h1>Connect a device</h1>
${problem === undefined ? undefined : html`<p class="notice" role="alert">${problem}</p>`}
<form method="post" action="${action}"><input type="hidden" name="xsrf" value="${xsrf}">
<label for="code">Code that the device shows</label>
<input id="code" name="user_code" value="${code}" autocomplete="off" autocapitalize="characters" spellcheck="false" required maxlength="32">
<button class="first">Continue</button>
</form>`,
  )
}

export function deviceConfirmPage(action: string, xsrf: string, code: string, client: ShownClient): string {
  return pageOf(
    'Connect a device',
    html`<h1>Does your device show this code?</h1>
<p><strong><code>${code}</code></strong></p>
<dl><dt>Application</dt><dd>${client.name}</dd><dt>Known by</dt><dd>${vouching(client)}</dd></dl>
<p class="notice" role="note">If somebody sent you this code or this link, do not continue: they would act in your name.</p>
<form method="post" action="${action}"><input type="hidden" name="xsrf" value="${xsrf}"><input type="hidden" name="user_code" value="${code}">
<button class="first" name="confirm" value="yes">It does, continue</button>
<button name="abort" value="yes">It does not</button>
</form>`,
  )
}

export function messagePage(title: string, message: string): string {
  return pageOf(title, html`<h1>${title}</h1><p>${message}</p>`)
}

/** A form that the library would send by script is sent by a person. */
export function continuePage(body: string): string {
  const form = /<form[\s\S]*<\/form>/.exec(body)?.[0] ?? ''
  return pageOf(
    'Continue',
    new Html(`<h1>Continue</h1>${form.replace(/<\/?noscript>/g, '').replace(/Your browser does not[^<]*<br\/>/, '')}`),
  )
}

export function pageOf(title: string, body: Html): string {
  return html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${title}</title><style>${new Html(STYLE)}</style></head>
<body><main>${body}</main></body>
</html>
`.toString()
}
