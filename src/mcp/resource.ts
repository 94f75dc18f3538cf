/** What a message is about, and with what: the resource where the table says it stands, and the arguments. */
import type { Resource } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { checkArgumentKeys, checkFilterKeys, checkReferenceKeys } from './keys.ts'
import type { MethodRow } from './methods.ts'
import { checkName, checkUri } from './name.ts'

const NOTHING: JsonObject = Object.freeze({})

const invalid = (detail: string): Denial => new Denial('invalid_arguments', { detail })

/** The resource that `params` names; undefined when the method is about the server. @throws Denial `invalid_arguments`, `not_found`. */
export function resourceOf(row: MethodRow, params: JsonObject, server: string): Resource | undefined {
  if (row.name === undefined) return undefined
  if (row.name === 'ref') return referenceOf(params, server)
  const name = params[row.name]
  if (typeof name !== 'string') throw invalid(`params.${row.name} is not a string`)
  if (row.name === 'uri') checkUri(name)
  else checkName(name)
  return { kind: row.kind, server, name }
}

/** `ref` of `completion/complete`: a prompt by name, a resource (template) by URI. */
function referenceOf(params: JsonObject, server: string): Resource {
  const ref = params['ref']
  if (!isObject(ref)) throw invalid('params.ref is not an object')
  checkReferenceKeys(ref)
  const { type, name, uri } = ref
  if (type === 'ref/prompt' && typeof name === 'string' && uri === undefined) {
    checkName(name)
    return { kind: 'prompt', server, name }
  }
  if (type === 'ref/resource' && typeof uri === 'string' && name === undefined) {
    checkUri(uri, true)
    return { kind: 'resource', server, name: uri }
  }
  throw invalid('params.ref is neither a prompt nor a resource')
}

/** What policies and inspection see: the arguments of a tool or prompt; of other methods all parameters but `_meta`; where a URI is named, without what the legs of a call hang together by. */
export function argumentsOf(row: MethodRow, params: JsonObject): JsonObject {
  if (row.name === 'name') {
    const given = params['arguments']
    if (given === undefined) return NOTHING
    if (!isObject(given)) throw invalid('params.arguments is not an object')
    checkArgumentKeys(given)
    return given
  }
  const { _meta, ...rest } = params
  if (row.name !== 'uri') return rest
  const { inputResponses, requestState, ...asked } = rest
  return asked
}

/** The names in a listen filter: each is decided on later, so each must be canonical now. @throws Denial as `resourceOf`. */
export function checkFilter(params: JsonObject): void {
  const filter = params['notifications']
  if (!isObject(filter)) throw invalid('params.notifications is not an object')
  checkFilterKeys(filter)
  for (const uri of textsOf(filter['resourceSubscriptions'])) checkUri(uri)
  for (const task of textsOf(filter['taskIds'])) checkName(task)
}

function textsOf(value: JsonValue | undefined): readonly string[] {
  if (value === undefined) return []
  if (!Array.isArray(value)) throw invalid('a filter is not a list of names')
  const texts = value.filter((item): item is string => typeof item === 'string')
  if (texts.length !== value.length) throw invalid('a filter is not a list of names')
  return texts
}
