/** Between the eras, message by message: what a modern request, answer or capability is called in the revisions with `initialize`, and back. */
import type { Body, RequestId } from '../core/call.ts'
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { errorResponse, resultResponse } from '../mcp/message.ts'
import { methodRow } from '../mcp/methods.ts'
import { LATEST_MODERN, META } from '../mcp/revision.ts'
import { INVALID_PARAMS, LOG_LEVELS, metaOf } from './wire.ts'

/** Legacy: a resource that does not exist. */
const RESOURCE_NOT_FOUND = -32002
/** Legacy: the user has to visit a URL first. */
const URL_ELICITATION_REQUIRED = -32042
const MISSING_CAPABILITY = -32021
const ENVELOPE = new Set<string>([META.protocolVersion, META.clientCapabilities, META.clientInfo, META.logLevel])
/** The capabilities of a server that can be served across the eras. */
export const SERVED_CAPABILITIES = ['tools', 'prompts', 'resources', 'completions', 'logging'] as const

/** What a legacy server said of itself. */
export interface ServerFacts {
  /** The revision that was agreed on. */
  readonly revision: string
  readonly capabilities: JsonObject
  readonly info: JsonObject
  readonly instructions: string | undefined
}

/** @returns undefined when it is no `InitializeResult`. */
export function parseInitialize(result: JsonObject | undefined): ServerFacts | undefined {
  const capabilities = result?.['capabilities']
  const revision = result?.['protocolVersion']
  if (result === undefined || !isObject(capabilities) || typeof revision !== 'string') return undefined
  const info = result['serverInfo']
  const instructions = result['instructions']
  return {
    revision,
    capabilities,
    info: isObject(info) ? info : {},
    instructions: typeof instructions === 'string' ? instructions : undefined,
  }
}

export function discoverResult(facts: ServerFacts): JsonObject {
  const capabilities = picked(facts.capabilities, SERVED_CAPABILITIES)
  const instructions = facts.instructions === undefined ? {} : { instructions: facts.instructions }
  return toModernResult({ supportedVersions: [LATEST_MODERN], capabilities, ...instructions }, 'server/discover', facts)
}

/** A modern request without what only modern servers know. */
export function toLegacyParams(body: Body): JsonObject | undefined {
  if (body.params === undefined) return undefined
  const { _meta, inputResponses: _answers, requestState: _state, ...params } = body.params
  if (!isObject(_meta)) return params
  const meta: Record<string, JsonValue | undefined> = {}
  let kept = false
  for (const name of Object.keys(_meta)) {
    if (ENVELOPE.has(name)) continue
    meta[name] = _meta[name]
    kept = true
  }
  return kept ? { ...params, _meta: meta } : params
}

function toModernResult(result: JsonObject, method: string, facts: ServerFacts): JsonObject {
  const meta = result['_meta']
  const _meta = { ...(isObject(meta) ? meta : {}), [META.serverInfo]: facts.info }
  if (methodRow(method)?.cacheable === true) return { ...result, resultType: 'complete', ttlMs: 0, cacheScope: 'private', _meta }
  return { ...result, resultType: 'complete', _meta }
}

/** A modern result without what only modern clients know. Another type than `complete` says what it is, and stays. */
export function toLegacyResult(result: JsonObject): JsonObject {
  const { resultType, ttlMs: _age, cacheScope: _scope, _meta, ...rest } = result
  const type = resultType === undefined || resultType === 'complete' ? {} : { resultType }
  if (!isObject(_meta)) return { ...rest, ...type }
  const { [META.serverInfo]: _info, ...meta } = _meta
  return { ...rest, ...type, ...(Object.keys(meta).length === 0 ? {} : { _meta: meta }) }
}

