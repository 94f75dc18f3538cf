/** What is compared: each variant is a running server, the request it is asked, and the process that is charged for it. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PASSWORD, REDIRECT } from '../test/oauth/world.ts'
import { type Child, freePort, type Load, ROOT, start, startServer, waitFor, which } from './children.ts'
import { startIssuer } from './issuer.ts'
import type { Job } from './load.ts'
import { padded, REVISION, TOOL } from './servers/answer.ts'

export interface Variant {
  readonly name: string
  readonly request: Omit<Job, 'connections' | 'ms' | 'requests'>
  /** Whose CPU time and memory are read. */
  readonly pid: number
  /** Whose CPU time is added to it: further replicas. */
  readonly others?: readonly number[]
}

export interface Setting {
  readonly variants: readonly Variant[]
  end(): Promise<void>
}

export const HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  'mcp-protocol-version': REVISION,
  'mcp-method': 'tools/call',
  'mcp-name': TOOL,
}

export const BODY = padded((text) => ({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: {
    name: TOOL,
    arguments: { text },
    _meta: {
      'io.modelcontextprotocol/protocolVersion': REVISION,
      'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1.0.0' },
      'io.modelcontextprotocol/clientCapabilities': {},
    },
  },
}))

export const variant = (
  name: string,
  port: number,
  path: string,
  pid: number,
  headers: Readonly<Record<string, string>> = {},
): Variant => ({
  name,
  request: { port, path, headers: { ...HEADERS, ...headers }, body: BODY },
  pid,
})

/** What has been started, to be ended in reverse. */
export class Stack {
  readonly #ends: (() => Promise<void> | void)[] = []
  add(end: () => Promise<void> | void): void {
    this.#ends.push(end)
  }
  keep<T extends { end(): Promise<void> }>(thing: T): T {
    this.add(() => thing.end())
    return thing
  }
  async end(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end()
  }
}

