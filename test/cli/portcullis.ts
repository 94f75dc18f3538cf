/** The command line as an operator meets it, in a folder of its own: commands that end share a process, the others have the real program's. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type Commands, environment, type Ran, startCommands } from '../fixtures/commands.ts'

export const BIN = join(import.meta.dirname, '../../bin/portcullis')
export const SERVER = join(import.meta.dirname, '../../examples/secure-server/main.ts')

export interface Installation {
  readonly folder: string
  write(file: string, text: string): void
  /** Runs to the end, behind the commands before it. `input` is written to standard input, which is then closed. */
  run(args: readonly string[], options?: { readonly input?: string; readonly env?: Readonly<Record<string, string>> }): Promise<Ran>
  /** Runs the real program until it is told to stop; the test ends it in any case. */
  start(args: readonly string[], env?: Readonly<Record<string, string>>): Started
}

export interface Started {
  readonly child: ChildProcess
  /** The first line on standard output that fits; fails when the process ends before. */
  line(fits: (line: string) => boolean): Promise<string>
  /** The same on standard error. */
  error(fits: (line: string) => boolean): Promise<string>
  /** What stands on standard error so far. */
  errors(): string
  readonly ended: Promise<Ran>
}

/** The process that all commands share: a process each would cost a second of work. */
let shared: Commands | undefined

/** Asks no more commands. @returns the exit code of their process: 0 where none left something open, or broke */
export async function endCommands(): Promise<number | null> {
  return shared === undefined ? 0 : shared.end()
}

/** An installation in an empty folder, with this configuration. */
export function install(t: TestContext, config?: string): Installation {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-cli-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const write = (file: string, text: string): void => writeFileSync(join(folder, file), text)
  if (config !== undefined) write('portcullis.yaml', config)

  const start = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Started => {
    const child = spawn(process.execPath, [BIN, ...args], { cwd: folder, env: { ...environment(), HOME: folder, ...env } })
    const said = { out: '', errors: '' }
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said.out += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said.errors += text
    })
    const ended = new Promise<Ran>((resolve) => child.once('close', (code) => resolve({ code, ...said })))
    t.after(async () => {
      child.kill('SIGTERM')
      await ended
    })
    const awaited = (stream: 'out' | 'errors', fits: (line: string) => boolean): Promise<string> =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = said[stream].split('\n').slice(0, -1).find(fits)
          if (found !== undefined) resolve(found)
        }
        child[stream === 'out' ? 'stdout' : 'stderr'].on('data', look)
        look()
        void ended.then(({ errors }) => reject(new Error(`It ended before: ${errors}`)))
      })
    return { child, line: (fits) => awaited('out', fits), error: (fits) => awaited('errors', fits), errors: () => said.errors, ended }
  }

  return {
    folder,
    write,
    start,
    run(args, { input = '', env = {} } = {}) {
      shared ??= startCommands()
      return shared.ask({ folder, args, input, env: { HOME: folder, ...env } })
    },
  }
}

/** Guards the example server; `user` may call get_time and get_weather. */
export const CONFIG = `
listen: 127.0.0.1:0
servers:
  secure: { command: [${JSON.stringify(process.execPath)}, ${JSON.stringify(SERVER)}] }
access:
  roles: { user: { permissions: ["world:read"] }, admin: { permissions: ["*"] } }
  tools:
    secure/get_*: { permission: "world:read" }
    secure/list_users: { permission: "users:read" }
`
