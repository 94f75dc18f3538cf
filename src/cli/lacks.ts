/** Commands that cannot be started as they are written, found before anybody calls them. */
import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { CommandServer } from '../config/servers.ts'
import { findProgram } from '../upstream/needs.ts'

/** Where programs are looked for when there is no PATH (execvp(3)). */
const DEFAULT_PATH = '/bin:/usr/bin'

interface Lack {
  readonly setting: 'command' | 'cwd'
  readonly told: string
}

/** What a server lacks; undefined when there is its program and its folder, or nobody can tell. */
export function lackOf({ program, cwd, env }: Pick<CommandServer, 'program' | 'cwd' | 'env'>): Lack | undefined {
  // There a name also stands for files with one of many endings.
  if (process.platform === 'win32') return undefined
  if (statSync(cwd, { throwIfNoEntry: false })?.isDirectory() !== true) return { setting: 'cwd', told: `${cwd}: there is no such folder` }
  const folders = (env['PATH'] ?? DEFAULT_PATH).split(':')
  if (findProgram(program, cwd, folders) !== undefined) return undefined
  const told = program.includes('/') ? `${resolve(cwd, program)} is not there, or may not be executed` : `${program} is not found in PATH`
  return { setting: 'command', told }
}
