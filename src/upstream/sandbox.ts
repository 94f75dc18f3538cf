/** A server in a sandbox: on Linux bubblewrap, told to show it nothing but what it needs and what the operator named. */
import { hash } from 'node:crypto'
import { existsSync, lstatSync, readFileSync, readlinkSync } from 'node:fs'
import type { Server } from 'node:net'
import { join } from 'node:path'
import { Fault } from '../core/denial.ts'
import { createHatch, HATCH_PORT } from './hatch.ts'
import { mountsOf } from './mounts.ts'
import { isWithin, needsOf, SYSTEM } from './needs.ts'
import { confineByRuntime } from './runtime.ts'
import { createFilter } from './seccomp.ts'

/**
 * Where our tools are looked for. Not in PATH: a package that a server brings along may have a program of any name
 * (`node_modules/.bin`), and this one runs outside of the sandbox.
 */
const TOOL_FOLDERS = ['/usr/bin', '/bin', '/usr/local/bin', '/run/current-system/sw/bin'] as const
/** Of /etc: what programs need to load libraries, to know authorities, and to tell the time. Not the rest, where keys and passwords are. */
const SHOWN_OF_ETC = [
  'ld.so.cache',
  'alternatives',
  'localtime',
  'timezone',
  'mime.types',
  'services',
  'protocols',
  'ssl/certs',
  'ssl/openssl.cnf',
  'ca-certificates/extracted',
  'pki/ca-trust/extracted',
  'pki/tls/certs',
  'pki/tls/openssl.cnf',
  'crypto-policies',
] as const
/** Stand in for files that would say who else there is on this machine. */
const OURS_OF_ETC = { passwd: 'passwd.txt', group: 'group.txt', hosts: 'hosts.txt', 'nsswitch.conf': 'nsswitch.txt' } as const
/** What is written to /tmp is in memory: a quarter of `memory` at most, beside it. */
const TMP_SHARE = 4
const SHARED_MEMORY_BYTES = 64 * 1024 * 1024
/** V8 alone sets some 540 MiB aside that it does not use: one process may ask for `memory` and this. What is used is watched (watch.ts). */
const SET_ASIDE_BYTES = 640 * 1024 * 1024
/** Where our own program is inside (hatch.ts). */
const HATCH = '/run/portcullis/hatch'
const PROXY = `http://127.0.0.1:${HATCH_PORT}`
const UID = '1000'

export interface SandboxSpec {
  /** Absolute. */
  readonly read: readonly string[]
  readonly write: readonly string[]
  /** `host` or `host:port`. */
  readonly network: 'none' | readonly string[]
  readonly memoryBytes: number
  /** Processes and threads at once. */
  readonly processes: number
  /** Processors it may keep busy; all unless told. */
  readonly cpu?: number
  /** Open in one process. */
  readonly files: number
  /** Files of the gateway's own: nothing that is shown may hold one, nor one that is called like it and `-…`. */
  readonly hidden: readonly string[]
  /** Takes what is connected to the port inside (egress.ts), until what it returns is called; without one there is no network. */
  readonly egress?: (port: Server) => () => void
}

/** What a sandbox is told when it starts, and held to from then on. */
export interface Confinement {
  /** bubblewrap's own arguments, for descriptor 3: a list of arguments can be read by every user, and the environment is among these. */
  readonly options: Buffer
  /** For descriptor 4. */
  readonly filter: Buffer
  /** The program for descriptor 7, which sends its port over descriptor 6. */
  readonly hatch?: Buffer
  readonly egress?: (port: Server) => () => void
  readonly memoryBytes: number
  readonly processes: number
}

export interface Launch {
  readonly command: readonly string[]
  /** Of what starts the sandbox, and runs outside of it. */
  readonly env: Readonly<Record<string, string>>
  readonly confinement?: Confinement
  /** A folder that is removed when it has ended. */
  readonly scratch?: string
}

export interface Command {
  readonly command: readonly string[]
  readonly cwd?: string
  readonly env: Readonly<Record<string, string>>
}

/** @throws Fault `FAULT_SANDBOX` when this machine has no sandbox, or something would be shown that must not be. Then nothing is started. */
export function confine(asked: Command, spec: SandboxSpec): Launch {
  return process.platform === 'darwin' ? confineByRuntime(asked, spec) : confineByBubblewrap(asked, spec)
}

