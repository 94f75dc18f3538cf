/** The journal in the formats of other people's collections, a line each. Whatever the format, the text of the event rides along whole, so that the chain can be verified there. */
import type { Outcome } from '../core/event.ts'
import { canonical, isObject, type JsonValue } from '../core/json.ts'
import { isCheckpoint } from './checkpoint.ts'
import { isCut } from './cut.ts'
import { isEvent } from './event.ts'
import { ocsfCheckpoint, ocsfOf } from './ocsf.ts'
import { escapeLine } from './sinks.ts'

export const FORMATS = ['jsonl', 'ocsf', 'cef', 'syslog'] as const
export type Format = (typeof FORMATS)[number]

interface Codec {
  /** @param text canonical JSON of an event or a checkpoint. @returns one line, without its end. */
  write(value: JsonValue, text: string): string
  /** The JSON text in a line that `write` made; another line as it is, which is then nobody's event. */
  read(line: string): string
}

const CODECS: Readonly<Record<Format, Codec>> = {
  jsonl: { write: (_value, text) => escapeLine(text), read: (line) => line },
  ocsf: {
    write: (value, text) => escapeLine(JSON.stringify(isEvent(value) ? ocsfOf(value, text) : ocsfCheckpoint(...placeOf(value), text))),
    read: (line) => {
      const value = parsed(line)
      return isObject(value) && typeof value['raw_data'] === 'string' ? value['raw_data'] : line
    },
  },
  cef: { write: (value, text) => cefOf(value, ascii(text)), read: readCef },
  syslog: { write: (value, text) => syslogOf(value, ascii(text)), read: (line) => SYSLOG.exec(line)?.[1] ?? line },
}

/** @param text of it in canonical form, where it is at hand */
export function lineIn(format: Format, value: JsonValue, text = canonical(value)): string {
  return CODECS[format].write(value, text)
}

export function textIn(format: Format, line: string): string {
  return CODECS[format].read(line)
}

/*
 * CEF (ArcSight Common Event Format 0, revision 26): in the header `|` and `\` are escaped, in an extension `=`, `\` and ends of lines.
 */
function cefOf(value: JsonValue, text: string): string {
  if (!isEvent(value)) return `CEF:0|Portcullis|Portcullis|0|checkpoint|checkpoint|0|rawEvent=${cefValue(text)}`
  const { type, denial, outcome, at, principal, by, address, method, resource, detail, tookMs, id } = value
  const header = [type, denial ?? outcome ?? type].map((part) => part.replace(/[\\|]/g, '\\$&'))
  const extension = {
    rt: at,
    externalId: id,
    outcome,
    act: method,
    suser: principal ?? by,
    src: address,
    cs1: resource === undefined ? undefined : `${resource.server}/${resource.name}`,
    cs1Label: resource?.kind,
    reason: denial,
    msg: detail,
    cn1: tookMs === undefined ? undefined : Math.round(tookMs),
    cn1Label: tookMs === undefined ? undefined : 'milliseconds',
    rawEvent: text,
  }
  const pairs = Object.entries(extension).flatMap(([name, said]) =>
    said === undefined ? [] : [`${name}=${cefValue(ascii(String(said)))}`],
  )
  return `CEF:0|Portcullis|Portcullis|0|${header.join('|')}|${CEF_SEVERITIES[outcome ?? 'permitted']}|${pairs.join(' ')}`
}

const CEF_SEVERITIES: Readonly<Record<Outcome, number>> = { permitted: 1, cancelled: 1, failed: 4, would_deny: 5, denied: 6 }

function cefValue(text: string): string {
  return text.replace(/[\\=]/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\r', '\\r')
}

/** The raw event is the last extension, so it ends with the line. */
function readCef(line: string): string {
  const at = line.startsWith('CEF:0|') ? line.lastIndexOf('rawEvent={') : -1
  return at === -1 ? line : line.slice(at + 'rawEvent='.length).replace(/\\([\\=])/g, '$1')
}

/*
 * RFC 5424. No structured data: names of ours in it would need an enterprise number (§7.2.2). MSG is JSON in ASCII, so it needs no BOM (§6.4).
 */
function syslogOf(value: JsonValue, text: string): string {
  const [at, node] = placeOf(value)
  const severity = isEvent(value) && value.outcome !== undefined ? SYSLOG_SEVERITIES[value.outcome] : SYSLOG_SEVERITIES.permitted
  const type = isEvent(value) ? value.type : 'checkpoint'
  return `<${AUDIT_FACILITY * 8 + severity}>1 ${new Date(at).toISOString()} ${word(node, 255)} portcullis - ${word(type, 32)} - ${text}`
}

/** `log audit` of RFC 5424 §6.2.1. */
const AUDIT_FACILITY = 13
/** Informational, notice, warning. */
const SYSLOG_SEVERITIES: Readonly<Record<Outcome, number>> = { permitted: 6, cancelled: 6, failed: 5, would_deny: 5, denied: 4 }
const SYSLOG = /^<\d{1,3}>1 \S+ \S+ portcullis - \S+ - (\{.*\})$/

/** PRINTUSASCII of bounded length (RFC 5424 §6). */
function word(text: string, most: number): string {
  return text.replace(/[^!-~]/g, '_').slice(0, most) || '-'
}

/** JSON in ASCII: in JSON text what is not stands only within strings, where an escape means the same. Of another text it is a way to show it. */
function ascii(text: string): string {
  return text.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function placeOf(value: JsonValue): readonly [at: number, node: string] {
  return isEvent(value) || isCheckpoint(value) || isCut(value) ? [value.at, value.node] : [0, '-']
}

function parsed(line: string): JsonValue {
  try {
    return JSON.parse(line) as JsonValue // the type of whatever JSON.parse returns
  } catch {
    return null
  }
}
