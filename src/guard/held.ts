/** What is held against a definition, in the words of the law and of history: digests and pointers, never its text. */
import type { Resource } from '../core/call.ts'
import type { Entry } from '../core/event.ts'
import { type Finding, OF_DEFINITION } from '../core/finding.ts'
import type { Held, Pin } from './pins.ts'

/** Whatever was not approved is held back, also what there is no record of. */
export function findingsOf(pin: Pin | undefined, digest: string): readonly Finding[] {
  const held = pin?.held.find((each) => each.digest === digest)
  const why: Held = held?.why ?? (pin?.pinned === undefined ? 'new' : 'drift')
  const label = `${OF_DEFINITION}${why}`
  const marks = held?.marks ?? []
  return marks.length === 0 ? [{ label, detector: label, pointer: '' }] : marks.map((mark) => ({ label, ...mark }))
}

/** What happened to it, by digests and pointers: never its text. */
export function entryOf({ kind, server, name, pinned, held }: Pin, digest: string): Entry {
  const resource: Resource = { kind: kind === 'template' ? 'resource' : kind, server, name }
  if (pinned?.digest === digest) return { type: 'definition.pinned', resource, detail: `sha256:${digest}`, by: 'gateway' }
  const found = held.find((each) => each.digest === digest)
  const findings = (found?.marks ?? []).map((mark) => ({ label: `${OF_DEFINITION}${found?.why ?? 'new'}`, ...mark }))
  const was = pinned === undefined ? '' : `, was sha256:${pinned.digest}`
  return {
    type: found?.why === 'drift' ? 'definition.drifted' : 'definition.withheld',
    resource,
    detail: `${found?.why ?? 'new'} sha256:${digest}${was}`,
    findings,
    by: 'gateway',
  }
}