function confineByBubblewrap({ command, cwd = '/', env }: Command, spec: SandboxSpec): Launch {
  const { bwrap, prlimit, taskset, filter } = toolsOf()
  const { program, shown } = needsOf(command, cwd, env['PATH'] ?? '')
  const hatch = spec.egress === undefined ? undefined : createHatch(process.arch)
  const mounts = mountsOf(shown, spec)
  const options = [
    ...ISOLATION,
    ...system(),
    // Read-only, because to the root of the machine, which has no capability in here, /proc/sys would still be open.
    ...['--proc', '/proc', '--remount-ro', '/proc', '--dev', '/dev', ...scratch('/dev/shm', SHARED_MEMORY_BYTES), '--remount-ro', '/dev'],
    ...scratch('/tmp', Math.floor(spec.memoryBytes / TMP_SHARE)),
    ...mounts.flatMap(({ how, from, to }) => [how, from, to]),
    ...(hatch === undefined ? [] : ['--perms', '0555', '--file', '7', HATCH]),
    ...(mounts.some(({ to }) => isWithin(cwd, to)) || isOfSystem(cwd) ? [] : ['--dir', cwd]),
    // Of ours there is NODE_CHANNEL_FD, where a port is waited for.
    ...['--remount-ro', '/', '--chdir', cwd, '--clearenv'],
    ...Object.entries(environmentOf(env, spec)).flatMap(([name, value]) => ['--setenv', name, value]),
  ]
  // It ends one option and would begin another.
  if (options.some((option) => option.includes('\0'))) throw new Fault('FAULT_SANDBOX', 'a variable or path has a NUL in it')
  const limits = [
    `--data=${spec.memoryBytes + SET_ASIDE_BYTES}`,
    `--nproc=${spec.processes}`,
    `--nofile=${spec.files}`,
    // Not 0: a program that takes cores by pipe, outside and as root, would be given them all the same (core(5)).
    '--core=1',
    '--msgqueue=0',
  ]
  const rest = command.slice(1)
  return {
    command: [
      ...(spec.cpu === undefined ? [] : [taskset, '-c', processors(spec.cpu, command.join(' '))]),
      ...[bwrap, '--args', '3', '--seccomp', '4', '--json-status-fd', '5', '--', prlimit, ...limits, '--'],
      ...(hatch === undefined ? [] : [HATCH]),
      ...[program, ...rest],
    ],
    // Nothing that is meant for the server may change what bubblewrap itself does (LD_PRELOAD).
    env: {},
    confinement: {
      options: Buffer.from(`${options.join('\0')}\0`),
      filter,
      ...(hatch === undefined || spec.egress === undefined ? {} : { hatch, egress: spec.egress }),
      memoryBytes: spec.memoryBytes,
      processes: spec.processes,
    },
  }
}

/** Every namespace, no capability, no other privilege to be had, no terminal; its end when we end. */
const ISOLATION = [
  ...['--unshare-user', '--unshare-ipc', '--unshare-pid', '--unshare-net', '--unshare-uts', '--unshare-cgroup-try', '--disable-userns'],
  ...['--uid', UID, '--gid', UID, '--hostname', 'sandbox', '--die-with-parent', '--new-session', '--cap-drop', 'ALL'],
] as const

interface Tools {
  readonly bwrap: string
  readonly prlimit: string
  readonly taskset: string
  readonly filter: Buffer
}

/** @throws Fault `FAULT_SANDBOX`: what is missing, and how it is got. */
export function toolsOf(): Tools {
  const find = (name: string, from: string): string => {
    const found = TOOL_FOLDERS.map((folder) => join(folder, name)).find((path) => existsSync(path))
    if (found === undefined) throw new Fault('FAULT_SANDBOX', `no sandbox can be had here: there is no ${name} (install ${from})`)
    return found
  }
  if (process.platform !== 'linux') throw new Fault('FAULT_SANDBOX', `no sandbox can be had here: there is none for ${process.platform}`)
  const filter = createFilter(process.arch)
  if (filter === undefined) throw new Fault('FAULT_SANDBOX', `no sandbox can be had here: its filter is not known for ${process.arch}`)
  return {
    bwrap: find('bwrap', 'bubblewrap 0.8 or newer'),
    prlimit: find('prlimit', 'util-linux'),
    taskset: find('taskset', 'util-linux'),
    filter,
  }
}

function system(): readonly string[] {
  const folders = SYSTEM.flatMap((path) => {
    const found = lstatSync(path, { throwIfNoEntry: false })
    if (found === undefined) return []
    return found.isSymbolicLink() ? ['--symlink', readlinkSync(path), path] : ['--ro-bind', path, path]
  })
  const ours = Object.entries(OURS_OF_ETC).flatMap(([name, file]) => ['--ro-bind', join(import.meta.dirname, 'etc', file), `/etc/${name}`])
  return [...folders, ...SHOWN_OF_ETC.flatMap((name) => ['--ro-bind-try', `/etc/${name}`, `/etc/${name}`]), ...ours]
}

const isOfSystem = (path: string): boolean =>
  path === '/' || path === '/tmp' || (existsSync(path) && SYSTEM.some((folder) => isWithin(path, folder)))

const scratch = (path: string, bytes: number): readonly string[] => ['--perms', '1777', '--size', String(bytes), '--tmpfs', path]

function environmentOf(env: Readonly<Record<string, string>>, { egress }: SandboxSpec): Readonly<Record<string, string>> {
  const proxied = Object.fromEntries(
    ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY'].flatMap((name) => [
      [name, PROXY],
      [name.toLowerCase(), PROXY],
    ]),
  )
  return { HOME: '/tmp', TMPDIR: '/tmp', ...(egress === undefined ? {} : { ...proxied, NODE_USE_ENV_PROXY: '1' }), ...env }
}

/** So many of the processors that we may use; which ones depends on the command, so that servers do not all wait for the same. */
function processors(count: number, command: string): string {
  const [, list = ''] = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'latin1')) ?? []
  const all = list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, index) => first + index)
  })
  const from = hash('sha256', command, 'buffer').readUInt32LE() % all.length
  return Array.from({ length: Math.min(count, all.length) }, (_, index) => all[(from + index) % all.length]).join(',')
}
