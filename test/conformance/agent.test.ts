/** The official suite's scenarios for clients, with a client made of the agent's side: every one about authorization passes, check by check. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, type TestContext, test } from 'node:test'
import { parse } from 'yaml'
import { z } from 'zod'
import { meet } from './agent-client.ts'
import { REVISIONS, type Revision } from './suite.ts'

const SUITE = join(import.meta.dirname, '../../node_modules/@modelcontextprotocol/conformance/dist/index.js')
/** A run of many scenarios takes ten seconds on an idle machine. */
const SUITE_MS = 150_000
/** A client's patience includes that of all the clients in front of it. */
const CLIENT_MS = 120_000

const CHECKS = z.array(
  z.object({ id: z.string(), errorMessage: z.string().optional(), status: z.enum(['SUCCESS', 'FAILURE', 'WARNING', 'SKIPPED', 'INFO']) }),
)
type Checks = z.infer<typeof CHECKS>

/**
 * The suite starts a client as a command line, and all scenarios at once. Each of our clients would load the agent's side anew, and
 * together they would measure the machine. So the command line only asks us, and we meet the servers in this process, one after the other.
 */
let last: Promise<unknown> = Promise.resolve()

async function take(request: IncomingMessage): Promise<void> {
  const asked = new URLSearchParams(await text(request))
  const scenario = asked.get('scenario') ?? ''
  if (!scenario.startsWith('auth/')) throw new RangeError(`${scenario} is not about authorization`)
  const turn = last.then(() => meet(new URL(asked.get('server') ?? ''), scenario, asked.get('context') ?? ''))
  last = turn.catch(() => undefined)
  await turn
}

const door = createServer((request, response) => {
  take(request).then(
    () => response.end(),
    (error: unknown) => response.writeHead(500).end(String(error)),
  )
})

before(async () => {
  await once(door.listen(0, '127.0.0.1'), 'listening')
})
after(() => door.close())

/** What the suite's shell runs, with the URL of its server as the last word. */
function command(): string {
  const { port } = door.address() as AddressInfo
  const said = ['server=$1', 'scenario=$MCP_CONFORMANCE_SCENARIO', 'context=$MCP_CONFORMANCE_CONTEXT']
  const words = said.map((pair) => `--data-urlencode "${pair}"`).join(' ')
  return `ask() { curl --silent --show-error --fail-with-body ${words} http://127.0.0.1:${port}/; }; ask`
}

/** Runs the suite's clients. @returns what it found, by scenario, without what it only notes. */
async function run(t: TestContext, args: readonly string[]): Promise<ReadonlyMap<string, Checks>> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-conformance-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const all = ['client', '--command', command(), ...args, '-o', folder, '--timeout', String(CLIENT_MS)]
  const child = spawn(process.execPath, [SUITE, ...all], { stdio: 'ignore', timeout: SUITE_MS })
  await new Promise((resolve, reject) => child.once('error', reject).once('exit', resolve))
  const files = globSync('**/checks.json', { cwd: folder })
  return new Map(
    files.map((file): [string, Checks] => [
      dirname(file).replace(/-\d{4}-\d{2}-\d{2}T[\d-]+Z$/, ''),
      CHECKS.parse(JSON.parse(readFileSync(join(folder, file), 'utf8'))).filter(({ status }) => status !== 'INFO'),
    ]),
  )
}

/** Whatever was not a success fails. @returns how many checks succeeded. */
function mustPass(found: ReadonlyMap<string, Checks>, scenario: string): number {
  const checks = found.get(scenario)
  assert.ok(checks !== undefined, `${scenario} was not run`)
  assert.deepEqual(
    checks.filter(({ status }) => status !== 'SUCCESS'),
    [],
    scenario,
  )
  return checks.length
}

const REQUIREMENTS = z.object({ client: z.array(z.string()) })

/** What a revision requires of clients about authorization, as the suite has frozen it. */
function requiredBy(revision: Revision): readonly string[] {
  const file = join(SUITE, `../../requirements/${revision}.yaml`)
  return REQUIREMENTS.parse(parse(readFileSync(file, 'utf8'))).client.filter((scenario) => scenario.startsWith('auth/'))
}

/** How many there are, and how many checks at least must have been made in all of them: a check that is not made does not pass. */
const REQUIRED: Readonly<Record<Revision, { readonly scenarios: number; readonly checks: number }>> = {
  '2026-07-28': { scenarios: 25, checks: 366 },
  '2025-11-25': { scenarios: 14, checks: 259 },
}

for (const revision of REVISIONS) {
  test(`every scenario about authorization that ${revision} requires of a client passes`, async (t) => {
    const scenarios = requiredBy(revision)
    assert.equal(scenarios.length, REQUIRED[revision].scenarios)
    const found = await run(t, ['--requirements', revision])
    let checks = 0
    for (const scenario of scenarios) checks += mustPass(found, scenario)
    t.diagnostic(`${revision}: ${scenarios.length} scenarios, ${checks} checks`)
    assert.ok(checks >= REQUIRED[revision].checks, `${checks} checks`)
  })
}

test('every scenario of the suite auth passes', async (t) => {
  const found = await run(t, ['--suite', 'auth'])
  let checks = 0
  for (const scenario of found.keys()) checks += mustPass(found, scenario)
  t.diagnostic(`${found.size} scenarios, ${checks} checks`)
  assert.ok(found.size >= 14 && checks >= 259, `${found.size} scenarios, ${checks} checks`)
})

/** The extensions, and what revision 2025-03-26 had instead of discovery: by the suite that runs them, how many checks at least. */
const BESIDE: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  extensions: {
    'auth/client-credentials-jwt': 10,
    'auth/client-credentials-basic': 10,
    'auth/enterprise-managed-authorization': 11,
    'auth/dpop': 12,
    'auth/dpop-nonce': 14,
    'auth/wif-jwt-bearer': 10,
  },
  backcompat: {
    'auth/2025-03-26-oauth-metadata-backcompat': 13,
    'auth/2025-03-26-oauth-endpoint-fallback': 8,
  },
}

for (const [suite, scenarios] of Object.entries(BESIDE)) {
  test(`every scenario of the suite ${suite} passes: ${Object.keys(scenarios).join(', ')}`, async (t) => {
    const found = await run(t, ['--suite', suite])
    for (const [scenario, least] of Object.entries(scenarios)) {
      const checks = mustPass(found, scenario)
      t.diagnostic(`${scenario}: ${checks} checks`)
      assert.ok(checks >= least, `${checks} checks`)
    }
    assert.deepEqual([...found.keys()].sort(), Object.keys(scenarios).sort())
  })
}

test('the suite would tell: a client that never signs in fails', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-conformance-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const args = ['client', '--command', `${process.execPath} -e 0`, '--scenario', 'auth/metadata-default', '-o', folder]
  const child = spawn(process.execPath, [SUITE, ...args], { stdio: 'ignore', timeout: SUITE_MS })
  assert.notEqual(await new Promise((resolve) => child.once('exit', resolve)), 0)
})
