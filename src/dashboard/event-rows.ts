/** Events as rows: the same on every page and in what is told live. */
import type { AuditEvent, Outcome } from '../core/event.ts'
import { redactedText } from '../core/finding.ts'
import { when } from '../core/time.ts'
import { outside, type Row, type Tone } from './tables.ts'

export const EVENT_HEADER = ['When', 'What', 'Who', 'On what', 'Why', 'From', 'Took']
const TONES: Readonly<Record<Outcome, Tone>> = {
  permitted: 'good',
  would_deny: 'warn',
  denied: 'bad',
  failed: 'warn',
  cancelled: 'soft',
}
/** Of a detail in a table; its event has the whole. */
const WHY_MAX_CHARS = 160

export function eventRow(event: AuditEvent): Row {
  const { at, type, outcome, principal, address, tookMs } = event
  const what = type === 'call.ended' && outcome !== undefined ? outcome : type
  const href = storyUrl(event)
  return [
    { text: when(at), tone: 'whole' },
    { text: outside(what), tone: outcome === undefined ? 'name' : (TONES[outcome] ?? 'soft'), ...(href === undefined ? {} : { href }) },
    { text: outside(principal), tone: 'name' },
    { text: outside(onWhat(event)), tone: 'name' },
    outside(why(event)),
    { text: outside(address), tone: 'whole' },
    { text: tookMs === undefined ? '' : milliseconds(tookMs), tone: 'number' },
  ]
}

/** Where the story of a call is told, or of an anomaly. */
function storyUrl({ type, id, call }: AuditEvent): string | undefined {
  if (type === 'anomaly.detected' && /^[\w-]{36}$/.test(id)) return `/anomalies/${id}`
  return call !== undefined && /^[\w-]{1,64}$/.test(call) ? `/calls/${call}` : undefined
}

export function onWhat({ method, resource }: AuditEvent): string {
  const name = resource === undefined ? '' : resource.kind === 'server' ? resource.server : `${resource.server}/${resource.name}`
  return [method ?? '', name].filter((word) => word !== '').join(' ')
}

function why({ denial, detail, findings, policies, by }: AuditEvent): string {
  const words = [
    denial,
    redactedText(findings),
    detail,
    policies === undefined || policies.length === 0 ? undefined : `by ${policies.join(', ')}`,
    by,
  ]
  const text = words.filter((word) => word !== undefined && word !== '').join(' · ')
  return text.length <= WHY_MAX_CHARS ? text : `${text.slice(0, WHY_MAX_CHARS - 1)}…`
}

export function milliseconds(ms: number | undefined): string {
  if (ms === undefined) return '–'
  if (ms < 0.1) return 'under 0.1 ms'
  return ms < 10 ? `${ms.toFixed(1)} ms` : ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`
}
