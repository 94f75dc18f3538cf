/** What a sandbox shows: checked, so that nothing leads further than it was meant to. */
import { existsSync, realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { Fault } from '../core/denial.ts'
import { isWithin, type Shown } from './needs.ts'
import type { SandboxSpec } from './sandbox.ts'

/** Of the kernel and of devices nothing of the machine's own is shown. */
const NEVER_SHOWN = ['/proc', '/sys', '/dev'] as const

export interface Mount extends Shown {
  readonly how: '--bind' | '--ro-bind'
}

/** Outer ones first, so that what lies inside of another is not covered by it; of one place what was said last. */
export function mountsOf(
  needed: readonly Shown[],
  { read, write, hidden }: Pick<SandboxSpec, 'read' | 'write' | 'hidden'>,
): readonly Mount[] {
  const mounts = new Map<string, Mount>()
  for (const { from, to } of needed) mounts.set(to, { how: '--ro-bind', from, to })
  const named = (path: string, how: Mount['how']): Mount => {
    if (!existsSync(path)) throw new Fault('FAULT_SANDBOX', `${path} is to be shown to it, and is not there`)
    const mount = { how, from: realpathSync(path), to: path }
    mounts.set(path, mount)
    return mount
  }
  for (const path of read) named(path, '--ro-bind')
  const writable = write.map((path) => named(path, '--bind'))
  const secret = hidden.map(realPathOf)
  for (const mount of mounts.values()) checkMount(mount, secret, writable)
  for (const { from } of needed) {
    const own = writable.find((folder) => isWithin(from, folder.from))
    if (own !== undefined) throw new Fault('FAULT_SANDBOX', `${from} is its own program and lies in ${own.to}, which it may write`)
  }
  return [...mounts.values()].toSorted((left, right) => left.to.length - right.to.length)
}

/** Links have been followed by now: what counts is where they lead. */
function checkMount({ from, to }: Mount, secret: readonly string[], writable: readonly Mount[]): void {
  if (NEVER_SHOWN.some((folder) => isWithin(from, folder) || isWithin(to, folder)))
    throw new Fault('FAULT_SANDBOX', `${to} is of the machine itself and is not shown`)
  const held = secret.find((path) => isWithin(path, from) || isWithin(from, path) || from.startsWith(`${path}-`))
  if (held !== undefined) throw new Fault('FAULT_SANDBOX', `${to} would show it ${held}, which is the gateway's own`)
  // Where it may write it can put a link, and would be shown at its next start what that leads to.
  const folder = writable.find((one) => isWithin(to, one.to) && !isWithin(from, one.from))
  if (folder !== undefined) throw new Fault('FAULT_SANDBOX', `${to} leads out of ${folder.to}, which it may write`)
}

/** Also of what is not there yet. */
function realPathOf(path: string): string {
  if (existsSync(path)) return realpathSync(path)
  const folder = dirname(path)
  return folder === path ? path : join(realPathOf(folder), basename(path))
}
