/** The screening of what tools and prompts are given, prepared once for each definition. */
import type { Finding } from '../core/finding.ts'
import type { JsonValue } from '../core/json.ts'
import { createScreen, type ScreenSettings } from '../inspect/input.ts'
import type { Screen } from './inspector.ts'

type Prepare = ReturnType<typeof createScreen>
type Judge = ReturnType<Prepare>

/** Names of which no definition is known: more are prepared anew each time, which costs microseconds. */
const UNKNOWN_MAX = 4_096

/**
 * URIs of resources and what a completion is asked for are names, and names are the law's matter: `access.resources` and policies say how
 * far they reach. What a prompt is given becomes a text for a model, whatever it is called, and is screened as one.
 */
export function createScreens(settings: ScreenSettings): Screen {
  const tools = remembering(createScreen(settings))
  return ({ method, resource: { server, name }, arguments: values }, inputSchema) => {
    if (method === 'tools/call') return tools(server, name, inputSchema)(values).map(withRule)
    if (method !== 'prompts/get') return NOTHING
    const texts = Object.fromEntries(Object.keys(values).map((argument) => [argument, { kind: 'text' as const }]))
    return createScreen({ ...settings, tools: { '*': { arguments: texts } } })({ server, name })(values).map(withRule)
  }
}

const NOTHING: readonly Finding[] = []

/** What the caller is told: where, and as what it was read. Which danger was seen there is for the operator: it would teach how to hide it. */
function withRule(finding: Finding): Finding {
  const judged = finding.detector.slice(finding.detector.indexOf('/') + 1)
  return { ...finding, rule: OF_ALL_KINDS[judged] ?? `not accepted as ${judged}` }
}

/** What is looked at whatever a text is for. */
const OF_ALL_KINDS: Readonly<Record<string, string>> = {
  characters: 'has characters that are not accepted',
  names: 'has a name that is not accepted',
  size: 'is too long',
  depth: 'is nested too deeply',
}

/** By the definition itself where there is one: it is the same object for as long as the server says the same. */
function remembering(prepare: Prepare): (server: string, name: string, inputSchema: JsonValue | undefined) => Judge {
  const known = new WeakMap<object, Map<string, Judge>>()
  const unknown = new Map<string, Judge>()
  return (server, name, inputSchema) => {
    const key = `${server}/${name}`
    const judges = typeof inputSchema === 'object' && inputSchema !== null ? judgesOf(known, inputSchema) : unknown
    const prepared = judges.get(key)
    if (prepared !== undefined) return prepared
    const fresh = prepare({ server, name, ...(inputSchema === undefined ? {} : { inputSchema }) })
    if (judges.size >= UNKNOWN_MAX) judges.clear()
    judges.set(key, fresh)
    return fresh
  }
}

function judgesOf(known: WeakMap<object, Map<string, Judge>>, inputSchema: object): Map<string, Judge> {
  const judges = known.get(inputSchema) ?? new Map<string, Judge>()
  known.set(inputSchema, judges)
  return judges
}
