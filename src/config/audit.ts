/** Where history is told beside the journal: files, webhooks, collectors, syslog servers. */
import { resolve } from 'node:path'
import { z } from 'zod'
import type { Secret } from '../core/secret.ts'
import { secretSetting } from './issuers.ts'
import { sealedUrl, span, text, word } from './values.ts'

export const auditSettings = z.strictObject({
  file: text('a path, or stdout').optional().describe('Every event also as a line of JSON: to this file, or to `stdout`.'),
  checkpoint: span('1s', '24h').prefault('5m').describe('How often the journal is signed.'),
  retain: span('1h', '3650d')
    .optional()
    .describe('How long events are kept in the journal; older ones are removed, signed for. Unless written, all are kept.'),
  webhook: z
    .strictObject({ url: sealedUrl, secret: secretSetting })
    .optional()
    .describe('Every event also as a line of JSON to this URL, in signed batches.'),
  otlp: sealedUrl.optional().describe('Every event also to an OpenTelemetry collector, as a log (OTLP/HTTP, JSON).'),
  syslog: word(/^(udp|tcp|tls):\/\/([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}$/, 'udp://host:port, tcp://host:port or tls://host:port')
    .optional()
    .describe('Every event also to a syslog server (RFC 5424).'),
})

export const telemetrySettings = z.strictObject({
  traces: sealedUrl.optional().describe('A span for every call, to an OpenTelemetry collector (OTLP/HTTP, JSON).'),
})

export interface AuditConfig {
  /** Absolute, or `stdout`. */
  readonly file?: string
  readonly checkpointMs: number
  /** Absent: for ever. */
  readonly retainMs?: number
  readonly webhook?: { readonly url: string; readonly secret: Secret }
  /** Of a collector: paths are put behind it. */
  readonly otlp?: string
  /** `udp://`, `tcp://` or `tls://host:port` */
  readonly syslog?: string
}

export interface TelemetryConfig {
  /** Of a collector: paths are put behind it. */
  readonly traces?: string
}

export function settleAudit(
  { file, checkpoint, retain, webhook, otlp, syslog }: z.output<typeof auditSettings>,
  directory: string,
): AuditConfig {
  return {
    ...(file === undefined ? {} : { file: file === 'stdout' ? 'stdout' : resolve(directory, file) }),
    checkpointMs: checkpoint,
    ...(retain === undefined ? {} : { retainMs: retain }),
    ...(webhook === undefined ? {} : { webhook }),
    ...(otlp === undefined ? {} : { otlp }),
    ...(syslog === undefined ? {} : { syslog }),
  }
}
