/** What is learned from: examples of our own, and what published servers say of their tools. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { JsonObject } from '../../src/core/json.ts'

export interface Example {
  /** The set it was written for, a dash, its number there. */
  readonly id: string
  readonly poisoned: boolean
  readonly definition: JsonObject
}

const HERE = new URL('./', import.meta.url)
const linesOf = (name: string): readonly string[] => readFileSync(new URL(name, HERE), 'utf8').trim().split('\n')

export const readExamples = (): readonly Example[] => linesOf('examples.jsonl').map((line) => JSON.parse(line) as Example)

/** Fetches the packages of `servers.txt`, and unpacks each into a folder of its own; nothing of them is run. */
export function unpackServers(): string {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-learn-'))
  const npm = (args: readonly string[], cwd: string): string => execFileSync('npm', args, { cwd, encoding: 'utf8' })
  for (const server of linesOf('servers.txt')) {
    console.log(server)
    const archive = npm(['pack', '--silent', '--ignore-scripts', server], folder).trim()
    const unpacked = join(folder, archive.replace(/\.tgz$/, ''))
    mkdirSync(unpacked)
    execFileSync('tar', ['-xzf', join(folder, archive), '-C', unpacked])
  }
  return folder
}

const SOURCE = /\.(?:m?js|cjs|json)$/
const BESIDE = /node_modules|locales|test/
const SOURCE_MAX_BYTES = 6e6
/** `description: "…"`, `.describe('…')`, as bundlers leave them. */
const DESCRIBED =
  /(?:description|describe)["']?\s*[:(]\s*(?:dedent|outdent)?\s*("(?:[^"\\\n]|\\.){12,6000}"|'(?:[^'\\\n]|\\.){12,6000}'|`(?:[^`\\]|\\.){12,6000}`)/g

/** @param folder with a folder for each server. @returns what each says of its tools and their arguments, each text once. */
export function descriptionsOf(folder: string): ReadonlyMap<string, readonly string[]> {
  const seen = new Set<string>()
  const found = new Map<string, string[]>()
  for (const name of readdirSync(folder).sort()) {
    if (!statSync(join(folder, name)).isDirectory()) continue
    const texts: string[] = []
    read(join(folder, name), seen, texts)
    if (texts.length > 0) found.set(name, texts)
  }
  return found
}

function read(folder: string, seen: Set<string>, texts: string[]): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory() && !BESIDE.test(entry.name)) read(path, seen, texts)
    if (!entry.isFile() || !SOURCE.test(entry.name) || statSync(path).size > SOURCE_MAX_BYTES) continue
    for (const [, quoted = ''] of readFileSync(path, 'utf8').matchAll(DESCRIBED)) {
      const text = quoted
        .slice(1, -1)
        .replaceAll('\\n', '\n')
        .replace(/\\(["'`\\])/g, '$1')
        .replace(/\$\{[^}]*\}/g, 'x')
      if (seen.has(text)) continue
      seen.add(text)
      texts.push(text)
    }
  }
}
