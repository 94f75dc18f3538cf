/** What each station costs: the real ones, with a store in a file, called in a loop. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseConfig } from '../src/config/load.ts'
import type { Call } from '../src/core/call.ts'
import type { JsonObject } from '../src/core/json.ts'
import type { Credential, Principal } from '../src/core/principal.ts'
import type { Secret } from '../src/core/secret.ts'
import { type House, openHouse } from '../src/guard/create.ts'
import { type Forward, pass, type Stations } from '../src/guard/guard.ts'
import { createScreen } from '../src/inspect/input.ts'
import type { Kind } from '../src/inspect/kinds.ts'
import { allowanceHeaders } from '../src/mcp/allowance.ts'
import { parseCall, parseMessage } from '../src/mcp/parse.ts'
import type { Station } from './report.ts'
import { answer, TOOL } from './servers/answer.ts'
import { BODY, LIMITS as GENEROUS, HEADERS } from './variants.ts'

/** As many calls wait for the journal at once as the widest level of the benchmark has connections. */
const AT_ONCE = 64
const LIMITS = { maxDepth: 64 }
const BATCHES = 7
const NOTHING = { limit: '', quota: 0, windowMs: 0, remaining: 0, resetMs: 0 }

const CONFIG = JSON.stringify({
  servers: { bench: { url: 'http://127.0.0.1:1/mcp' } },
  access: { roles: { bench: { permissions: ['bench:call'] } }, tools: { 'bench/*': { permission: 'bench:call' } } },
  limits: GENEROUS,
})

/** Microseconds for one of `count` turns: the quickest of several batches, because whatever else the machine does can only add. */
export async function timed(count: number, turn: (index: number) => unknown): Promise<number> {
  let best = Number.POSITIVE_INFINITY
  let index = 0
  for (let batch = 0; batch < BATCHES; batch++) {
    const startedAt = performance.now()
    for (const end = index + count; index < end; index++) {
      const result = turn(index)
      if (result instanceof Promise) await result
    }
    best = Math.min(best, (1000 * (performance.now() - startedAt)) / count)
  }
  return best
}

/** The same, many at once. */
async function timedTogether(count: number, turn: () => Promise<unknown>): Promise<number> {
  const rounds = Math.ceil(count / AT_ONCE)
  return (await timed(rounds, () => Promise.all(Array.from({ length: AT_ONCE }, turn)))) / AT_ONCE
}

async function measure(house: House, key: Secret, count: number): Promise<readonly Station[]> {
  const { stations, law, limits } = house
  const bytes = Buffer.from(BODY)
  const answered = Buffer.from(answer(BODY))
  const signal = new AbortController().signal
  const credentials: readonly Credential[] = [{ scheme: 'api-key', secret: key }]
  const read = (): Call =>
    parseCall(bytes, {
      id: house.newId(),
      server: 'bench',
      transport: 'http',
      headers: HEADERS,
      receivedAt: house.clock(),
      signal,
      limits: LIMITS,
      address: '127.0.0.1',
    })
  const call = read()
  if (call.flaw !== undefined) throw call.flaw
  const principal: Principal = await stations.identify(credentials, call)
  const decision = stations.decide(principal, call, [])
  const message = parseMessage(answered, LIMITS)
  const trail = { findings: [], principal, decision }
  const record = async (): Promise<void> => {
    await stations.begin(call, { ...trail })
    await stations.end(call, { ...trail, answered: 'ok' })
  }
  async function* forward(): AsyncGenerator<typeof message> {
    yield message
  }
  const enforce = (): unknown => {
    const charged = stations.enforce(decision, principal, call, [], forward)
    limits.end(call)
    return charged
  }
  const walk = async (): Promise<void> => {
    for await (const _ of pass(stations, read(), credentials, forward)) {
      // What may leave is not written anywhere: the line alone is measured.
    }
  }
  const unknown = (index: number): unknown =>
    law.decide({
      principal,
      action: 'call',
      resource: { kind: 'tool', server: 'bench', name: `${TOOL}-${index}` },
      context: { approved: false, confirmed: false, findings: [], input: {} },
    })
  return [
    { name: 'parse a request, headers held against the body', us: await timed(count, read) },
    { name: 'identify: an API key', us: await timed(count, () => stations.identify(credentials, call)) },
    ...(await measureInspection(stations, principal, call, count)),
    { name: 'decide, remembered', us: await timed(count, () => stations.decide(principal, call, [])) },
    { name: 'decide, a tool not met before', us: await timed(Math.ceil(count / 20), unknown) },
    { name: 'limit: the address', us: await timed(count, () => limits.admit(call)) },
    { name: 'enforce, eight limits', us: await timed(count, enforce) },
    {
      name: 'limit: what is left, as headers',
      us: await timed(count, () => allowanceHeaders(limits.allowanceOf(principal, '127.0.0.1') ?? NOTHING)),
    },
    { name: 'parse an answer', us: await timed(count, () => parseMessage(answered, LIMITS)) },
    { name: 'release', us: await timed(count, () => stations.release(message, principal, call)) },
    { name: `record begin and end, ${AT_ONCE} calls at once`, us: await timedTogether(count, record) },
    { name: 'record begin and end, one call at a time', us: await timed(Math.ceil(count / 10), record) },
    { name: `the whole line, ${AT_ONCE} calls at once`, us: await timedTogether(count, walk) },
  ]
}

