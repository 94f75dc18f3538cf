/** `npm start`: runs the gateway on the example configuration as an operator would, with a first API key, and says how to connect. */
import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { isatty } from 'node:tty'
import { z } from 'zod'
import { describe, type FirstUser, type FirstUsers } from './describe.ts'

const ROOT = join(import.meta.dirname, '../..')
const CLI = join(ROOT, 'src/cli/main.ts')
const BOUND = join(ROOT, 'tools/with-launcher.cjs')
const CONFIG = join(import.meta.dirname, 'portcullis.yaml')
/** What the first key may do; `admin` would be too much for a key that is printed on a screen. */
const FIRST_ROLE = 'user'
const FIRST_USER = 'alice'
/** What the README names where the usual one is taken. */
const OTHER_PORT = 8090
const PORT_MAX = 65_535
/** Who looks at the dashboard. */
const OPERATOR = { name: 'olga', role: 'admin' } as const
const userList = z.array(z.object({ name: z.string() }))
const user = z.object({ name: z.string(), password: z.string() })
const keyList = z.array(z.object({ id: z.string() }))
const issued = z.object({ key: z.string() })
const listening = z.object({ servers: z.record(z.string(), z.string()), admin: z.string() })

/** What went wrong, as a program is told it. */
const failure = z.object({ error: z.object({ message: z.array(z.string()), next: z.string().optional() }) })

/** One line that a command wrote to standard error, for people. */
function tell(line: string): void {
  // Here it is meant to.
  if (line.includes('an installation begins')) return
  if (!line.startsWith('{"error"')) {
    console.error(line)
    return
  }
  const { error: failed } = failure.parse(JSON.parse(line))
  for (const message of failed.message) console.error(`error: ${message}`)
  const isTaken = failed.message.some((message) => message.includes('EADDRINUSE'))
  const next = isTaken ? `Another program listens there. Take other ports: PORTCULLIS_PORT=${otherPort()} npm start` : failed.next
  if (next !== undefined) console.error(`  ${next}`)
}

function portcullis<T>(shape: z.ZodType<T>, ...args: readonly string[]): T {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args, '-c', CONFIG, '--json'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  for (const line of stderr.split('\n')) if (line !== '') tell(line)
  if (status !== 0) process.exit(status ?? 1)
  return shape.parse(JSON.parse(stdout))
}

/** Only an installation without any key gets one: a key is shown once, and nobody needs a second that they did not ask for. */
function firstKey(): string | undefined {
  if (portcullis(keyList, 'keys', 'list').length > 0) return undefined
  return portcullis(issued, 'keys', 'create', '--name', 'first', '--role', FIRST_ROLE).key
}

/** The first people who may sign in, with passwords that are shown this once. */
function firstUsers(): FirstUsers | undefined {
  if (portcullis(userList, 'users', 'list').length > 0) return undefined
  const add = (name: string, role: string): FirstUser => portcullis(user, 'users', 'add', name, '--role', role)
  return { caller: add(FIRST_USER, FIRST_ROLE), operator: add(OPERATOR.name, OPERATOR.role) }
}

/** The dashboard has the next port, where only the first was chosen. */
function chooseAdminPort(): void {
  const chosen = process.env['PORTCULLIS_PORT'] ?? ''
  if (chosen === '') return
  if (!/^\d{1,5}$/.test(chosen) || Number(chosen) >= PORT_MAX) {
    console.error(`error: PORTCULLIS_PORT: expected a port such as ${OTHER_PORT}, not ${JSON.stringify(chosen)}`)
    process.exit(2)
  }
  process.env['PORTCULLIS_ADMIN_PORT'] ??= String(Number(chosen) === 0 ? 0 : Number(chosen) + 1)
}

/** One to try where the first is taken. */
function otherPort(): number {
  const chosen = Number(process.env['PORTCULLIS_PORT'] ?? '')
  return chosen >= OTHER_PORT && chosen + 10 < PORT_MAX ? chosen + 10 : OTHER_PORT
}

/** Starts the gateway; answers where it listens. */
function serve(): Promise<z.output<typeof listening>> {
  // Bound to us as we are to the launcher: whatever ends us ends the gateway.
  const gateway = spawn(process.execPath, ['-r', BOUND, CLI, 'serve', '-c', CONFIG, '--json'], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
  const { stdout, stderr } = gateway
  if (stdout === null || stderr === null) throw new TypeError('a child without pipes')
  createInterface({ input: stderr }).on('line', tell)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    // A terminal sends its Ctrl-C to the gateway as well: passed on, it would arrive twice and cut off what is under way.
    process.on(signal, () => void (signal === 'SIGINT' && isatty(0) ? 0 : gateway.kill(signal)))
  }
  // Not before all that it had to say has been told.
  gateway.once('close', (code) => process.exit(code ?? 1))
  return new Promise((resolve) => {
    let line = ''
    const read = (text: string): void => {
      line += text
      if (!line.includes('\n')) return
      stdout.off('data', read)
      stdout.pipe(process.stdout)
      resolve(listening.parse(JSON.parse(line.slice(0, line.indexOf('\n')))))
    }
    stdout.setEncoding('utf8').on('data', read)
  })
}

chooseAdminPort()
const { servers, admin } = await serve()
// Only now: what is shown once must not be made by a start that fails.
const key = firstKey()
const people = firstUsers()
console.log(describe({ root: ROOT, config: CONFIG, servers, admin, key, people }))
