/** Labelled arguments, put to the house: parsed as they would arrive, screened for what they are for, judged by the law that ships. */

import { createScreen, type Screen } from '../src/inspect/input.ts'
import type { ArgumentRule, Kind } from '../src/inspect/kinds.ts'
import { parseCall } from '../src/mcp/parse.ts'
import { createEngine } from '../src/policy/engine.ts'

/** A line of `arguments.jsonl`. */
export interface Row {
  readonly id: string
  readonly param_kind: string
  readonly role: string
  readonly value?: string
  /** The whole arguments, as JSON. */
  readonly raw_json?: string
  readonly label: 'malicious' | 'benign'
  readonly context?: { readonly allowed_root?: string; readonly engine?: string }
  readonly class?: string
  readonly note?: string
}

const KINDS: Readonly<Record<string, Kind>> = {
  'path/file': 'path',
  'url/fetch': 'url',
  'sql/statement': 'sql',
  'sql/literal': 'sql-literal',
  'sql/identifier': 'sql-identifier',
  'html/fragment': 'html',
  'shell/command': 'shell',
  'shell/argument': 'shell-argument',
  'code/source': 'code',
  'code/expression': 'expression',
  'code/regex': 'regex',
  'free_text/single_line': 'line',
  'free_text/body': 'text',
}

/** A line of our own vectors: `kind` as in a configuration, or `object` for whole arguments. */
export interface Vector {
  readonly why: string
  readonly kind: Kind | 'object'
  readonly payload: string
  readonly expect: 'stop' | 'pass'
}

/** Our vectors are about paths below here. */
const ROOT = '/srv/data'

const SIGNAL = new AbortController().signal
const NAME = 'tool'

interface Question {
  /** The arguments as JSON. */
  readonly text: string
  /** What is said of the argument `value`. */
  readonly rule?: ArgumentRule
}

/** @returns why it is stopped: `parse`, or the labels that the law forbids; undefined when it is let through. */
export type Judge = (question: Question) => string | undefined

export function createJudge(): Judge {
  const engine = createEngine(
    { access: { roles: { user: { permissions: ['*'] } }, tools: { [NAME]: { permission: 'tool:use' } }, resources: [] }, files: [] },
    () => 0,
  )
  const screens = new Map<string, Screen>()
  return ({ text, rule }) => {
    const call = parseCall(Buffer.from(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"${NAME}","arguments":${text}}}`), {
      id: 'row',
      server: 's',
      transport: 'stdio',
      receivedAt: 0,
      signal: SIGNAL,
      limits: { maxDepth: 64 },
      forcedEra: 'legacy',
      forcedRevision: '2025-11-25',
    })
    if (call.flaw !== undefined) return `parse: ${call.flaw.code}`
    const key = JSON.stringify(rule ?? null)
    const tools = rule === undefined ? {} : { [NAME]: { arguments: { value: rule } } }
    const screen = screens.get(key) ?? createScreen({ level: 'standard', tools })({ server: 's', name: NAME })
    screens.set(key, screen)
    const findings = screen(call.arguments)
    const { effect } = engine.decide({
      principal: { kind: 'user', issuer: 'local', subject: 'row', actors: [], roles: ['user'], claims: {} },
      action: 'call',
      resource: call.resource,
      context: { approved: false, confirmed: false, findings, input: call.arguments },
    })
    return effect === 'forbid' ? findings.map(({ label }) => label).join(', ') || 'law' : undefined
  }
}

export function questionOfRow({ param_kind, role, context, value, raw_json }: Row): Question {
  const kind = KINDS[`${param_kind}/${role}`]
  if (raw_json !== undefined || kind === undefined) return { text: raw_json ?? JSON.stringify({ value }) }
  return {
    text: JSON.stringify({ value }),
    rule: {
      kind,
      ...(context?.allowed_root === undefined ? {} : { within: [context.allowed_root] }),
      ...(kind === 'sql' && context?.engine === 'postgres' ? { engine: context.engine } : {}),
    },
  }
}

export function questionOfVector({ kind, payload }: Vector): Question {
  if (kind === 'object') return { text: payload }
  return { text: JSON.stringify({ value: payload }), rule: kind === 'path' ? { kind, within: [ROOT] } : { kind } }
}
