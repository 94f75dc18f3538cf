/** What `npm start` prints: the endpoints, the key, and lines to paste. */
import { join } from 'node:path'

export interface FirstUser {
  readonly name: string
  readonly password: string
}

/** Who calls through the browser, and who looks at the dashboard. */
export interface FirstUsers {
  readonly caller: FirstUser
  readonly operator: FirstUser
}

export interface Started {
  readonly root: string
  readonly config: string
  /** Endpoints by the server's name. */
  readonly servers: Readonly<Record<string, string>>
  /** The first key, this once; undefined when there was one before. */
  readonly key: string | undefined
  /** Where the dashboard is. */
  readonly admin: string
  /** The first users, this once; undefined when there was one before. */
  readonly people: FirstUsers | undefined
}

const REVISION = '2026-07-28'

function curl(endpoint: string, key: string): string {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': REVISION,
    'io.modelcontextprotocol/clientInfo': { name: 'curl', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  const headers = {
    'X-API-Key': key,
    'Content-Type': 'application/json',
    Accept: 'application/json, text/event-stream',
    'MCP-Protocol-Version': REVISION,
    'Mcp-Method': 'tools/list',
  }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta: meta } })
  return `curl -s ${endpoint} ${Object.entries(headers)
    .map(([name, value]) => `-H '${name}: ${value}'`)
    .join(' ')} -d '${body}'`
}

function desktopEntry({ root, config }: Started, key: string): string {
  const entry = {
    command: join(root, 'bin/portcullis'),
    args: ['run', '--name', 'files', '-c', config, '--', 'mcp-server-filesystem', join(root, 'examples/quickstart/data')],
    env: { MCP_API_KEY: key },
  }
  return JSON.stringify({ mcpServers: { files: entry } }, undefined, 2)
}

function signIn({ people, servers, config }: Started): readonly string[] {
  const way = `  claude mcp add --transport http files ${servers['files'] ?? ''}`
  if (people === undefined) return ['Or sign in with the browser, as somebody of:', `  ./bin/portcullis users list -c ${config}`, way]
  return ['Or sign in with the browser; this user and password are shown this once:', userLine(people.caller), way]
}

function userLine({ name, password }: FirstUser): string {
  return `  ${name}   ${password}`
}

function dashboard({ people, admin, config }: Started): readonly string[] {
  if (people === undefined)
    return ['The dashboard, for users with the role admin:', `  ${admin}`, `  ./bin/portcullis users add me --role admin -c ${config}`]
  return ['The dashboard; sign in as this user (role admin), whose password is shown this once:', `  ${admin}`, userLine(people.operator)]
}

export function describe(started: Started): string {
  const { config } = started
  const servers = Object.entries(started.servers)
  const key = started.key ?? '<your key>'
  const shown =
    started.key === undefined
      ? [
          'There is an API key already; it is not shown again. Another one: ',
          `  ./bin/portcullis keys create --name mine --role user -c ${config}`,
        ]
      : ['Your API key, shown this once (role user: reads the files, writes notes, lists no users):', `  ${started.key}`]
  return [
    '',
    'Portcullis guards:',
    ...servers.map(([name, endpoint]) => `  ${name.padEnd(8)} ${endpoint}`),
    '',
    ...shown,
    '',
    ...signIn(started),
    '',
    ...dashboard(started),
    '',
    'curl:',
    `  ${curl(servers.at(-1)?.[1] ?? '', key)}`,
    '',
    'Claude Code:',
    ...servers.map(([name, endpoint]) => `  claude mcp add --transport http ${name} ${endpoint} --header "X-API-Key: ${key}"`),
    '',
    'Claude Desktop (claude_desktop_config.json; this one starts its own guarded server over stdio):',
    desktopEntry(started, key).replace(/^/gm, '  '),
    '',
    'What was asked, by whom, and what the answer was:',
    `  ./bin/portcullis audit tail -c ${config}`,
    '',
  ].join('\n')
}
