/** History in the words of OpenTelemetry: OTLP logs and traces, in JSON. Names follow its conventions for MCP servers, HTTP and GenAI tools. */
import type { AuditEvent, Outcome } from '../core/event.ts'
import type { Told } from './sinks.ts'

interface Attribute {
  readonly key: string
  readonly value: { readonly stringValue: string } | { readonly doubleValue: number }
}

const RESOURCE = { attributes: [attribute('service.name', 'portcullis')] }
const SCOPE = { name: 'portcullis.audit' }
/** Info, warn (OTel logs data model, SeverityNumber). */
const SEVERITIES: Readonly<Record<Outcome, number>> = { permitted: 9, cancelled: 9, failed: 13, would_deny: 13, denied: 13 }
const INFO = 9
const SERVER_KIND = 2
const ERROR_STATUS = 2

/** ExportLogsServiceRequest. The text of the event is the body, so that the chain can be verified there. */
export function logsRequest(batch: readonly Told[]): object {
  const logRecords = batch.map((told) => {
    if (told.kind === 'checkpoint') return record(told.checkpoint.at, INFO, 'portcullis.checkpoint', told.text, [])
    const { event, text } = told
    const of = record(
      event.at,
      event.outcome === undefined ? INFO : SEVERITIES[event.outcome],
      `portcullis.${event.type}`,
      text,
      attributesOf(event),
    )
    return event.trace === undefined ? of : { ...of, traceId: event.trace, ...(event.span !== undefined && { spanId: spanIdOf(event) }) }
  })
  return { resourceLogs: [{ resource: RESOURCE, scopeLogs: [{ scope: SCOPE, logRecords }] }] }
}

function record(at: number, severityNumber: number, eventName: string, text: string, attributes: readonly Attribute[]): object {
  const time = nanosOf(at)
  return { timeUnixNano: time, observedTimeUnixNano: time, severityNumber, eventName, body: { stringValue: text }, attributes }
}

/** ExportTraceServiceRequest with a span for each call that ended; undefined when none did. */
export function tracesRequest(batch: readonly Told[]): object | undefined {
  const spans = batch.flatMap((told) => (told.kind === 'event' && isSpan(told.event) ? [spanOf(told.event)] : []))
  return spans.length === 0 ? undefined : { resourceSpans: [{ resource: RESOURCE, scopeSpans: [{ scope: SCOPE, spans }] }] }
}

/** A caller that does not record its own span wants none recorded below it (W3C Trace Context §3.2.2.5.1, the sampled flag). */
function isSpan({ type, call, trace, span }: AuditEvent): boolean {
  return type === 'call.ended' && call !== undefined && (trace === undefined || span !== undefined)
}

function spanOf(event: AuditEvent): object {
  const { at, tookMs, method, resource, trace, span, call, denial, outcome } = event
  const target = resource !== undefined && NAMED.has(resource.kind) ? ` ${resource.name}` : ''
  const isWrong = outcome === 'denied' || outcome === 'failed'
  return {
    // A call that came with no trace begins one; its own id is random where it has to be (UUIDv7).
    traceId: trace ?? (call ?? '').replaceAll('-', ''),
    spanId: spanIdOf(event),
    ...(span !== undefined && { parentSpanId: span }),
    name: `${method ?? 'call'}${target}`,
    kind: SERVER_KIND,
    startTimeUnixNano: nanosOf(at - (tookMs ?? 0)),
    endTimeUnixNano: nanosOf(at),
    attributes: [...attributesOf(event), ...(isWrong ? [attribute('error.type', denial ?? outcome)] : [])],
    status: isWrong ? { code: ERROR_STATUS } : {},
  }
}

/** Kinds whose names are few, so that they may stand in the name of a span. */
const NAMED: ReadonlySet<string> = new Set(['tool', 'prompt'])

/** The random half of the call's own id. */
function spanIdOf({ call }: AuditEvent): string {
  return (call ?? '').replaceAll('-', '').slice(16)
}

/** Milliseconds as nanoseconds, in a text, as OTLP's JSON wants 64-bit numbers. */
function nanosOf(ms: number): string {
  return String(BigInt(Math.round(ms * 1_000)) * 1_000n)
}

function attribute(key: string, value: string | number): Attribute {
  return { key, value: typeof value === 'number' ? { doubleValue: value } : { stringValue: value } }
}

/** Conventions of semantic-conventions-genai for MCP servers; `portcullis.*` is ours. */
const ATTRIBUTES: Readonly<Record<string, (event: AuditEvent) => string | number | undefined>> = {
  'mcp.method.name': ({ method }) => method,
  'mcp.protocol.version': ({ revision }) => revision,
  'gen_ai.operation.name': ({ method }) => (method === 'tools/call' ? 'execute_tool' : undefined),
  'gen_ai.tool.name': ({ resource }) => (resource?.kind === 'tool' ? resource.name : undefined),
  'gen_ai.prompt.name': ({ resource }) => (resource?.kind === 'prompt' ? resource.name : undefined),
  'mcp.resource.uri': ({ resource }) => (resource?.kind === 'resource' ? resource.name : undefined),
  'network.transport': ({ transport }) => (transport === 'http' ? 'tcp' : transport === 'stdio' ? 'pipe' : undefined),
  'network.protocol.name': ({ transport }) => (transport === 'http' ? 'http' : undefined),
  'client.address': ({ address }) => address,
  'user_agent.original': ({ agent }) => agent,
  'enduser.id': ({ principal }) => principal,
  'portcullis.server': ({ resource }) => resource?.server,
  'portcullis.outcome': ({ outcome }) => outcome,
  'portcullis.denial': ({ denial }) => denial,
  'portcullis.policies': ({ policies }) => policies?.join(' '),
}

function attributesOf(event: AuditEvent): readonly Attribute[] {
  return Object.entries(ATTRIBUTES).flatMap(([key, read]) => {
    const value = read(event)
    return value === undefined ? [] : [attribute(key, value)]
  })
}
