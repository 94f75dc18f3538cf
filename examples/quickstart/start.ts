/** `npm start`: runs the gateway on the example configuration as an operator would, with a first API key, and says how to connect. */
import { execFileSync, spawn } from 'node:child_process'
import { join } from 'node:path'
import { isatty } from 'node:tty'
import { z } from 'zod'
import { describe, type FirstUser, type FirstUsers } from './describe.ts'

const ROOT = join(import.meta.dirname, '../..')
const CLI = join(ROOT, 'src/cli/main.ts')
const CONFIG = join(import.meta.dirname, 'portcullis.yaml')
/** What the first key may do; `admin` would be too much for a key that is printed on a screen. */
const FIRST_ROLE = 'user'
const FIRST_USER = 'alice'
/** Who looks at the dashboard. */
const OPERATOR = { name: 'olga', role: 'admin' } as const
const userList = z.array(z.object({ name: z.string() }))
const user = z.object({ name: z.string(), password: z.string() })
const keyList = z.array(z.object({ id: z.string() }))
const issued = z.object({ key: z.string() })
const listening = z.object({ servers: z.record(z.string(), z.string()), admin: z.string() })

function portcullis<T>(shape: z.ZodType<T>, ...args: readonly string[]): T {
  const printed = execFileSync(process.execPath, [CLI, ...args, '-c', CONFIG, '--json'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return shape.parse(JSON.parse(printed))
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
  const port = Number(process.env['PORTCULLIS_PORT'])
  if (Number.isInteger(port)) process.env['PORTCULLIS_ADMIN_PORT'] ??= String(port === 0 ? 0 : port + 1)
}

/** Starts the gateway; answers where it listens. */
function serve(): Promise<z.output<typeof listening>> {
  const gateway = spawn(process.execPath, [CLI, 'serve', '-c', CONFIG, '--json'], { stdio: ['ignore', 'pipe', 'inherit'] })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    // A terminal sends its Ctrl-C to the gateway as well: passed on, it would arrive twice and cut off what is under way.
    process.on(signal, () => void (signal === 'SIGINT' && isatty(0) ? 0 : gateway.kill(signal)))
  }
  gateway.once('exit', (code) => process.exit(code ?? 1))
  return new Promise((resolve) => {
    let line = ''
    const read = (text: string): void => {
      line += text
      if (!line.includes('\n')) return
      gateway.stdout.off('data', read)
      gateway.stdout.pipe(process.stdout)
      resolve(listening.parse(JSON.parse(line.slice(0, line.indexOf('\n')))))
    }
    gateway.stdout.setEncoding('utf8').on('data', read)
  })
}

chooseAdminPort()
const key = firstKey()
const people = firstUsers()
const { servers, admin } = await serve()
console.log(describe({ root: ROOT, config: CONFIG, servers, admin, key, people }))
