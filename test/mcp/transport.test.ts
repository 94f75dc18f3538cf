/** The transport corpus at the level of the parser. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parseCall } from '../../src/mcp/parse.ts'
import { codeOf, envelope, statusOf } from './envelope.ts'

interface Vector {
  readonly id: string
  readonly group: string
  readonly attack: string
  readonly http_status: readonly number[]
  readonly request?: { readonly headers: readonly (readonly [string, string])[]; readonly body: string }
}

/** Well formed: the law, the edge or the upstream decides. */
const DECIDED_ELSEWHERE = new Set(['E047', 'E052', 'E054', 'E060', 'E078'])
const FORM = new Set(['json', 'jsonrpc', 'name', 'header'])
/** Groups whose requests are forms like any other. */
const WELL_FORMED = new Set(['sse', 'stdio', 'mrtr', 'path', 'origin'])

const file = new URL('../vectors/transport.jsonl', import.meta.url)
const vectors: readonly Vector[] = readFileSync(file, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line))

function bodyOf(body: string): Buffer {
  if (body.startsWith('@hex:')) return Buffer.from(body.slice(5), 'hex')
  const batch = /^@batch:(\d+)$/.exec(body)
  if (batch !== null) return Buffer.from(`[${Array.from({ length: Number(batch[1]) }, () => '{"jsonrpc":"2.0","id":1,"method":"ping"}')}]`)
  return Buffer.from(body.replace(/@repeat:(.):(\d+)/, (_, what: string, times: string) => what.repeat(Number(times))))
}

function headersOf(headers: readonly (readonly [string, string])[]): Record<string, string> {
  const encoded = (value: string): string =>
    value.replace(/@b64json:(.*)(?=\?=$)/, (_, text: string) => Buffer.from(JSON.parse(`"${text}"`)).toString('base64'))
  return Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), encoded(value)]))
}

for (const { id, group, attack, http_status, request } of vectors) {
  if (request === undefined) continue
  const call = parseCall(bodyOf(request.body), envelope({ headers: headersOf(request.headers) }))
  if (FORM.has(group) && !DECIDED_ELSEWHERE.has(id)) {
    test(`${id} ${attack}: the form is refused`, () => {
      assert.ok(http_status.includes(statusOf(call) ?? 0), `${codeOf(call)} ${call.flaw?.detail}`)
    })
  }
  if (DECIDED_ELSEWHERE.has(id) || WELL_FORMED.has(group)) {
    test(`${id} ${attack}: the form is accepted and the name is exactly what was sent`, () => {
      assert.equal(call.flaw?.detail, undefined)
      assert.equal(call.resource.name, call.message.body.params?.['name'] ?? call.message.body.params?.['taskId'])
    })
  }
}
