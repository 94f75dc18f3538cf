/** Labelled output of tools, put to the detector that stands at the way out: every kind of finding on, as an operator would who wants them all. */
import type { Body } from '../src/core/call.ts'
import type { JsonObject } from '../src/core/json.ts'
import { createDetector, OUTPUT_LABELS } from '../src/inspect/detect.ts'
import { PERSONAL_KINDS } from '../src/inspect/personal.ts'
import { createLook } from '../src/inspect/redact.ts'

/** A line of `outputs.jsonl`. */
export interface OutputRow {
  readonly id: string
  readonly text: string
  readonly label: 'sensitive' | 'benign' | 'neutral'
  readonly category: string
  /** Where a tool said it: `content.text`, `structuredContent`, `error.message`. */
  readonly location: string
  readonly spans: readonly { readonly type: string; readonly value: string }[]
  /** What must not survive in the joined, decoded output. */
  readonly hidden_value?: string
  /** Pieces that are said one after another. */
  readonly chunks?: readonly string[]
}

/** A line of our own vectors. */
export interface OutputVector {
  readonly why: string
  readonly payload: string
  readonly expect: 'redact' | 'pass'
  readonly label?: string
  /** What must be gone. */
  readonly hidden?: string
}

const detector = createDetector({ labels: new Set(OUTPUT_LABELS), personal: PERSONAL_KINDS, keyPrefixes: ['mcp'] })
const look = createLook(detector, { personal: true, errors: true, links: true })
const LABELS = new Set<string>(OUTPUT_LABELS)

/** The message as it would leave: through the first glance too, so that what it misses is missed here. */
export function released(body: Body): Body {
  const bytes = Buffer.from(JSON.stringify(body))
  const seen = look.glance(body, bytes) ? look.see(body) : undefined
  return seen === undefined ? body : (seen.redact(LABELS) ?? { jsonrpc: '2.0', id: 1, result: {} })
}

/** One answer of a tool with a text where the row says that it stood. */
export function bodyOf(text: string, location: string, chunks?: readonly string[]): Body {
  const common = { jsonrpc: '2.0', id: 1 } as const
  if (location.startsWith('error')) {
    return {
      ...common,
      error: location === 'error.data' ? { code: -32000, message: 'failed', data: text } : { code: -32000, message: text },
    }
  }
  if (location === 'structuredContent') return { ...common, result: { content: [], structuredContent: structured(text) } }
  if (location === 'blob') {
    const blob = Buffer.from(text).toString('base64')
    return { ...common, result: { content: [{ type: 'resource', resource: { uri: 'file:///a', blob } }] } }
  }
  if (location === '_meta') return { ...common, result: { content: [], _meta: { 'example.com/x': text } } }
  return { ...common, result: { content: (chunks ?? [text]).map((piece) => ({ type: 'text', text: piece })) } }
}

function structured(text: string): JsonObject {
  try {
    return JSON.parse(text) as JsonObject
  } catch {
    return { value: text }
  }
}

/** Whether the row came out as its label says. */
export function isAsLabelled(row: OutputRow): boolean {
  const body = bodyOf(row.text, row.location, row.chunks)
  const left = released(body)
  if (row.label !== 'sensitive') return left === body
  const text = JSON.stringify(left)
  if (row.hidden_value !== undefined) return left !== body && isGone(row.hidden_value, textsOf(left))
  return row.spans.every(({ value }) => !text.includes(JSON.stringify(value).slice(1, -1)) && !textsOf(left).includes(value))
}

export function isAsExpected({ payload, expect, label, hidden }: OutputVector): boolean {
  const body = bodyOf(payload, label === 'internal' ? 'error.message' : 'content.text')
  const left = released(body)
  if (expect === 'pass') return left === body
  return left !== body && textsOf(left).includes(label ?? '') && !textsOf(left).includes(hidden ?? payload)
}

/** Neither as it is, nor broken, nor in what a reader would decode first. */
function isGone(hidden: string, text: string): boolean {
  const plain = text.replaceAll(/[\s\u200b-\u200f\u2060\ufeff\u00ad]/g, '')
  const bytes = Buffer.from(hidden)
  const spelt = [hidden, encodeURIComponent(hidden), bytes.toString('hex'), bytes.toString('base64').replace(/=+$/, '')]
  return spelt.every((spelling) => !text.includes(spelling) && !plain.includes(spelling)) && !plain.normalize('NFKC').includes(hidden)
}

/** Every text of it, one after another. */
function textsOf(value: unknown): string {
  if (typeof value === 'string') return value
  if (typeof value !== 'object' || value === null) return ''
  return Object.entries(value)
    .map(([name, member]) => (name === 'type' ? '' : textsOf(member)))
    .join('')
}
