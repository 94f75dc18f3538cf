/** Glewlwyd, an OpenID provider written in C, from Debian's archive: a process of its own on a free port, with a database of its own. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as wait } from 'node:timers/promises'
import type { JsonObject } from '../../src/core/json.ts'
import { freePort } from '../fixtures/port.ts'
import { authorize, CALLBACK, type ForeignProvider, redeem, withIdentity } from './provider.ts'

const PROGRAM = '/usr/bin/glewlwyd'
/** The tables as the package makes them, with its first administrator. */
const SCHEMA = '/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3'
const ADMINISTRATOR = { username: 'admin', password: 'password' }
const START_MS = 20_000
const PASSWORD = 'a-password-of-the-test'
const SECRET = 'a-secret-of-the-client'
/** That users have groups is for its operator to say. */
const WITH_GROUPS = `UPDATE g_user_module_instance SET gumi_parameters = json_set(gumi_parameters, '$.data-format.groups',
  json('{"multiple":true,"read":true,"write":true,"profile-read":true,"profile-write":false}'))`

/** Why its tests are left out here; never where everything must be tested. */
export const GLEWLWYD_MISSING =
  existsSync(PROGRAM) || process.env['CI'] !== undefined ? false : 'glewlwyd is not installed: apt-get install glewlwyd dbconfig-sqlite3'

export interface Glewlwyd extends ForeignProvider {
  /** A client that sends people here to sign in. Its secret is `secret`. */
  addClient(id: string, redirectUri: string): Promise<void>
  /** The person's browser: what its sign-in page would have made of name and password, and that they agreed to the client. */
  signIn(name: string, client: string, scope: string): Promise<string>
  readonly secret: string
  /** Signs with another key from now on, and publishes no other. */
  rotate(): Promise<void>
  /** Without a resource it writes scopes where the audience belongs. */
  machineToken(resource?: string): Promise<string>
}

function settingsOf(port: number, folder: string): string {
  return `port = ${port}
bind_address = "127.0.0.1"
external_url = "http://127.0.0.1:${port}/"
login_url = "login.html"
api_prefix = "api"
log_mode = "console"
log_level = "ERROR"
cookie_secure = false
session_expiration = 3600
session_key = "GLEWLWYD2_SESSION_ID"
admin_session_authentication = "cookie"
profile_session_authentication = "cookie"
login_api_enabled = true
admin_scope = "g_admin"
profile_scope = "g_profile"
user_module_path = "/usr/lib/glewlwyd/user"
client_module_path = "/usr/lib/glewlwyd/client"
user_auth_scheme_module_path = "/usr/lib/glewlwyd/scheme"
plugin_module_path = "/usr/lib/glewlwyd/plugin"
hash_algorithm = "SHA512"
database = { type = "sqlite3"; path = "${folder}/database" }
`
}

/** Its OpenID plugin: RSA, RFC 9068 and RFC 8707 as it does them, and what each user's groups are in every token. */
function pluginOf(issuer: string, kid: string): JsonObject {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const key = { ...privateKey.export({ format: 'jwk' }), kid, alg: 'RS256', use: 'sig' }
  return {
    module: 'oidc',
    name: 'oidc',
    display_name: 'OpenID',
    order_rank: 0,
    parameters: {
      iss: issuer,
      'jwks-private': JSON.stringify({ keys: [key] }),
      'jwks-show': true,
      'access-token-duration': 300,
      'refresh-token-duration': 3600,
      'code-duration': 60,
      'allow-non-oidc': true,
      'auth-type-code-enabled': true,
      'auth-type-client-enabled': true,
      'auth-type-refresh-enabled': true,
      'subject-type': 'public',
      'oauth-as-iss-id': true,
      'pkce-allowed': true,
      'pkce-required': true,
      'resource-allowed': true,
      'resource-client-property': 'resource',
      'resource-scope-and-client-property': false,
      'allowed-scope': ['openid', 'tools:read'],
      'name-claim': 'mandatory',
      claims: [{ name: 'groups', 'user-property': 'groups', type: 'string', 'on-demand': false, scope: ['openid'] }],
      'additional-parameters': [{ 'user-parameter': 'groups', 'token-parameter': 'groups' }],
    },
  }
}

/** Its administrators' interface, or a person's: whoever the cookie says. */
class Session {
  readonly #base: string
  #cookie = ''

  constructor(base: string) {
    this.#base = base
  }

  get cookie(): string {
    return this.#cookie
  }

