/** What a server that is a command may touch of this machine. */
import { resolve } from 'node:path'
import { z } from 'zod'
import { floatingOf } from './floating.ts'
import type { Path } from './source.ts'
import { list, size, text, whole, word } from './values.ts'

/** Of all processes of a server together; the official servers take some 60 MiB. */
const MEMORY = '1GiB'
const PROCESSES = 128
const FILES = 1024
/** DNS names (RFC 1123 §2.1) and addresses, with or without a port. No pattern: a name that ends like yours may be somebody else's. */
const HOST = /^(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_-]{1,63})*|\[[0-9A-Fa-f:.]+\])(?::[1-9]\d{0,4})?$/

const paths = (verb: string) =>
  list(text('a path'), 'paths')
    .prefault([])
    .describe(`Files and folders that it may ${verb}, beside the runtime and its own package. Relative to this file.`)

export const sandboxSettings = z
  .union(
    [
      z.literal('off'),
      z.strictObject({
        read: paths('read'),
        write: paths('read and write'),
        network: z
          .union([z.literal('none'), list(word(HOST, 'a host such as api.example.com or api.example.com:8443'), 'hosts', 1)], {
            error: 'expected none, or a list of hosts',
          })
          .prefault('none')
          .describe('none, or the hosts that it may reach, through a proxy of ours. Ports 80 and 443 unless one is written.'),
        memory: size('64MiB', '1024GiB').prefault(MEMORY).describe('What all of its processes may take together. Default 1GiB.'),
        processes: whole(8, 65_536).prefault(PROCESSES).describe('Processes and threads at once. Default 128.'),
        cpu: whole(1, 1024).optional().describe('How many processors it may keep busy. All of them unless told.'),
        files: whole(64, 1_048_576).prefault(FILES).describe('Files that one process may have open. Default 1024.'),
      }),
    ],
    { error: 'expected off, or a map such as { read: [./data], network: none, memory: 512MiB }' },
  )
  .describe('What it may touch of this machine. `off`: whatever the gateway itself may.')

/** Sizes in bytes. */
export interface SandboxConfig {
  /** Absolute. */
  readonly read: readonly string[]
  readonly write: readonly string[]
  /** `host` or `host:port`, lower case. */
  readonly network: 'none' | readonly string[]
  readonly memoryBytes: number
  readonly processes: number
  readonly cpu?: number
  readonly files: number
}

export type SandboxSettings = z.output<typeof sandboxSettings>

export function settleSandbox(written: SandboxSettings, directory: string): SandboxConfig | 'off' {
  if (written === 'off') return 'off'
  const { read, write, network, memory, cpu, ...rest } = written
  return {
    ...rest,
    read: read.map((path) => resolve(directory, path)),
    write: write.map((path) => resolve(directory, path)),
    network: network === 'none' ? 'none' : network.map((host) => host.toLowerCase()),
    memoryBytes: memory,
    ...(cpu === undefined ? {} : { cpu }),
  }
}

/** What profile strict does not let a command be, wherever it was written. */
export function loose(command: readonly string[], sandbox: unknown): readonly { readonly path: Path; readonly expected: string }[] {
  const floating = floatingOf(command)
  return [
    ...(sandbox === undefined ? [{ path: [], expected: 'expected a sandbox in profile strict, or sandbox: off' }] : []),
    ...(floating === undefined
      ? []
      : [{ path: ['command'], expected: `expected an exact version of ${floating} in profile strict, not whichever is the newest` }]),
  ]
}
