/** Lines of the journal's logs, read back. */
import type { AuditEvent } from '../core/event.ts'
import { isObject, type JsonValue } from '../core/json.ts'

/** Whether a line is an event by its form: what the journal adds to an entry is there. What the entry says is the writer's word. */
export function isEvent(value: JsonValue): value is JsonValue & AuditEvent {
  return (
    isObject(value) &&
    typeof value['node'] === 'string' &&
    Number.isSafeInteger(value['seq']) &&
    typeof value['previous'] === 'string' &&
    typeof value['id'] === 'string' &&
    typeof value['at'] === 'number' &&
    typeof value['type'] === 'string'
  )
}
