/** Runs the official conformance suite as a child and reads what it found, check by check. */
import { spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { startEverythingServer } from '../fixtures/everything-server.ts'

const SUITE = join(import.meta.dirname, '../../node_modules/@modelcontextprotocol/conformance/dist/index.js')
/** The suite takes three seconds on an idle machine. */
const SUITE_MS = 240_000
const FOLDER = /^server-(.+)-\d{4}-\d{2}-\d{2}T[\d-]+Z$/

export const REVISIONS = ['2026-07-28', '2025-11-25'] as const
export type Revision = (typeof REVISIONS)[number]

const check = z.object({
  id: z.string(),
  status: z.enum(['SUCCESS', 'FAILURE', 'WARNING', 'SKIPPED', 'INFO']),
  errorMessage: z.string().optional(),
})
export type Status = z.infer<typeof check>['status']

export interface Found {
  readonly status: Status
  readonly message: string
}

export interface Report {
  /** 0 when every scored scenario passes. */
  readonly exitCode: number
  readonly scenarios: readonly string[]
  /** By `scenario:check`, and `#n` for the n-th of the same name; without what the suite only notes (INFO). */
  readonly checks: ReadonlyMap<string, Found>
}

function execute(args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [SUITE, ...args], { stdio: 'ignore', timeout: SUITE_MS })
    child.once('error', reject)
    child.once('exit', (code, signal) => (code === null ? reject(new Error(`the suite was ended by ${signal}`)) : resolve(code)))
  })
}

/** A scenario that could not even be started writes no checks: then that is what was found. */
async function readChecks(file: string): Promise<readonly z.infer<typeof check>[]> {
  try {
    return z.array(check).parse(JSON.parse(await readFile(file, 'utf8')))
  } catch (error) {
    return [{ id: 'could-not-run', status: 'FAILURE', errorMessage: String(error) }]
  }
}

async function readReport(folder: string, exitCode: number): Promise<Report> {
  const checks = new Map<string, Found>()
  const scenarios = new Set<string>()
  for (const name of await readdir(folder)) {
    const scenario = FOLDER.exec(name)?.[1]
    if (scenario === undefined) throw new Error(`the suite wrote ${name}, which is no scenario`)
    scenarios.add(scenario)
    const found = await readChecks(join(folder, name, 'checks.json'))
    const seen = new Map<string, number>()
    for (const { id, status, errorMessage } of found) {
      if (status === 'INFO') continue
      const count = (seen.get(id) ?? 0) + 1
      seen.set(id, count)
      checks.set(count === 1 ? `${scenario}:${id}` : `${scenario}:${id}#${count}`, { status, message: errorMessage ?? '' })
    }
  }
  return { exitCode, scenarios: [...scenarios].sort(), checks }
}

/** Runs what a revision requires, and what the suite runs beside it, against a server. */
export async function runSuite(url: string, revision: Revision): Promise<Report> {
  const folder = await mkdtemp(join(tmpdir(), 'portcullis-conformance-'))
  try {
    const exitCode = await execute(['server', '--url', url, '--requirements', revision, '-o', folder])
    return await readReport(folder, exitCode)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const direct = new Map<Revision, Promise<Report>>()

/** What the suite finds of the fixture with nothing between, found once for all tests that compare with it. */
export function directReport(revision: Revision): Promise<Report> {
  const report = direct.get(revision) ?? runDirect(revision)
  direct.set(revision, report)
  return report
}

async function runDirect(revision: Revision): Promise<Report> {
  const fixture = await startEverythingServer()
  try {
    return await runSuite(fixture.url, revision)
  } finally {
    await fixture.close()
  }
}

export const count = (report: Report, status: Status): number =>
  [...report.checks.values()].filter((found) => found.status === status).length

const RANK: Readonly<Record<Status, number>> = { SUCCESS: 0, INFO: 0, WARNING: 1, SKIPPED: 2, FAILURE: 3 }

/** The checks that did worse in `second` than in `first`, with the reason; a check that is missing there is worse. */
export function regressions(first: Report, second: Report): readonly string[] {
  return [...first.checks].flatMap(([name, before]) => {
    const after = second.checks.get(name)
    if (after !== undefined && RANK[after.status] <= RANK[before.status]) return []
    return [`${name}: ${before.status} → ${after?.status ?? 'not run'} ${after?.message ?? ''}`]
  })
}
