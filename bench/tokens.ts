/** What it costs to know a caller by an access token: the first time, and from then on, beside an API key. In this process, CPU time of all its threads. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { parseConfig } from '../src/config/load.ts'
import type { Credential } from '../src/core/principal.ts'
import { Secret } from '../src/core/secret.ts'
import { type House, openHouse } from '../src/guard/create.ts'
import { parseCall } from '../src/mcp/parse.ts'
import { isSigned } from '../src/trust/jwk.ts'
import { ALGS, type BenchIssuer, type IssuerAlg, startIssuer } from './issuer.ts'
import { median, type Recognition } from './report.ts'
import { BODY, HEADERS } from './variants.ts'

const PUBLIC_URL = 'https://bench.example'
const AUDIENCE = `${PUBLIC_URL}/mcp/bench`
const WARM_UP_ROUNDS = 2

const configOf = (issuer: string): string =>
  JSON.stringify({
    publicUrl: PUBLIC_URL,
    servers: { bench: { url: 'http://127.0.0.1:1/mcp' } },
    authentication: { issuers: [{ issuer, allowPrivate: true, roles: { claim: 'roles', map: { bench: 'bench' } } }] },
    access: { roles: { bench: { permissions: ['bench:call'] } }, tools: { 'bench/*': { permission: 'bench:call' } } },
  })

interface Way {
  readonly name: string
  /** Makes what a round needs, uncounted, and answers what is counted. */
  prepare(count: number): () => Promise<void>
}

/** CPU time of one of `count`, microseconds. */
async function cpuOf(way: Way, count: number): Promise<number> {
  const run = way.prepare(count)
  await turn()
  const before = process.cpuUsage()
  await run()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / count
}

function waysOf(house: House, key: Secret, issuer: BenchIssuer): readonly Way[] {
  const signal = new AbortController().signal
  const { clock, newId, stations } = house
  const facts = {
    id: newId(),
    server: 'bench',
    transport: 'http',
    headers: HEADERS,
    receivedAt: clock(),
    signal,
    limits: { maxDepth: 64 },
  } as const
  const call = parseCall(Buffer.from(BODY), facts)
  const again = (credential: Credential, count: number) => async (): Promise<void> => {
    for (let index = 0; index < count; index++) await stations.identify([credential], call)
  }
  const known: Credential = { scheme: 'bearer', secret: new Secret(issuer.token('ES256', AUDIENCE).text) }
  /** Each in a turn of its own, as requests come: within one turn only a few are verified on this thread. */
  const first = (alg: IssuerAlg): Way => ({
    name: `a token seen for the first time, ${alg}`,
    prepare(count) {
      const tokens = Array.from({ length: count }, (): Credential => {
        return { scheme: 'bearer', secret: new Secret(issuer.token(alg, AUDIENCE).text) }
      })
      return async () => {
        for (const credential of tokens) {
          await stations.identify([credential], call)
          await turn()
        }
      }
    },
  })
  const bare = (alg: IssuerAlg): Way => ({
    name: `its signature alone, ${alg}`,
    prepare(count) {
      const tokens = Array.from({ length: count }, () => issuer.token(alg, AUDIENCE))
      return async () => {
        for (const { signed, signature } of tokens) {
          if (!isSigned(alg, issuer.keyOf(alg), signed, signature)) throw new Error('a good signature was not taken')
          await turn()
        }
      }
    },
  })
  return [
    { name: 'an API key', prepare: (count) => again({ scheme: 'api-key', secret: key }, count) },
    { name: 'a remembered token', prepare: (count) => again(known, count) },
    ...ALGS.flatMap((alg) => [first(alg), bare(alg)]),
  ]
}

/** Every round visits every way, and each round starts with another one. */
async function compare(ways: readonly Way[], rounds: number, count: number): Promise<readonly Recognition[]> {
  const figures = ways.map((): number[] => [])
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    for (let step = 0; step < ways.length; step++) {
      const index = (round + WARM_UP_ROUNDS + step) % ways.length
      const way = ways[index]
      if (way === undefined) continue
      const us = await cpuOf(way, count)
      if (round >= 0) figures[index]?.push(us)
    }
  }
  const base = figures[0] ?? []
  return ways.map(({ name }, index) => {
    const own = figures[index] ?? []
    return { name, cpuUs: median(own), ratio: median(own.map((us, round) => us / (base[round] ?? Number.NaN))) }
  })
}

export async function measureRecognition(isQuick: boolean): Promise<readonly Recognition[]> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-tokens-'))
  const issuer = await startIssuer()
  const config = parseConfig(configOf(issuer.url), { file: join(folder, 'portcullis.yaml'), environment: {} })
  const house = openHouse(config, { node: 'bench', onFault: (fault) => console.error(fault) })
  house.serveAt((server) => [`${PUBLIC_URL}/mcp/${server}`])
  try {
    const { text } = await house.keys.create({ name: 'bench', roles: ['bench'], createdBy: 'bench' })
    return await compare(waysOf(house, text, issuer), isQuick ? 3 : 9, isQuick ? 300 : 1_000)
  } finally {
    await house.close()
    await issuer.end()
    rmSync(folder, { recursive: true, force: true })
  }
}
