/** `portcullis policy replay` and `portcullis policy suggest`: the journal asked what a change of the law would have done, and which rights nobody used. */
import { existsSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import type { Span } from '../audit/scan.ts'
import type { Config } from '../config/config.ts'
import { Fault } from '../core/denial.ts'
import type { Principal } from '../core/principal.ts'
import { visible } from '../core/visible.ts'
import { readLaw } from '../guard/law.ts'
import { type Replay, replay } from '../guard/replay.ts'
import { narrowed, type Suggestion, suggest } from '../guard/suggest.ts'
import { principalOf } from '../identity/key-record.ts'
import { createEngine } from '../policy/engine.ts'
import { openLaw } from './law.ts'
import { openConfig, withRecords } from './open.ts'
import { examples, readSpan, type Shared, type Shell, shared } from './shell.ts'
import { EXIT, say, sayJson, type Terminal, table } from './terminal.ts'

const WEEK_MS = 7 * 86_400_000
const MONTH_MS = 30 * 86_400_000

interface SuggestOptions extends Shared {
  readonly since: number
}

interface ReplayOptions extends SuggestOptions {
  readonly policies: string
}

export function addReplay(policy: Command, shell: Shell): void {
  const again = policy
    .command('replay')
    .description('what other policies would have decided differently, call by call; exit code 1 when anything')
    .requiredOption('--policies <path>', 'a folder of Cedar files, or one, in place of "access.policies"')
    .option('--since <span>', 'so long before now, such as 24h or 7d', readSpan, WEEK_MS)
  examples(shared(again), 'portcullis policy replay --policies new/', 'portcullis policy replay --policies new/ --since 30d --json')
  again.action((options: ReplayOptions) => replayAll(options, shell))

  const less = policy
    .command('suggest')
    .description('the rights that no role and no key used, and narrower ones that would have been enough')
    .option('--since <span>', 'so long before now, such as 30d', readSpan, MONTH_MS)
  examples(shared(less), 'portcullis policy suggest', 'portcullis policy suggest --since 90d --json')
  less.action((options: SuggestOptions) => suggestAll(options, shell))
}

async function replayAll(options: ReplayOptions, { terminal, finish }: Shell): Promise<void> {
  const config = openConfig(options.config)
  if (!existsSync(options.policies)) throw new Fault('FAULT_POLICY', `${options.policies}: no such policy file or folder`)
  const glob = statSync(options.policies).isDirectory() ? join(options.policies, '*.cedar') : options.policies
  const other = { ...config, access: { ...config.access, policies: [resolve(glob)] } }
  const found = await compared(config, other, options.since, terminal)
  if (options.json === true) sayJson(terminal, found)
  else printReplay(found, terminal)
  finish(found.changed === 0 ? EXIT.ok : EXIT.refused)
}

function compared(config: Config, other: Config, sinceMs: number, terminal: Terminal): Promise<Replay> {
  const before = openLaw(config, terminal)
  const after = createEngine(readLaw(other), terminal.clock)
  return withRecords(config, terminal, async ({ store, keys }) => {
    const known = new Map<string, Principal>((await keys.list()).map((key) => [key.id, principalOf(key)]))
    const key = (id: string): Principal | undefined => known.get(id)
    return replay(store, spanOf(sinceMs, terminal), { law: before, key }, { law: after, key })
  })
}

async function suggestAll(options: SuggestOptions, { terminal }: Shell): Promise<void> {
  const config = openConfig(options.config)
  const suggestion = await withRecords(config, terminal, async ({ store, keys }) =>
    suggest(
      store,
      spanOf(options.since, terminal),
      config.access,
      (await keys.list()).filter(({ status }) => status === 'active'),
    ),
  )
  const access = narrowed(config.access, suggestion)
  const effect = await compared(config, { ...config, access }, options.since, terminal)
  if (options.json === true) sayJson(terminal, { ...suggestion, access: { roles: access.roles }, effect })
  else printSuggestion(suggestion, access.roles, effect, terminal)
}

function spanOf(sinceMs: number, { clock }: Terminal): Span {
  const until = clock()
  return { since: until - sinceMs, until }
}

function printReplay({ decided, changed, changes, undecidable }: Replay, terminal: Terminal): void {
  const unknown = Object.entries(undecidable).filter(([, calls]) => calls > 0)
  say(terminal, `${decided} calls decided by both laws, ${changed} differently`)
  for (const [what, calls] of unknown) say(terminal, `${calls} calls cannot be decided: ${MISSING[what] ?? what}`)
  if (changes.length === 0) return
  const rows = changes.map(({ calls, principal, action, thing, before, after, policies }) => [
    String(calls),
    principal,
    `${action} ${thing}`,
    `${before} → ${after}`,
    policies.join(', '),
  ])
  table(terminal, ['CALLS', 'PRINCIPAL', 'WHAT', 'DECISION', 'BY'], rows)
}

const MISSING: Readonly<Record<string, string>> = {
  arguments: 'a policy reads their arguments, of which the journal keeps names and shapes only',
  claims: 'a policy reads claims of their tokens, which the journal does not keep',
  scopes: 'the scopes of their tokens matter, which the journal does not keep',
  key: 'their keys are not on record any more',
}

function printSuggestion({ roles, keys }: Suggestion, access: Config['access']['roles'], effect: Replay, terminal: Terminal): void {
  const list = (words: readonly string[]): string => (words.length === 0 ? '-' : words.join(', '))
  const used = roles.map(({ role, calls, unused, enough }) => [role, String(calls), list(unused), list(enough)])
  table(terminal, ['ROLE', 'CALLS', 'NEVER USED', 'ENOUGH'], used)
  say(terminal, '')
  const rowOf = ({ key, calls, unused, enough }: Suggestion['keys'][number]): readonly string[] => {
    const shown = enough === undefined ? 'too many tools to list' : list(enough)
    return [key, String(calls), list(unused), calls === 0 ? 'never used: revoke it?' : shown]
  }
  if (keys.length > 0) table(terminal, ['KEY', 'CALLS', 'NEVER USED', 'ENOUGH (keys create --allow)'], keys.map(rowOf))
  say(terminal, '\n# Roles with no more than what was used:\naccess:\n  roles:')
  for (const [name, role] of Object.entries(access)) say(terminal, `    ${visible(name)}: ${visible(JSON.stringify(role))}`)
  say(terminal, '')
  printReplay(effect, terminal)
}
