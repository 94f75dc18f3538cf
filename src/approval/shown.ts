/** What a person is shown of a call before they say yes: all of it, as what it is, and nothing that can hide or turn around. */
import type { JsonValue } from '../core/json.ts'
import { canonical } from '../core/json.ts'
import { visible } from '../core/visible.ts'

/** Canonical (RFC 8785), a member a line; still the same JSON. */
export function visibleJson(value: JsonValue): string {
  return JSON.stringify(JSON.parse(canonical(value)), null, 2)
    .split('\n')
    .map(visible)
    .join('\n')
}
