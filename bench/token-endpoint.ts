/** What it costs to issue tokens: a gateway that is its own authorization server, asked over connections from many addresses, because each has a limit. */
import { Agent, request } from 'node:http'
import { Browser, pkce, REDIRECT } from '../test/oauth/world.ts'
import { cpuUs } from './children.ts'
import { type Issued, median } from './report.ts'
import type { Issuing } from './variants.ts'

const CONNECTIONS = 8
/** People sign in again and again from one address, which may begin so 120 times at once. */
const CODES_A_ROUND = 12

type Answer = Readonly<Record<string, unknown>>
type Fields = Readonly<Record<string, string>>

/** One connection from an address of its own. */
class Asker {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })
  readonly #port: number
  readonly #from: string

  constructor(port: number, from: string) {
    this.#port = port
    this.#from = from
  }

  ask(fields: Fields, authorization?: string): Promise<Answer> {
    const body = new URLSearchParams(fields).toString()
    const headers = {
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': body.length,
      ...(authorization === undefined ? {} : { authorization }),
    }
    return new Promise((resolve, reject) => {
      const place = {
        host: '127.0.0.1',
        port: this.#port,
        localAddress: this.#from,
        agent: this.#agent,
        path: '/token',
        method: 'POST',
        headers,
      }
      const asked = request(place, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString()
          if (response.statusCode === 200) resolve(JSON.parse(text))
          else reject(new Error(`the token endpoint said ${response.statusCode}: ${text}`))
        })
      })
      asked.on('error', reject)
      asked.end(body)
    })
  }

  end(): void {
    this.#agent.destroy()
  }
}

interface Code {
  readonly code: string
  readonly verifier: string
}

/** A person who has signed in once, and allows it each time. */
class Person {
  readonly #browser = new Browser()
  readonly #issuing: Issuing

  constructor(issuing: Issuing) {
    this.#issuing = issuing
  }

  async codes(count: number): Promise<readonly Code[]> {
    const codes: Code[] = []
    for (let index = 0; index < count; index++) {
      const { verifier, challenge } = pkce()
      const url = new URL(`${this.#issuing.url}/authorize`)
      url.search = new URLSearchParams({
        response_type: 'code',
        client_id: this.#issuing.app,
        redirect_uri: REDIRECT,
        resource: this.#issuing.resource,
        code_challenge: challenge,
        code_challenge_method: 'S256',
      }).toString()
      codes.push({ code: (await this.#browser.agree(url.href)).searchParams.get('code') ?? '', verifier })
    }
    return codes
  }
}

interface Grant {
  readonly name: string
  /** What a round needs, uncounted. Answers one request after another for each asker, until there is none left. */
  prepare(): Promise<(asker: Asker, index: number) => Promise<Answer> | undefined>
}

function grantsOf(issuing: Issuing, person: Person, chains: string[]): readonly Grant[] {
  const { machine, resource, app } = issuing
  const basic = `Basic ${Buffer.from(`${machine.id}:${machine.secret}`).toString('base64')}`
  const redeem = ({ code, verifier }: Code): Fields => {
    return { grant_type: 'authorization_code', client_id: app, code, code_verifier: verifier, redirect_uri: REDIRECT }
  }
  const renew = async (asker: Asker, index: number): Promise<Answer> => {
    const answer = await asker.ask({ grant_type: 'refresh_token', client_id: app, refresh_token: chains[index] ?? '' })
    chains[index] = String(answer['refresh_token'])
    return answer
  }
  return [
    {
      name: 'client credentials',
      prepare: async () => (asker) => asker.ask({ grant_type: 'client_credentials', resource }, basic),
    },
    {
      name: 'refresh, rotated',
      async prepare() {
        if (chains.length > 0) return renew
        const asker = new Asker(issuing.port, '127.0.0.1')
        for (const code of await person.codes(CONNECTIONS)) chains.push(String((await asker.ask(redeem(code)))['refresh_token']))
        asker.end()
        return renew
      },
    },
    {
      name: 'code with PKCE',
      async prepare() {
        const codes = [...(await person.codes(CODES_A_ROUND))]
        return (asker) => {
          const code = codes.pop()
          return code === undefined ? undefined : asker.ask(redeem(code))
        }
      },
    },
  ]
}

interface Tally {
  requests: number
  cpuUs: number
  readonly perSecond: number[]
  readonly latenciesUs: number[]
}

async function measure(issuing: Issuing, grant: Grant, network: number, ms: number, tally?: Tally): Promise<void> {
  const next = await grant.prepare()
  const askers = Array.from({ length: CONNECTIONS }, (_, index) => new Asker(issuing.port, `127.1.${network}.${index + 1}`))
  const latencies: number[] = []
  const before = cpuUs(issuing.pid)
  const startedAt = performance.now()
  await Promise.all(
    askers.map(async (asker, index) => {
      while (performance.now() - startedAt < ms) {
        const askedAt = performance.now()
        const answered = next(asker, index)
        if (answered === undefined) return
        if (typeof (await answered)['access_token'] !== 'string') throw new Error(`${grant.name}: an answer without a token`)
        latencies.push(1000 * (performance.now() - askedAt))
      }
    }),
  )
  const seconds = (performance.now() - startedAt) / 1000
  const after = cpuUs(issuing.pid)
  for (const asker of askers) asker.end()
  if (tally === undefined) return
  tally.requests += latencies.length
  tally.cpuUs += (after ?? Number.NaN) - (before ?? Number.NaN)
  tally.perSecond.push(latencies.length / seconds)
  tally.latenciesUs.push(median(latencies))
}

/** Every round visits every grant, and each round starts with another one. */
export async function measureIssuing(issuing: Issuing, rounds: number, ms: number, warmUpMs: number): Promise<readonly Issued[]> {
  const grants = grantsOf(issuing, new Person(issuing), [])
  let network = 0
  for (const grant of grants) await measure(issuing, grant, network++, warmUpMs)
  const tallies = grants.map((): Tally => ({ requests: 0, cpuUs: 0, perSecond: [], latenciesUs: [] }))
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < grants.length; turn++) {
      const index = (round + turn) % grants.length
      const grant = grants[index]
      if (grant !== undefined) await measure(issuing, grant, network++, ms, tallies[index])
    }
  }
  return grants.map(({ name }, index) => {
    const { requests, cpuUs: used, perSecond, latenciesUs } = tallies[index] ?? { requests: 0, cpuUs: 0, perSecond: [], latenciesUs: [] }
    return { name, connections: CONNECTIONS, perSecond: median(perSecond), medianUs: median(latenciesUs), cpuUs: used / requests }
  })
}
