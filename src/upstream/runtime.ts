/** A server in a sandbox of macOS: `@anthropic-ai/sandbox-runtime`, where that is installed, told what it may read, write and reach. */
import { existsSync, mkdirSync, mkdtempSync, realpathSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Fault } from '../core/denial.ts'
import { mountsOf } from './mounts.ts'
import { needsOf, type Shown } from './needs.ts'
import type { Command, Launch, SandboxSpec } from './sandbox.ts'

const PACKAGE = '@anthropic-ai/sandbox-runtime'
/** Where people and programs keep what is theirs. It denies by name, so the system itself stays readable. */
const PRIVATE = ['/Users', '/Volumes', '/private/tmp', '/private/var/folders', '/private/var/root'] as const
/** It runs on Node.js outside of the sandbox, with the server's environment: nothing in there may load code into it. */
const LOADING = /^(NODE_|DYLD_|LD_|BASH_ENV$|ENV$)/

/** @throws Fault `FAULT_SANDBOX` when it is not installed, or cannot hold what was asked. */
export function confineByRuntime({ command, cwd = '/', env }: Command, spec: SandboxSpec): Launch {
  const cli = cliOf()
  const loading = Object.keys(env).find((name) => LOADING.test(name))
  if (loading !== undefined) throw new Fault('FAULT_SANDBOX', `${loading} cannot be given to a server in a sandbox here`)
  const { program, shown } = needsOf(command, cwd, env['PATH'] ?? '')
  const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'portcullis-sandbox-')))
  const home = join(scratch, 'home')
  mkdirSync(home)
  const settings = join(scratch, 'settings.json')
  writeFileSync(settings, JSON.stringify(settingsOf(shown, { ...spec, write: [...spec.write, home] })))
  return {
    command: [process.execPath, cli, '--settings', settings, program, ...command.slice(1)],
    env: { HOME: home, TMPDIR: home, ...env },
    scratch,
  }
}

/** In the words of its settings file. A path is written as one, never as a pattern. */
export function settingsOf(needed: readonly Shown[], spec: Pick<SandboxSpec, 'read' | 'write' | 'hidden' | 'network'>): object {
  const ported = spec.network === 'none' ? undefined : spec.network.find((host) => /:\d+$/.test(host))
  if (ported !== undefined) throw new Fault('FAULT_SANDBOX', `${ported}: ports cannot be told apart here, name the host alone`)
  const mounts = mountsOf(needed, spec)
  const literal = (paths: readonly string[]) => [...new Set(paths)].map((path) => ({ path, literal: true }))
  const hidden = spec.hidden.map((path) => dirname(path))
  return {
    network: { allowedDomains: spec.network === 'none' ? [] : spec.network, deniedDomains: [] },
    filesystem: {
      denyRead: literal([...PRIVATE, ...hidden].filter((path) => existsSync(path))),
      allowRead: literal(mounts.flatMap(({ from, to }) => [from, to])),
      allowWrite: literal(mounts.filter(({ how }) => how === '--bind').map(({ from }) => from)),
      denyWrite: [],
    },
  }
}

function cliOf(): string {
  try {
    return fileURLToPath(import.meta.resolve(`${PACKAGE}/dist/cli.js`))
  } catch (cause) {
    throw new Fault('FAULT_SANDBOX', `no sandbox can be had here: install ${PACKAGE}`, { cause })
  }
}
