/** `npm start`, as a person runs it: on a copy of the checkout, so that no state is left in this one; and what it printed, read. */
import { execFile, spawn } from 'node:child_process'
import { cp, mkdtemp, readFile, realpath, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { z } from 'zod'

const ROOT = join(import.meta.dirname, '../..')
/** All that it takes to run from source. */
const COPIED = ['bin', 'examples', 'src', 'tools', 'package.json', 'package-lock.json', 'tsconfig.json']
/** What an installation leaves beside its configuration. */
const STATE = ['.portcullis', 'notes']
const START_MS = 60_000
const STOP_MS = 15_000
const COMPLAINT_CHARS = 20_000
/** The last thing that is printed. */
const LAST_LINE = /^ +\.\/bin\/portcullis audit tail .*$/m

const run = promisify(execFile)
const manifest = z.object({ scripts: z.object({ start: z.string() }) })
const issued = z.object({ key: z.string() })
const desktop = z.object({
  mcpServers: z.record(z.string(), z.object({ command: z.string(), args: z.array(z.string()), env: z.record(z.string(), z.string()) })),
})

export type StdioEntry = z.output<typeof desktop>['mcpServers'][string]

/** What stands on the screen. */
export interface Printed {
  readonly endpoints: Readonly<Record<string, string>>
  readonly key: string
  readonly dashboard: string
  readonly curl: string
  /** Of Claude Code, one a server. */
  readonly claude: readonly string[]
  readonly desktop: Readonly<Record<string, StdioEntry>>
}

export interface Quickstart {
  readonly printed: Printed
  /** What the `files` server may show. */
  readonly data: string
  /** With the command that it says to use. */
  createKey(said: { readonly roles: readonly string[]; readonly allow?: readonly string[] }): Promise<string>
  stop(): Promise<void>
}

/** Nothing of ours but what every login has; and no npm, for the copy shares what is installed here. */
function environment(folder: string): Record<string, string> {
  return {
    PATH: [join(process.execPath, '..'), process.env['PATH'] ?? ''].join(delimiter),
    HOME: folder,
    npm_execpath: join(folder, 'no-npm.js'),
    PORTCULLIS_PORT: '0',
  }
}

async function copyCheckout(folder: string): Promise<string> {
  const root = join(folder, 'portcullis')
  for (const name of COPIED) {
    const isOurs = (from: string): boolean => !STATE.some((state) => from.startsWith(join(ROOT, 'examples/quickstart', state)))
    await cp(join(ROOT, name), join(root, name), { recursive: true, filter: isOurs })
  }
  await symlink(join(ROOT, 'node_modules'), join(root, 'node_modules'))
  return root
}

/** The lines under a heading, until a blank one. */
function under(heading: string, text: string): readonly string[] {
  const lines = text.split('\n')
  const from = lines.findIndex((line) => line.startsWith(heading))
  if (from === -1) throw new Error(`${heading} is not printed in:\n${text}`)
  const rest = lines.slice(from + 1)
  return rest.slice(0, rest.indexOf('')).map((line) => line.trim())
}

function read(text: string): Printed {
  const endpoints = under('Portcullis guards:', text).map((line) => line.split(/\s+/, 2))
  return {
    endpoints: Object.fromEntries(endpoints),
    key: under('Your API key', text)[0] ?? '',
    dashboard: under('The dashboard', text)[0] ?? '',
    curl: under('curl:', text).join('\n'),
    claude: under('Claude Code:', text),
    desktop: desktop.parse(JSON.parse(under('Claude Desktop', text).join('\n'))).mcpServers,
  }
}

interface Running {
  readonly text: string
  stop(): Promise<void>
}

async function start(root: string, env: Record<string, string>): Promise<Running> {
  const { scripts } = manifest.parse(JSON.parse(await readFile(join(root, 'package.json'), 'utf8')))
  const [, ...words] = scripts.start.split(' ')
  const child = spawn(process.execPath, words, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let complaint = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-COMPLAINT_CHARS)
  })
  const exited = new Promise<undefined>((resolve) => child.once('exit', () => resolve(undefined)))
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
    await exited
    clearTimeout(timer)
  }
  const said = new Promise<string>((resolve) => {
    let all = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      all += text
      if (LAST_LINE.test(all)) resolve(all)
    })
  })
  const patience = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), START_MS).unref())
  const text = await Promise.race([said, exited, patience])
  if (text !== undefined) return { text, stop }
  await stop()
  throw new Error(`npm start did not come up:\n${complaint}`)
}

export async function startQuickstart(): Promise<Quickstart> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'portcullis-quickstart-')))
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true })
  const env = environment(folder)
  try {
    const root = await copyCheckout(folder)
    const running = await start(root, env)
    const home = join(root, 'examples/quickstart')
    return {
      printed: read(running.text),
      data: join(home, 'data'),
      async createKey({ roles, allow = [] }) {
        const said = [...roles.flatMap((role) => ['--role', role]), ...allow.flatMap((pattern) => ['--allow', pattern])]
        const words = ['keys', 'create', '--name', 'test', ...said, '-c', join(home, 'portcullis.yaml'), '--json']
        const { stdout } = await run(join(root, 'bin/portcullis'), words, { cwd: root, env })
        return issued.parse(JSON.parse(stdout)).key
      },
      async stop() {
        await running.stop()
        await remove()
      },
    }
  } catch (error) {
    await remove()
    throw error
  }
}
