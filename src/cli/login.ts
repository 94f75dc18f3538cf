/** `portcullis login` and `logout`: a person's tokens for other people's servers. */
import { type Command, InvalidArgumentError } from 'commander'
import { openPage } from '../agent/browser.ts'
import { Caller } from '../agent/caller.ts'
import { authenticatedFetch } from '../agent/fetch.ts'
import type { Token } from '../agent/kept.ts'
import { isSafe } from '../agent/resource.ts'
import { Fault } from '../core/denial.ts'
import { visible } from '../core/visible.ts'
import { examples, misuse, readSpan, repeated, type Shell } from './shell.ts'
import { type AgentOptions, agentOptions, withManager } from './state.ts'
import { EXIT, note, say, sayJson, type Terminal, when } from './terminal.ts'

/** Of the server, beside the person. */
const ANSWER_MS = 60_000

interface LoginOptions extends AgentOptions {
  readonly scope: readonly string[]
  readonly browser: boolean
  readonly wait: number
  readonly clientId?: string
  readonly clientIssuer?: string
}

export function addLogin(program: Command, shell: Shell): void {
  const login = program
    .command('login')
    .argument('<url>', 'of the server', readServer)
    .addOption(repeated('--scope <scope>', 'ask for this scope, too (repeatable)', String))
    .option('--no-browser', 'do not open a browser: print the page to open on this machine')
    .option('--wait <span>', 'how long to wait for the person', readSpan, readSpan('5m'))
    .option('--client-id <id>', 'a public client that was registered at the authorization server beforehand')
    .option('--client-issuer <url>', 'the issuer where it was registered')
  examples(
    agentOptions(login),
    'portcullis login https://mcp.example.com/mcp',
    'portcullis login http://127.0.0.1:8443/mcp/files --no-browser --json',
  )
  login.action((url: URL, options: LoginOptions) => signIn(url, options, shell))

  const logout = program.command('logout').argument('<url>', 'of the server', readServer)
  examples(agentOptions(logout), 'portcullis logout https://mcp.example.com/mcp')
  logout.action((url: URL, options: AgentOptions) => signOut(url, options, shell))
}

export function readServer(text: string): URL {
  const url = URL.parse(text)
  if (url === null || !isSafe(url) || url.username !== '' || url.password !== '')
    throw new InvalidArgumentError('Write an https URL, or an http one of this machine.')
  return url
}

async function signIn(url: URL, options: LoginOptions, { terminal, version }: Shell): Promise<void> {
  const { scope, clientId, clientIssuer, wait } = options
  if ((clientId === undefined) !== (clientIssuer === undefined)) throw misuse('--client-id and --client-issuer belong together')
  const client = clientId === undefined || clientIssuer === undefined ? {} : { client: { id: clientId, issuer: clientIssuer } }
  const open = (page: URL): Promise<void> => show(page, options, terminal)
  const token = await withManager(
    options,
    { grant: { kind: 'sign_in', open, waitMs: wait }, scopes: scope, identity: { name: 'Portcullis CLI' }, ...client },
    terminal,
    async (manager) => {
      const held = await manager.token(url)
      // Whoever signs in wants to sign in: a token that is there may be that of yesterday's person.
      if (held !== undefined) await manager.forget(url)
      // The server says what it wants, and that it takes what it gets.
      const signal = AbortSignal.timeout(wait + ANSWER_MS)
      const caller = new Caller({ url, fetch: authenticatedFetch(manager), client: { name: 'portcullis', version }, signal })
      await caller.listTools()
      await caller.close()
      return await manager.token(url)
    },
  )
  if (token !== undefined) tell(url, token, options, terminal)
  else if (options.json === true) sayJson(terminal, { url: url.href })
  else say(terminal, `${url.href} asks for no sign-in`)
}

/** The page is always told: the browser may be on another screen, or not there at all. */
async function show(page: URL, { browser }: LoginOptions, terminal: Terminal): Promise<void> {
  note(terminal, `Open this page on this machine to sign in:\n  ${page.href}`)
  if (!browser) return
  await openPage(page).catch((error: unknown) => {
    if (!(error instanceof Fault) || error.code !== 'FAULT_BROWSER') throw error
    note(terminal, '(no browser could be started)')
  })
}

/** Never the token. */
function tell(url: URL, { issuer, resource, scopes, expiresAt }: Token, { json }: LoginOptions, terminal: Terminal): void {
  if (json === true) {
    sayJson(terminal, { url: url.href, issuer, resource, scopes, ...(expiresAt === undefined ? {} : { expiresAt }) })
    return
  }
  say(terminal, `signed in at ${visible(issuer)}`)
  say(terminal, `  server  ${visible(resource ?? url.href)}`)
  say(terminal, `  scopes  ${visible(scopes.join(' ')) || '-'}`)
  say(terminal, `  until   ${when(expiresAt)}`)
}

async function signOut(url: URL, options: AgentOptions, { terminal, finish }: Shell): Promise<void> {
  const isForgotten = await withManager(options, { grant: { kind: 'stored' } }, terminal, (manager) => manager.forget(url))
  if (options.json === true) sayJson(terminal, { url: url.href, forgotten: isForgotten })
  else say(terminal, isForgotten ? `the tokens for ${url.href} are forgotten` : `there were no tokens for ${url.href}`)
  if (!isForgotten) finish(EXIT.refused)
}
