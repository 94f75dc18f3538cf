/** The commands of `portcullis`, as a table: what each is for, and the file that knows it, which is read when its command is given. */
import type { Command } from 'commander'
import type { Shell } from './shell.ts'

export interface Group {
  /** The commands of the file, and what help says of them. */
  readonly says: Readonly<Record<string, string>>
  /** @returns what adds them to the program, with all but what is said here */
  load(): Promise<(program: Command, shell: Shell) => void>
}

/** In the order in which help lists them. */
export const GROUPS: readonly Group[] = [
  { says: { serve: 'guard the servers of a configuration, over HTTP' }, load: async () => (await import('./serve.ts')).addServe },
  {
    says: { run: "guard one stdio server over stdio; the caller's API key comes from the environment (MCP_API_KEY)" },
    load: async () => (await import('./run.ts')).addRun,
  },
  { says: { init: 'write a commented configuration and a policy folder' }, load: async () => (await import('./init.ts')).addInit },
  {
    says: { check: 'read the configuration and the policies, and tell every mistake' },
    load: async () => (await import('./check.ts')).addCheck,
  },
  { says: { keys: 'API keys' }, load: async () => (await import('./keys.ts')).addKeys },
  { says: { tokens: 'access tokens' }, load: async () => (await import('./tokens.ts')).addTokens },
  {
    says: { users: 'people who sign in, at the authorization server and where calls are approved' },
    load: async () => (await import('./users.ts')).addUsers,
  },
  {
    says: { clients: 'OAuth clients that you know; others register themselves, with less' },
    load: async () => (await import('./clients.ts')).addClients,
  },
  {
    says: { connections: 'accounts that users have connected at servers' },
    load: async () => (await import('./connections.ts')).addConnections,
  },
  { says: { policy: 'the law: what it is, and what it would say' }, load: async () => (await import('./policy.ts')).addPolicy },
  { says: { approvals: 'calls that wait for the yes of a person' }, load: async () => (await import('./approvals.ts')).addApprovals },
  {
    says: {
      seal: 'read a secret, and print it sealed: to be put into the configuration at this place, where alone it is good',
      unseal: 'print a secret of the configuration in plain',
      rekey: 'seal everything anew with "sealing.key": in the configuration and in the store. Once stopped, it can be started again',
    },
    load: async () => (await import('./seal.ts')).addSeal,
  },
  { says: { block: 'addresses that are turned away' }, load: async () => (await import('./block.ts')).addBlock },
  {
    says: { catalog: 'what servers say of their tools, and what of it is withheld' },
    load: async () => (await import('./catalog.ts')).addCatalog,
  },
  { says: { certs: 'certificates: made for this machine, and checked' }, load: async () => (await import('./certs.ts')).addCerts },
  {
    says: { audit: 'the journal: what happened, and the proof that the record of it is whole' },
    load: async () => (await import('./audit.ts')).addAudit,
  },
  {
    says: { anomaly: 'what is far from usual: bursts of bad credentials, odd hours, much data, strange places' },
    load: async () => (await import('./anomaly.ts')).addAnomaly,
  },
  { says: { store: 'where keys, revocations and history are kept' }, load: async () => (await import('./store.ts')).addStore },
  {
    says: { logs: 'what a server said on its standard error: capped, escaped, the newest last' },
    load: async () => (await import('./logs.ts')).addLogs,
  },
  {
    says: {
      login: 'sign in at an MCP server with the browser, and keep the tokens for "call" and "list"',
      logout: 'forget the tokens for a server, and end them where they were issued',
    },
    load: async () => (await import('./login.ts')).addLogin,
  },
  {
    says: { list: 'the tools of an MCP server', call: 'call a tool of an MCP server' },
    load: async () => (await import('./call.ts')).addCall,
  },
]

/** Adds every command; those that the command line does not ask for, by their names alone: reading their files takes most of a start. */
export async function addCommands(program: Command, shell: Shell, argv: readonly string[]): Promise<void> {
  const [first, second] = argv.filter((word) => !word.startsWith('-'))
  const asked = (first === 'help' ? second : first) ?? ''
  for (const { says, load } of GROUPS) {
    if (Object.hasOwn(says, asked)) (await load())(program, shell)
    else for (const name of Object.keys(says)) program.command(name)
    for (const command of program.commands) {
      const text = says[command.name()]
      if (text !== undefined) command.description(text)
    }
  }
}
