/** What a command needs of the file system to run at all: its program, what that is run by, and the package it belongs to. */
import { accessSync, closeSync, constants, existsSync, globSync, openSync, readSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, isAbsolute, join, resolve, sep } from 'node:path'
import { Fault } from '../core/denial.ts'

/** Folders of the system: the runtime that every program may read. */
export const SYSTEM = ['/usr', '/bin', '/sbin', '/lib', '/lib64', '/lib32', '/libx32', '/nix/store'] as const
/** Programs of which one of the words behind them is the program that was meant. */
const INTERPRETER = /^(node|nodejs|deno|bun|tsx|python[\d.]*|pypy[\d.]*|ruby|perl|php|sh|bash|dash|java)$/
/** A script that is run by a script that is run by … */
const INTERPRETERS_MAX = 4
const SHEBANG_MAX_BYTES = 256
const MODULES = `${sep}node_modules${sep}`

/** Something of the machine, and where it is seen inside. */
export interface Shown {
  readonly from: string
  readonly to: string
}

interface Needs {
  /** What is started: absolute. */
  readonly program: string
  readonly shown: readonly Shown[]
}

/** @param path the PATH that the command runs with. @throws Fault `FAULT_SANDBOX` when there is no such program. */
export function needsOf([program = '', ...rest]: readonly string[], cwd: string, path: string): Needs {
  const shown = new Map<string, string>()
  const found = locate(program, cwd, path)
  if (found === undefined) throw new Fault('FAULT_SANDBOX', `there is no program ${program}`)
  const show = (file: string, depth = 0): void => {
    const real = realpathSync(file)
    for (const at of new Set([file, real])) for (const root of rootsOf(at)) shown.set(root, realpathSync(root))
    const interpreter = depth < INTERPRETERS_MAX ? interpreterOf(real, cwd, path) : undefined
    if (interpreter !== undefined) show(interpreter, depth + 1)
  }
  show(found)
  if (INTERPRETER.test(basename(found))) {
    const script = scriptOf(rest, cwd)
    if (script !== undefined) show(script)
  }
  return { program: found, shown: [...shown].map(([to, from]) => ({ from, to })) }
}

/** The file that an interpreter is told to run; none where it is told a module or the code itself. */
function scriptOf(words: readonly string[], cwd: string): string | undefined {
  for (const word of words) {
    if (/^(-[mcep]|--eval|--print)$/.test(word)) return undefined
    if (!word.startsWith('-') && isFile(resolve(cwd, word))) return resolve(cwd, word)
  }
  return undefined
}

/** Whether one is the other, or in it. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep)
}

/** What has to be there for this file to work. Never a folder in which something else may be: of `~/bin/tool` the one file. */
function rootsOf(file: string): readonly string[] {
  if (SYSTEM.some((folder) => isWithin(file, folder))) return []
  // The outermost, because a package finds what it depends on beside itself and further out.
  const modules = file.indexOf(MODULES)
  if (modules !== -1) return [file.slice(0, modules + MODULES.length - 1)]
  const folder = dirname(file)
  const prefix = dirname(folder)
  if (basename(folder) !== 'bin') return [file]
  if (existsSync(join(prefix, 'pyvenv.cfg'))) return [prefix]
  // An interpreter of Python with its library.
  if (/^(python|pypy)/.test(basename(file))) return [file, ...globSync(join(prefix, 'lib', '{python,pypy,libpython}*'))]
  return [file]
}

function locate(program: string, cwd: string, path: string): string | undefined {
  // An empty or relative entry would mean the working folder, which a server may be able to write to.
  return findProgram(
    program,
    cwd,
    path.split(':').filter((folder) => isAbsolute(folder)),
  )
}

/** As the system finds it for a child (execvp(3)): a name in these folders, a path from the working folder on. */
export function findProgram(program: string, cwd: string, folders: readonly string[]): string | undefined {
  const places = program.includes('/') ? [resolve(cwd, program)] : folders.map((folder) => resolve(cwd, folder, program))
  return places.find(isProgram)
}

/** By its first line: `#!/usr/bin/env node`, `#!/usr/bin/python3 -s`. */
function interpreterOf(file: string, cwd: string, path: string): string | undefined {
  const [, program = '', first = '', second = ''] = /^#![ \t]*(\S+)[ \t]*(\S*)[ \t]*(\S*)/.exec(firstBytes(file)) ?? []
  if (program === '') return undefined
  if (basename(program) !== 'env') return locate(program, cwd, path)
  return locate(first === '-S' ? second : first, cwd, path)
}

function firstBytes(file: string): string {
  const bytes = Buffer.alloc(SHEBANG_MAX_BYTES)
  const descriptor = openSync(file, 'r')
  try {
    return bytes.toString('latin1', 0, readSync(descriptor, bytes))
  } finally {
    closeSync(descriptor)
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true
}

function isProgram(path: string): boolean {
  if (!isFile(path)) return false
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