/** A tool with an ordinary schema and one with a hostile pattern, on short arguments and on 100 kB of them. */
async function measureInspection(stations: Stations, principal: Principal, call: Call, count: number): Promise<readonly Station[]> {
  const text = { type: 'string', maxLength: 1_000_000 }
  const tools = [
    { name: TOOL, inputSchema: { type: 'object', properties: { text }, required: ['text'], additionalProperties: false } },
    { name: 'hostile', inputSchema: { type: 'object', properties: { text: { type: 'string', pattern: '^([ab]+c?)+$' } } } },
    { name: 'costly', inputSchema: { type: 'object', properties: { text: { type: 'string', pattern: '[ab]*a[ab]{200}c' } } } },
    {
      name: 'rows',
      inputSchema: { type: 'object', properties: { rows: { type: 'array', items: { type: 'object', properties: { text } } } } },
    },
  ]
  const list: Call = { ...call, method: 'tools/list', action: 'list', resource: { kind: 'server', server: 'bench', name: 'bench' } }
  await stations.release({ body: { jsonrpc: '2.0', id: 1, result: { resultType: 'complete', tools } } }, principal, list)
  const inspect = (name: string, args: JsonObject): (() => unknown) => {
    const asked: Call = { ...call, resource: { kind: 'tool', server: 'bench', name }, arguments: args }
    return () => stations.inspect(asked, principal, NOBODY)
  }
  const few = Math.ceil(count / 100)
  const large = `${'ab'.repeat(50_000)}!`
  const rows = Array.from({ length: 2_000 }, () => ({ text: 'x'.repeat(36) }))
  return [
    { name: 'inspect: schema, 400 bytes', us: await timed(count, inspect(TOOL, call.arguments)) },
    { name: 'inspect: schema, one text of 100 kB', us: await timed(few, inspect(TOOL, { text: large })) },
    { name: 'inspect: schema, 2 000 objects of 50 bytes', us: await timed(few, inspect('rows', { rows })) },
    { name: 'inspect: a hostile pattern, 100 kB', us: await timed(few, inspect('hostile', { text: large })) },
    { name: 'inspect: a pattern that is dear, 9 kB', us: await timed(few, inspect('costly', { text: `${'abb'.repeat(3_000)}c` })) },
    { name: 'inspect: the same, 100 kB, given up', us: await timed(few, inspect('costly', { text: `${large}c` })) },
  ]
}

/** The definitions are known: nobody is asked. */
const NOBODY: Forward = () => {
  throw new Error('a server was asked')
}

/** An honest text of some length, as a caller would send it for each kind. */
const SCREENED: readonly (readonly [kind: Kind, text: string])[] = [
  ['text', 'The committee met on Tuesday, and decided to select another table. '],
  ['path', 'reports/2026/autumn/'],
  ['sql', "SELECT name, count(*) FROM orders WHERE city = 'Oslo' GROUP BY name UNION ALL "],
  ['html', '<p class="lead">Hello <b>world</b>, <a href="https://example.com/a?b=c">read on</a>.</p> '],
]
const SCREENED_CHARS = [400, 100_000] as const

/** The screening of one argument, by kind and length. */
async function measureScreening(count: number): Promise<readonly Station[]> {
  const stations: Station[] = []
  for (const [kind, text] of SCREENED) {
    const screen = createScreen({ level: 'standard', tools: { [TOOL]: { arguments: { value: { kind } } } } })({
      server: 'bench',
      name: TOOL,
    })
    for (const chars of SCREENED_CHARS) {
      // No path and no statement is so long as to be read to its end.
      if (chars > 4_096 && (kind === 'path' || kind === 'sql')) continue
      const args = { value: text.repeat(Math.ceil(chars / text.length)).slice(0, chars) }
      const turns = chars > 4_096 ? Math.ceil(count / 100) : count
      stations.push({ name: `screen ${chars} characters of ${kind}`, us: await timed(turns, () => screen(args)) })
    }
  }
  return stations
}

export async function measureStations(isQuick: boolean): Promise<readonly Station[]> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-stations-'))
  const config = parseConfig(CONFIG, { file: join(folder, 'portcullis.yaml'), environment: {} })
  const house = openHouse(config, { node: 'bench', onFault: (fault) => console.error(fault) })
  try {
    const { text } = await house.keys.create({ name: 'bench', roles: ['bench'], createdBy: 'bench' })
    const count = isQuick ? 1_000 : 5_000
    return [...(await measure(house, text, count)), ...(await measureScreening(count))]
  } finally {
    await house.close()
    rmSync(folder, { recursive: true, force: true })
  }
}
