/** What a result is, and whether it may ask its caller what it asks. */
import type { Call, Message } from '../core/call.ts'
import { Denial } from '../core/denial.ts'
import { isObject, type JsonObject } from '../core/json.ts'
import { declaredBy } from './declared.ts'

/** What a result is, in the words of its era. @throws Denial for what no revision defines, or the caller did not declare. */
export function kindOfResult(result: JsonObject, call: Call): 'complete' | 'input_required' | 'task' {
  if (call.origin.era === 'legacy') return call.method === 'tools/call' && isObject(result['task']) ? 'task' : 'complete'
  switch (result['resultType']) {
    case undefined:
    case 'complete':
      return 'complete'
    case 'input_required':
      return 'input_required'
    case 'task': {
      const extensions = declaredBy(call)['extensions']
      if (!isObject(extensions) || extensions[TASKS] === undefined)
        throw new Denial('upstream_failed', { detail: 'a task for a caller that did not declare the extension' })
      return 'task'
    }
    default:
      throw new Denial('upstream_failed', { detail: 'a resultType that no revision defines' })
  }
}

const TASKS = 'io.modelcontextprotocol/tasks'

/** The capability a caller must have declared for each request that a server may put to it (2026-07-28, basic/patterns/mrtr). */
const CAPABILITY_OF: Readonly<Record<string, string>> = {
  'elicitation/create': 'elicitation',
  'sampling/createMessage': 'sampling',
  'roots/list': 'roots',
}

/** Whether what is told of a task asks for nothing that its listener did not declare. */
export function mayAsk({ body: { method, params } }: Message, call: Call): boolean {
  if (method !== 'notifications/tasks' || params?.['inputRequests'] === undefined) return true
  try {
    checkInputRequests(params, call)
    return true
  } catch {
    return false
  }
}

/** @throws Denial `missing_capability` for what the caller did not declare, or is withheld; `upstream_failed` for what no revision defines. */
export function checkInputRequests(result: JsonObject, call: Call): void {
  const requests = result['inputRequests']
  if (!isObject(requests)) return
  const declared = declaredBy(call)
  for (const request of Object.values(requests)) {
    const method = isObject(request) ? request['method'] : undefined
    const capability = typeof method === 'string' ? CAPABILITY_OF[method] : undefined
    if (capability === undefined) throw new Denial('upstream_failed', { detail: 'an input request that no revision defines' })
    if (declared[capability] === undefined)
      throw new Denial('missing_capability', { detail: `the server asks for ${capability}, which the caller did not declare` })
  }
}