export function scratch(stack: Stack): string {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-bench-'))
  stack.add(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** nginx as a reverse proxy with kept connections, in one process; undefined when it is not installed. */
async function startNginx(stack: Stack, upstream: number): Promise<(Child & { readonly port: number }) | undefined> {
  const program = which('nginx')
  if (program === undefined) return undefined
  const folder = scratch(stack)
  const port = await freePort()
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')
  const configuration = `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;
    events { worker_connections 1024; }
    http { access_log off; ${temporary}
      upstream one { server 127.0.0.1:${upstream}; keepalive 64; }
      server { listen 127.0.0.1:${port}; keepalive_requests 1000000000;
        location / { proxy_pass http://one; proxy_http_version 1.1; proxy_set_header Connection ""; } } }`
  writeFileSync(join(folder, 'nginx.conf'), configuration)
  return { ...stack.keep(start('nginx', [program, '-p', folder, '-e', join(folder, 'error.log'), '-c', join(folder, 'nginx.conf')])), port }
}

/** Every limit is on, each far over what a benchmark reaches: it is counted and never refuses. */
const PLENTY = { rate: '1000000/s', burst: 1_000_000 }
export const LIMITS = {
  address: PLENTY,
  methods: { apiKey: PLENTY, oauth: PLENTY, anonymous: PLENTY },
  principal: { ...PLENTY, concurrency: 100_000 },
  key: PLENTY,
  roles: { bench: PLENTY },
  tools: { 'bench/*': { ...PLENTY, concurrency: 100_000 } },
  server: PLENTY,
  global: PLENTY,
  response: { perMinute: '1000GiB' },
}

interface Portcullis extends Child {
  readonly port: number
  readonly key: string
  readonly command: Configured['command']
}

export const BENCH_ACCESS = { roles: { bench: { permissions: ['bench:call'] } }, tools: { 'bench/*': { permission: 'bench:call' } } }

interface Configured {
  readonly folder: string
  readonly file: string
  /** Runs `portcullis … --json` on the configuration, and answers what it printed. */
  command(args: readonly string[], input?: string): Readonly<Record<string, unknown>>
}

/** An installation in a folder of its own: a file for its store, the law, the journal. */
export function configure(stack: Stack, configuration: object): Configured {
  const folder = scratch(stack)
  const file = join(folder, 'portcullis.yaml')
  writeFileSync(file, JSON.stringify(configuration))
  const command: Configured['command'] = (args, input = '') => {
    const printed = execFileSync(process.execPath, [CLI, ...args, '-c', file, '--json'], { encoding: 'utf8', input })
    const said: unknown = JSON.parse(printed)
    return typeof said === 'object' && said !== null ? { ...said } : {}
  }
  return { folder, file, command }
}

export const CLI = join(ROOT, 'src/cli/main.ts')

/** The gateway as an operator runs it, with an API key. @param more of its configuration */
async function startPortcullis(stack: Stack, server: object, more: object = {}): Promise<Portcullis> {
  const port = await freePort()
  const { folder, file, command } = configure(stack, {
    listen: `127.0.0.1:${port}`,
    servers: { bench: server },
    access: BENCH_ACCESS,
    limits: LIMITS,
    ...more,
  })
  const key = String(command(['keys', 'create', '--name', 'bench', '--role', 'bench'])['key'])
  return { ...stack.keep(start('portcullis', [process.execPath, CLI, 'serve', '-c', file], { cwd: folder })), port, key, command }
}

export async function settle(stack: Stack, load: Load, variants: readonly Variant[]): Promise<Setting> {
  for (const { name, request } of variants) await waitFor(name, load, request)
  return { variants, end: () => stack.end() }
}

export async function build<T extends Setting>(make: (stack: Stack) => Promise<T>): Promise<T> {
  const stack = new Stack()
  try {
    return await make(stack)
  } catch (error) {
    await stack.end()
    throw error
  }
}

/** In front of one HTTP server: nothing, a bare Node proxy, nginx, Portcullis. */
export function proxies(load: Load): Promise<Setting> {
  return build(async (stack) => {
    const upstream = stack.keep(await startServer('http-upstream.ts'))
    const bare = stack.keep(await startServer('reverse-proxy.ts', String(upstream.port)))
    const nginx = await startNginx(stack, upstream.port)
    const portcullis = await startPortcullis(stack, { url: `http://127.0.0.1:${upstream.port}/mcp` })
    return settle(stack, load, [
      variant('direct', upstream.port, '/mcp', upstream.pid),
      variant('bare Node proxy', bare.port, '/mcp', bare.pid),
      ...(nginx === undefined ? [] : [variant('nginx', nginx.port, '/mcp', nginx.pid)]),
      variant('Portcullis', portcullis.port, '/mcp/bench', portcullis.pid, { 'x-api-key': portcullis.key }),
    ])
  })
}

/** HTTP in front of one stdio server: mcp-proxy, Portcullis; and beside them a server on the official SDK, which has nothing in front. */
export function bridges(load: Load): Promise<Setting> {
  return build(async (stack) => {
    const command = [process.execPath, join(import.meta.dirname, 'servers/stdio-upstream.ts')]
    const sdk = stack.keep(await startServer('sdk-server.ts'))
    const port = await freePort()
    const mcpProxy = [
      join(ROOT, 'node_modules/mcp-proxy/dist/bin/mcp-proxy.mjs'),
      '--port',
      String(port),
      '--host',
      '127.0.0.1',
      '--server',
      'stream',
    ]
    const bridge = stack.keep(start('mcp-proxy', [process.execPath, ...mcpProxy, '--', ...command]))
    const portcullis = await startPortcullis(stack, { command, shared: true })
    return settle(stack, load, [
      variant('SDK v2 server, direct', sdk.port, '/mcp', sdk.pid),
      variant('mcp-proxy to stdio', port, '/mcp', bridge.pid),
      variant('Portcullis to stdio', portcullis.port, '/mcp/bench', portcullis.pid, { 'x-api-key': portcullis.key }),
    ])
  })
}

/** The server of the official SDK alone, and with the guard in its process: around the stock handler, and in its place. */
export function embedded(load: Load): Promise<Setting> {
  return build(async (stack) => {
    const issuer = stack.keep(await startIssuer())
    const sdk = stack.keep(await startServer('sdk-server.ts'))
    const variants = [variant('SDK v2 handler, unguarded', sdk.port, '/mcp', sdk.pid)]
    const any = ['guardNode around any listener', 'guardFetch around any function']
    for (const wrapper of ['guardNode', 'guardFetch', 'guardServer', ...any]) {
      const port = await freePort()
      const { file, command } = configure(stack, {
        listen: `127.0.0.1:${port}`,
        access: BENCH_ACCESS,
        limits: LIMITS,
        authentication: { issuers: [{ issuer: issuer.url, allowPrivate: true, roles: { claim: 'roles', map: { bench: 'bench' } } }] },
      })
      const key = String(command(['keys', 'create', '--name', 'bench', '--role', 'bench'])['key'])
      const guarded = stack.keep(await startServer('guarded-server.ts', wrapper, file, String(port)))
      const token = issuer.token('ES256', `http://127.0.0.1:${port}/mcp/bench`).text
      variants.push(variant(`${wrapper}, API key`, port, '/mcp', guarded.pid, { 'x-api-key': key }))
      if (!any.includes(wrapper)) variants.push(variant(`${wrapper}, JWT`, port, '/mcp', guarded.pid, { authorization: `Bearer ${token}` }))
    }
    return settle(stack, load, variants)
  })
}

/** A gateway that issues tokens itself, and where they are asked for. */
export interface Issuing {
  readonly url: string
  readonly port: number
  readonly pid: number
  readonly resource: string
  readonly machine: { readonly id: string; readonly secret: string }
  /** A public client, for people. */
  readonly app: string
}

/** One gateway, called with an API key and with tokens that it knows: of another issuer, and of its own. */
export function credentials(load: Load): Promise<Setting & { readonly issuing: Issuing }> {
  return build(async (stack) => {
    const issuer = stack.keep(await startIssuer())
    const upstream = stack.keep(await startServer('http-upstream.ts'))
    const trusted = { issuer: issuer.url, allowPrivate: true, roles: { claim: 'roles', map: { bench: 'bench' } } }
    const portcullis = await startPortcullis(
      stack,
      { url: `http://127.0.0.1:${upstream.port}/mcp` },
      {
        authentication: { issuers: [trusted], oauth: { accessToken: '1h' } },
        access: {
          roles: { bench: { permissions: ['bench:call'] } },
          tools: { 'bench/*': { permission: 'bench:call', scope: 'bench:use' } },
        },
      },
    )
    const { port, pid, key, command } = portcullis
    const url = `http://127.0.0.1:${port}`
    const resource = `${url}/mcp/bench`
    const machine = command('clients add --name machine --grant client-credentials --scope bench:use --role bench'.split(' '))
    const app = command([
      'clients',
      'add',
      '--name',
      'app',
      '--grant',
      'authorization-code',
      '--grant',
      'refresh-token',
      '--redirect-uri',
      REDIRECT,
      '--public',
    ])
    command(['users', 'add', 'alice', '--role', 'bench', '--password-stdin'], `${PASSWORD}\n`)
    const bearer = (name: string, token: string): Variant => variant(name, port, '/mcp/bench', pid, { authorization: `Bearer ${token}` })
    const byKey = variant('API key', port, '/mcp/bench', pid, { 'x-api-key': key })
    await waitFor(byKey.name, load, byKey.request)
    const issuing = {
      url,
      port,
      pid,
      resource,
      machine: { id: String(machine['id']), secret: String(machine['client_secret']) },
      app: String(app['id']),
    }
    const own = await tokenFor(issuing)
    const variants = [byKey, bearer('a token of another issuer', issuer.token('ES256', resource).text), bearer('a token of its own', own)]
    return { ...(await settle(stack, load, variants)), issuing }
  })
}

export async function tokenFor({ url, resource, machine: { id, secret } }: Pick<Issuing, 'url' | 'resource' | 'machine'>): Promise<string> {
  const headers = { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` }
  const body = new URLSearchParams({ grant_type: 'client_credentials', resource })
  const said: unknown = await (await fetch(`${url}/token`, { method: 'POST', headers, body })).json()
  if (typeof said === 'object' && said !== null && 'access_token' in said) return String(said.access_token)
  throw new Error(`the token endpoint said ${JSON.stringify(said)}`)
}
