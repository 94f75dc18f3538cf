/** The official suite's scenarios for clients, with a client made of the agent's side: every one about authorization passes, check by check. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { parse } from 'yaml'
import { z } from 'zod'
import { REVISIONS, type Revision } from './suite.ts'

const SUITE = join(import.meta.dirname, '../../node_modules/@modelcontextprotocol/conformance/dist/index.js')
const CLIENT = join(import.meta.dirname, 'agent-client.ts')
/** A scenario takes two seconds on an idle machine. */
const SUITE_MS = 90_000
const CLIENT_MS = 60_000

const CHECKS = z.array(
  z.object({ id: z.string(), errorMessage: z.string().optional(), status: z.enum(['SUCCESS', 'FAILURE', 'WARNING', 'SKIPPED', 'INFO']) }),
)

/** Runs one scenario; whatever was not a success fails. @returns how many checks succeeded. */
async function mustPass(t: TestContext, scenario: string, more: readonly string[] = []): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-conformance-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const args = ['client', '--command', `${process.execPath} ${CLIENT}`, '--scenario', scenario, ...more, '-o', folder]
  const child = spawn(process.execPath, [SUITE, ...args, '--timeout', String(CLIENT_MS)], { stdio: 'ignore', timeout: SUITE_MS })
  await new Promise((resolve, reject) => child.once('error', reject).once('exit', resolve))
  const files = globSync('**/checks.json', { cwd: folder })
  assert.equal(files.length, 1, scenario)
  const checks = CHECKS.parse(JSON.parse(readFileSync(join(folder, files[0] ?? ''), 'utf8'))).filter(({ status }) => status !== 'INFO')
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

// One after the other: the suite's own `--requirements` starts all of them at once, and then measures the machine.
for (const revision of REVISIONS) {
  test(`every scenario about authorization that ${revision} requires of a client passes`, async (t) => {
    const scenarios = requiredBy(revision)
    assert.equal(scenarios.length, REQUIRED[revision].scenarios)
    let checks = 0
    for (const scenario of scenarios) checks += await mustPass(t, scenario, ['--spec-version', revision])
    t.diagnostic(`${revision}: ${scenarios.length} scenarios, ${checks} checks`)
    assert.ok(checks >= REQUIRED[revision].checks, `${checks} checks`)
  })
}

/** The extensions, and what revision 2025-03-26 had instead of discovery. */
const BESIDE: Readonly<Record<string, number>> = {
  'auth/client-credentials-jwt': 10,
  'auth/client-credentials-basic': 10,
  'auth/enterprise-managed-authorization': 11,
  'auth/dpop': 12,
  'auth/dpop-nonce': 14,
  'auth/wif-jwt-bearer': 10,
  'auth/2025-03-26-oauth-metadata-backcompat': 13,
  'auth/2025-03-26-oauth-endpoint-fallback': 8,
}

for (const [scenario, least] of Object.entries(BESIDE)) {
  test(`scenario ${scenario} passes`, async (t) => {
    const checks = await mustPass(t, scenario)
    t.diagnostic(`${scenario}: ${checks} checks`)
    assert.ok(checks >= least, `${checks} checks`)
  })
}

test('the suite would tell: a client that never signs in fails', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-conformance-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const args = ['client', '--command', `${process.execPath} -e 0`, '--scenario', 'auth/metadata-default', '-o', folder]
  const child = spawn(process.execPath, [SUITE, ...args], { stdio: 'ignore', timeout: SUITE_MS })
  assert.notEqual(await new Promise((resolve) => child.once('exit', resolve)), 0)
})
