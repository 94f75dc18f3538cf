/** The screening of what tools and prompts are given, prepared once for each definition. */
import type { Finding } from '../core/finding.ts'
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { createScreen, type ScreenSettings } from '../inspect/input.ts'
import type { ArgumentRule } from '../inspect/kinds.ts'
import { withNamed } from '../inspect/told.ts'
import type { Screen } from './inspector.ts'

type Prepare = ReturnType<typeof createScreen>
type Judge = ReturnType<Prepare>

/** Names of which no definition is known: more are prepared anew each time, which costs microseconds. */
const UNKNOWN_MAX = 4_096

/**
 * URIs of resources and whose completions are asked for are names, and names are the law's matter: `access.resources` and policies say how
 * far they reach. What a prompt is given becomes a text for a model, whatever it is called, and is screened as one, also while it is completed.
 */
export function createScreens(settings: ScreenSettings): Screen {
  const tools = remembering(createScreen(settings))
  const bare: ByRules = (rules) => createScreen({ level: settings.level, tools: { '*': { arguments: rules } } })({ server: '', name: '' })
  const found = (call: Parameters<Screen>[0], inputSchema: JsonValue | undefined): readonly Finding[] => {
    const { method, resource, arguments: values } = call
    if (method === 'tools/call') return named(tools(resource.server, resource.name, inputSchema)(values), inputSchema)
    if (method === 'prompts/get') return named(screenTexts(values, bare), undefined)
    return method === 'completion/complete' ? named(screenCompletion(values, resource.kind === 'prompt', bare), PARAMETERS) : NOTHING
  }
  return (call, inputSchema) => {
    const responses = call.message?.body.params?.['inputResponses']
    const own = found(call, inputSchema)
    const all = isObject(responses) ? [...own, ...named(screenResponses(responses, bare), PARAMETERS)] : own
    return all.length === 0 ? NOTHING : all.map(withRule)
  }
}

/** A screen that knows nothing but these rules. */
type ByRules = (rules: Readonly<Record<string, ArgumentRule>>) => Judge

/** A name as it is, whatever is in it (RFC 6901 §3). */
const pointerTo = (name: string): string => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
const asTexts = (names: readonly string[]): Readonly<Record<string, ArgumentRule>> =>
  Object.fromEntries(names.map((name) => [pointerTo(name), { kind: 'text' as const }]))
const below = (pointer: string, findings: readonly Finding[]): readonly Finding[] =>
  findings.map((finding) => ({ ...finding, pointer: pointer + finding.pointer }))

function screenTexts(values: JsonObject, bare: ByRules): readonly Finding[] {
  return bare(asTexts(Object.keys(values)))(values)
}

/** The argument that is being completed, and those that were before. For a template each is what its name says. */
function screenCompletion({ argument, context }: JsonObject, isOfPrompt: boolean, bare: ByRules): readonly Finding[] {
  const screened = (values: JsonObject): readonly Finding[] => (isOfPrompt ? screenTexts(values, bare) : bare({})(values))
  const { name, value } = isObject(argument) ? argument : NO_MEMBERS
  const asked = screened({ [typeof name === 'string' ? name : '']: value ?? null })
  const before = isObject(context) && isObject(context['arguments']) ? screened(context['arguments']) : NOTHING
  return [...asked.map((finding) => ({ ...finding, pointer: '/argument/value' })), ...below('/context/arguments', before)]
}

/** What a person has filled in is what its name says; what a model has said, and which folders there are, is text (2026-07-28, basic/patterns/mrtr). */
function screenResponses(responses: JsonObject, bare: ByRules): readonly Finding[] {
  const isForm = (response: JsonValue | undefined): boolean => isObject(response) && typeof response['action'] === 'string'
  const others = Object.keys(responses).filter((name) => !isForm(responses[name]))
  return below('/inputResponses', bare(asTexts(others))(responses))
}

const named = (findings: readonly Finding[], schema: JsonValue | undefined): readonly Finding[] =>
  findings.map((finding) => withNamed(finding, schema))

/** Members of the protocol's own: of what a call brings beside arguments no definition is known. */
const PARAMETERS: JsonObject = { required: ['argument', 'value', 'context', 'arguments', 'inputResponses', 'action', 'content', 'text'] }
const NO_MEMBERS: JsonObject = {}
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
