/** What it costs to look at what leaves: answers of three sizes and of several kinds, put through the real station. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseConfig } from '../src/config/load.ts'
import type { Call } from '../src/core/call.ts'
import type { JsonObject } from '../src/core/json.ts'
import type { Principal } from '../src/core/principal.ts'
import { openHouse } from '../src/guard/create.ts'
import { parseMessage } from '../src/mcp/parse.ts'
import type { Station } from './report.ts'
import { timed } from './stations.ts'

const SIZES = [400, 1_000, 100_000, 1_000_000] as const
const PROSE = 'The committee met on Tuesday, and decided to select another table. "It is 12:30", said Mr. Smith-Jones. '
const ROW = { id: 17, name: 'Row 17', created: '2026-11-27T04:43:05Z', uuid: '3f2504e0-4f89-11d3-9a0c-0305e82c3301', price: 12.5 }
/** Of the right form, and nobody's. */
const TOKEN = 'ghp_7hRk2mQx9TzB4vLc8WsN3dYf6JgP1aEuK5oC'

const prose = (size: number): string => PROSE.repeat(Math.ceil(size / PROSE.length)).slice(0, size)
const KINDS: Readonly<Record<string, (size: number) => JsonObject>> = {
  prose: (size) => ({ content: [{ type: 'text', text: prose(size) }] }),
  'rows of data': (size) => ({ content: [], structuredContent: { rows: Array.from({ length: Math.ceil(size / 120) }, () => ROW) } }),
  'a picture': (size) => ({
    content: [
      {
        type: 'image',
        mimeType: 'image/png',
        data: Buffer.from(Uint8Array.from({ length: Math.ceil((size * 3) / 4) }, (_, at) => at * at * 167 + at)).toString('base64'),
      },
    ],
  }),
  'prose with a credential in it': (size) => ({ content: [{ type: 'text', text: `${prose(size - 50)} ${TOKEN}` }] }),
}

const CALL: Call = {
  id: 'bench',
  method: 'tools/call',
  action: 'call',
  resource: { kind: 'tool', server: 'bench', name: 'read' },
  arguments: {},
  message: { body: { jsonrpc: '2.0', id: 1, method: 'tools/call' } },
  origin: { transport: 'http', era: 'modern', revision: '2026-07-28' },
  receivedAt: 0,
  signal: new AbortController().signal,
}
const WHO: Principal = { kind: 'service', issuer: 'key', subject: 'bench', actors: [], roles: ['bench'], claims: {} }

const configOf = (inspect: JsonObject): string =>
  JSON.stringify({
    store: ':memory:',
    servers: { bench: { url: 'http://127.0.0.1:1/mcp' } },
    access: { roles: { bench: { permissions: ['bench:call'] } }, tools: { 'bench/*': { permission: 'bench:call' } } },
    limits: { response: { maxBytes: '64MiB', perMinute: '1000GiB' } },
    inspect,
  })
const OFF = { output: { secrets: 'off', internals: 'off', links: 'off' } }

/** Microseconds an answer, less what the same station takes when it looks at nothing. */
export async function measureRelease(isQuick: boolean): Promise<readonly Station[]> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-release-'))
  const open = (inspect: JsonObject) =>
    openHouse(parseConfig(configOf(inspect), { file: join(folder, 'portcullis.yaml'), environment: {} }), {
      node: 'bench',
      onFault: (fault) => console.error(fault),
    })
  const looking = open({})
  const blind = open(OFF)
  const rows: Station[] = []
  try {
    for (const [kind, resultOf] of Object.entries(KINDS)) {
      for (const size of SIZES) {
        const bytes = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, result: { resultType: 'complete', ...resultOf(size) } }))
        const message = parseMessage(bytes, { maxDepth: 64, maxMembers: 1_000_000 })
        const count = Math.max(5, Math.ceil((isQuick ? 1_000 : 5_000) * Math.min(1, 2_000 / size)))
        const seen = await timed(count, () => looking.stations.release(message, WHO, CALL))
        const unseen = await timed(count, () => blind.stations.release(message, WHO, CALL))
        rows.push({ name: `${kind}, ${size} characters`, us: Math.max(0, seen - unseen) })
      }
    }
    return rows
  } finally {
    await looking.close()
    await blind.close()
    rmSync(folder, { recursive: true, force: true })
  }
}