/** A legacy answer as a modern one, under the id of this leg. */
export function toModernAnswer(body: Body, id: RequestId, method: string, facts: ServerFacts, declared: JsonObject): Body {
  const { error } = body
  if (error === undefined) return resultResponse(id, toModernResult(body.result ?? {}, method, facts))
  if (error.code === RESOURCE_NOT_FOUND) return errorResponse(id, INVALID_PARAMS, error.message, error.data)
  if (error.code === URL_ELICITATION_REQUIRED) return urlElicitation(id, error.data, declared)
  return { jsonrpc: '2.0', id, error }
}

/** `-32042` does not exist any more: it is a question, and the retry is an ordinary new call (basic/patterns/mrtr). */
function urlElicitation(id: RequestId, data: JsonValue | undefined, declared: JsonObject): Body {
  const wanted = isObject(data) && Array.isArray(data['elicitations']) ? data['elicitations'].filter(isObject) : []
  const elicitation = declared['elicitation']
  if (!isObject(elicitation) || elicitation['url'] === undefined || wanted.length === 0) {
    return errorResponse(id, MISSING_CAPABILITY, 'The client did not declare a capability that is needed.', {
      requiredCapabilities: { elicitation: { url: {} } },
    })
  }
  const inputRequests: Record<string, JsonValue> = {}
  for (const [index, { elicitationId: _gone, ...params }] of wanted.entries()) {
    inputRequests[`url-${index}`] = { method: 'elicitation/create', params: { ...params, mode: 'url' } }
  }
  return resultResponse(id, { resultType: 'input_required', inputRequests })
}

/** What a modern caller declared, in the words of a legacy `initialize`: only what we can carry, and only flags. */
export function declaredBy(body: Body): JsonObject {
  const capabilities = metaOf(body)?.[META.clientCapabilities]
  if (!isObject(capabilities)) return {}
  const declared: Record<string, JsonValue> = {}
  const { elicitation, sampling, roots } = capabilities
  if (isObject(elicitation)) declared['elicitation'] = flags(elicitation, ['form', 'url'])
  if (isObject(sampling)) declared['sampling'] = flags(sampling, ['context', 'tools'])
  if (isObject(roots)) declared['roots'] = {}
  return declared
}

/** Equal for equal declarations: what a server was told of its client cannot be changed later. */
export function declarationKey(declared: JsonObject): string {
  return Object.keys(declared)
    .map((name) => `${name}(${Object.keys(flagsOf(declared[name])).join()})`)
    .join()
}

/** Whether the client said that it can be asked this. */
export function mayAsk(declared: JsonObject, question: Body): boolean {
  switch (question.method) {
    case 'roots/list':
      return declared['roots'] !== undefined
    case 'sampling/createMessage': {
      const sampling = declared['sampling']
      return isObject(sampling) && (question.params?.['tools'] === undefined || sampling['tools'] !== undefined)
    }
    case 'elicitation/create': {
      const elicitation = declared['elicitation']
      if (!isObject(elicitation)) return false
      if (question.params?.['mode'] === 'url') return elicitation['url'] !== undefined
      // `elicitation: {}` means forms only (schema, ClientCapabilities).
      return elicitation['form'] !== undefined || elicitation['url'] === undefined
    }
    default:
      return false
  }
}

/** Whether a log notification is at least as severe as `level`; without a level nothing is wanted (2026-07-28, `_meta` logLevel). */
export function isLoud(body: Body, level: string | undefined): boolean {
  const told = body.params?.['level']
  return level !== undefined && typeof told === 'string' && LOG_LEVELS.indexOf(told) >= LOG_LEVELS.indexOf(level)
}

/** Only these members, and only where they are objects. */
export function picked(object: JsonObject, names: readonly string[]): JsonObject {
  const kept: Record<string, JsonValue> = {}
  for (const name of names) {
    const value = object[name]
    if (isObject(value)) kept[name] = value
  }
  return kept
}

function flags(capability: JsonObject, names: readonly string[]): JsonObject {
  const kept: Record<string, JsonValue> = {}
  for (const name of names) if (isObject(capability[name])) kept[name] = {}
  return kept
}

function flagsOf(capability: JsonValue | undefined): JsonObject {
  return isObject(capability) ? capability : {}
}