  async send(method: 'POST' | 'PUT', path: string, body: JsonObject): Promise<void> {
    const response = await fetch(`${this.#base}${path}`, {
      method,
      headers: { 'content-type': 'application/json', cookie: this.#cookie },
      body: JSON.stringify(body),
    })
    assert.equal(response.status, 200, `${path}: ${await response.text()}`)
    for (const line of response.headers.getSetCookie()) this.#cookie = line.split(';')[0] ?? ''
  }
}

interface Running {
  readonly port: number
  stop(): Promise<void>
}

async function run(): Promise<Running> {
  const folder = await mkdtemp(join(tmpdir(), 'portcullis-glewlwyd-'))
  const database = new DatabaseSync(join(folder, 'database'))
  database.exec(await readFile(SCHEMA, 'utf8'))
  database.exec(WITH_GROUPS)
  database.close()
  const port = await freePort()
  await writeFile(join(folder, 'settings'), settingsOf(port, folder))
  const child = spawn(PROGRAM, [`--config-file=${join(folder, 'settings')}`], { cwd: folder, stdio: 'ignore' })
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL')
    await exited
    await rm(folder, { recursive: true, force: true })
  }
  process.once('exit', () => child.kill('SIGKILL'))
  const giveUpAt = performance.now() + START_MS
  while (performance.now() < giveUpAt && child.exitCode === null) {
    const answer = await fetch(`http://127.0.0.1:${port}/api/`).catch(() => undefined)
    if (answer !== undefined) return { port, stop }
    await wait(50)
  }
  await stop()
  throw new Error(`${PROGRAM} did not start`)
}

/** With a machine `machine`, an application `app` and the people ann, who is of the staff, and ben, who is not. */
export async function startGlewlwyd(): Promise<Glewlwyd> {
  const { port, stop } = await run()
  const base = `http://127.0.0.1:${port}/api`
  const issuer = `${base}/oidc`
  const administrator = new Session(base)
  await administrator.send('POST', '/auth', ADMINISTRATOR)
  await administrator.send('POST', '/scope', { name: 'tools:read', display_name: 'Read', description: 'Reading', password_required: false })
  await administrator.send('POST', '/mod/plugin', pluginOf(issuer, 'glewlwyd-1'))
  const person = { email: '', password: PASSWORD, enabled: true, scope: ['openid', 'tools:read'] }
  await administrator.send('POST', '/user', { ...person, username: 'ann', name: 'Ann', groups: ['staff'] })
  await administrator.send('POST', '/user', { ...person, username: 'ben', name: 'Ben', groups: ['guests'] })
  const addClient = (id: string, type: readonly string[], redirects: readonly string[], resource: readonly string[] = []) =>
    administrator.send('POST', '/client', {
      client_id: id,
      name: id,
      confidential: true,
      client_secret: SECRET,
      enabled: true,
      authorization_type: type,
      redirect_uri: redirects,
      scope: ['tools:read'],
      token_endpoint_auth_method: ['client_secret_basic'],
      resource,
    })
  const signIn = async (name: string, client: string, scope: string): Promise<string> => {
    const session = new Session(base)
    await session.send('POST', '/auth', { username: name, password: PASSWORD })
    await session.send('PUT', `/auth/grant/${client}`, { scope })
    return session.cookie
  }
  return {
    issuer,
    settings: {
      person: { roles: { claim: 'groups', map: { staff: 'user' } } },
      machine: { roles: { claim: 'client_id', map: { machine: 'user' } } },
    },
    keysUri: `${issuer}/jwks`,
    audienceOf: (resource) => resource,
    // People are known there by a random name.
    subjects: { machine: /^machine$/, ann: /^\w{32}$/ },
    secret: SECRET,
    async serve(resources) {
      await addClient('machine', ['client_credentials'], [], resources)
      await addClient('app', ['code'], [CALLBACK], resources)
    },
    async rotate() {
      await administrator.send('PUT', '/mod/plugin/oidc', pluginOf(issuer, 'glewlwyd-2'))
      await administrator.send('PUT', '/mod/plugin/oidc/reset', {})
    },
    addClient: (id, redirectUri) => addClient(id, ['code'], [redirectUri]),
    signIn,
    async machineToken(resource) {
      const fields = { grant_type: 'client_credentials', scope: 'tools:read', ...(resource === undefined ? {} : { resource }) }
      return (await redeem(`${issuer}/token`, 'machine', SECRET, fields)).access
    },
    async personTokens(name, resource) {
      const scope = 'openid tools:read'
      const cookie = await signIn(name, 'app', scope)
      const browser = async (url: string): Promise<string> =>
        (await fetch(url, { redirect: 'manual', headers: { cookie } })).headers.get('location') ?? 'about:blank'
      const { code, verifier } = await authorize(`${issuer}/auth`, 'app', { scope, resource, g_continue: '' }, browser)
      const fields = { grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri: CALLBACK, resource }
      return withIdentity(await redeem(`${issuer}/token`, 'app', SECRET, fields))
    },
    [Symbol.asyncDispose]: stop,
  }
}
