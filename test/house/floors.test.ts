/** The house holds itself to its plan: who may import whom, no circles, no file too long, nothing left half done. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { test } from 'node:test'

const SRC = join(import.meta.dirname, '../../src')

/** Floors of docs/architecture.md section 2, from the lowest. The files at the top of src/ are the public surface. */
const FLOORS = [
  ['core'],
  ['mcp', 'store', 'net', 'config'],
  ['trust'],
  ['identity', 'policy', 'inspect', 'limit', 'approval', 'audit', 'oauth'],
  ['guard'],
  ['agent', 'dashboard', 'bridge'],
  ['upstream'],
  ['face'],
  ['gateway', 'embed'],
  ['cli', ''],
]
/** Rooms that know less than their floor would let them: the law is pure, and what stands behind the line knows nothing of it. */
const NARROW: Readonly<Record<string, readonly string[]>> = {
  policy: ['core'],
  inspect: ['core'],
  bridge: ['core', 'mcp'],
  upstream: ['core', 'mcp', 'bridge'],
}
/** Rooms of which only some may know. */
const PRIVATE: Readonly<Record<string, readonly string[]>> = { oauth: ['dashboard', 'gateway', 'cli', ''] }
const MAX_FILE_LINES = 300

interface Source {
  /** Relative to src/, with forward slashes. */
  readonly path: string
  readonly room: string
  readonly text: string
  readonly imports: readonly string[]
  /** Those of them that are there when the program runs; a type alone is erased, and types may refer to each other. */
  readonly valueImports: readonly string[]
}

const IMPORT = /(?:\bfrom\s*|\bimport\s*\(?\s*)'(\.{1,2}\/[^']+)'/g
const TYPE_IMPORT = /\b(?:import|export) type\b[^']*'[^']+'|(?<=[:<|&(]\s*)import\('[^']+'\)/g

const roomOf = (path: string): string => (path.includes('/') ? path.slice(0, path.indexOf('/')) : '')

function readSource(path: string): Source {
  const text = readFileSync(join(SRC, path), 'utf8')
  const importsOf = (code: string): readonly string[] =>
    [...code.matchAll(IMPORT)].map((match) => relative(SRC, join(SRC, dirname(path), match[1] ?? '')).replaceAll('\\', '/'))
  return { path, room: roomOf(path), text, imports: importsOf(text), valueImports: importsOf(text.replace(TYPE_IMPORT, '')) }
}

const floorOf = (room: string): number => FLOORS.findIndex((rooms) => rooms.includes(room))
const sources = globSync('**/*.ts', { cwd: SRC })
  .map((path) => path.replaceAll('\\', '/'))
  .sort()
  .map(readSource)

/** Lines of code with strings and comments taken out, so that words in prose are not mistaken for code. */
function codeLines(text: string): readonly string[] {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ''))
    .split('\n')
    .map((line) => line.replace(/'(?:\\.|[^'\\])*'/g, "''").replace(/\/\/.*$/, ''))
}

function findLines(pattern: RegExp, lines: (source: Source) => readonly string[]): readonly string[] {
  return sources.flatMap((source) =>
    lines(source).flatMap((line, index) => (pattern.test(line) ? [`${source.path}:${index + 1}: ${line.trim()}`] : [])),
  )
}

test('there is a house to look at', () => {
  assert.ok(sources.length > 10)
  assert.ok(sources.some((source) => source.imports.length > 0))
})

test('every room stands on a floor of the plan', () => {
  assert.deepEqual(
    [...new Set(sources.map((source) => source.room))].filter((room) => floorOf(room) === -1),
    [],
  )
})

test('a file imports from its own room and from lower floors only', () => {
  const wrong = sources.flatMap((source) =>
    source.imports
      .filter((path) => {
        const room = roomOf(path)
        if (room === source.room) return false
        // The public surface and the command line are one floor; the surface may not import the command line.
        return floorOf(room) === -1 || floorOf(room) >= floorOf(source.room)
      })
      .map((path) => `${source.path} imports ${path}`),
  )
  assert.deepEqual(wrong, [])
})

test('a room that is to know little imports nothing else', () => {
  const wrong = sources.flatMap((source) => {
    const known = NARROW[source.room]
    if (known === undefined) return []
    return source.imports.filter((path) => ![source.room, ...known].includes(roomOf(path))).map((path) => `${source.path} imports ${path}`)
  })
  assert.deepEqual(wrong, [])
})

test('a private room is imported only by those who may know of it', () => {
  const wrong = sources.flatMap((source) =>
    source.imports
      .filter((path) => {
        const allowed = PRIVATE[roomOf(path)]
        return allowed !== undefined && roomOf(path) !== source.room && !allowed.includes(source.room)
      })
      .map((path) => `${source.path} imports ${path}`),
  )
  assert.deepEqual(wrong, [])
})

test('every import leads to a file that exists', () => {
  const known = new Set(sources.map((source) => source.path))
  const wrong = sources.flatMap((source) =>
    source.imports.filter((path) => path.endsWith('.ts') && !known.has(path)).map((path) => `${source.path} imports ${path}`),
  )
  assert.deepEqual(wrong, [])
})

test('there are no circles at run time', () => {
  const graph = new Map(sources.map((source) => [source.path, source.valueImports]))
  const finished = new Set<string>()
  const circles: string[] = []
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) circles.push([...trail.slice(trail.indexOf(path)), path].join(' → '))
    if (trail.includes(path) || finished.has(path)) return
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path])
    finished.add(path)
  }
  for (const path of graph.keys()) visit(path, [])
  assert.deepEqual(circles, [])
})

test(`a file has at most ${MAX_FILE_LINES} lines`, () => {
  const long = sources.map((source) => ({ path: source.path, lines: source.text.trimEnd().split('\n').length }))
  assert.deepEqual(
    long.filter((file) => file.lines > MAX_FILE_LINES),
    [],
  )
})

test('a file opens with a sentence on what it is', () => {
  assert.deepEqual(
    sources.filter((source) => !source.text.replace(/^#!.*\n/, '').startsWith('/** ')).map((source) => source.path),
    [],
  )
})

test('nothing is left half done, silenced, or kept in the module', () => {
  const raw = (source: Source): readonly string[] => source.text.split('\n')
  assert.deepEqual(findLines(/\b(TO[D]O|FIX[M]E|XXX|HACK)\b/, raw), [])
  assert.deepEqual(findLines(/@ts-(ignore|expect-error|nocheck)|eslint-disable|biome-ignore(?! \S+: \S)/, raw), [])
  assert.deepEqual(findLines(/^(export )?(let|var)\b/, raw), [])
})

test('no type is waved through', () => {
  const code = (source: Source): readonly string[] => codeLines(source.text)
  assert.deepEqual(findLines(/(:|<|\bas)\s*any\b/, code), [])
  assert.deepEqual(findLines(/[\w)\]]!(?=[.;,)\]\s]|$)(?!\s*=)/, code), [])
})

test('only config/load.ts reads the environment', () => {
  const found = findLines(/\bprocess\.env\b|\bprocess\[/, (source) => (source.path === 'config/load.ts' ? [] : codeLines(source.text)))
  assert.deepEqual(found, [])
})

test('only these open connections, so that nothing is fetched past the checks of net/fetch.ts', () => {
  const DIALS =
    /^(?!import type).*\b(?:Agent|Pool|Client|request|connect|createSocket|dispatcher)\b.*from '(?:undici|node:(?:http|https|http2|net|tls|dgram))'/
  const dialling = new Set(findLines(DIALS, (source) => source.text.split('\n')).map((line) => line.slice(0, line.indexOf(':'))))
  assert.deepEqual([...dialling].sort(), [
    'audit/outlets.ts', // the collectors that the operator named
    'gateway/peers.ts', // the replicas that the operator named
    'net/fetch.ts', // everything else that the house fetches, with the address checked at the connection
    'upstream/egress.ts', // the way out of a sandbox, with the address checked at the connection
    'upstream/http.ts', // the servers that the operator named
  ])
  // These are handed one: the guarded one on our side, the caller's own on the agent's.
  const fetching = new Set(
    findLines(/(?<![.#\w])fetch\(/, (source) => codeLines(source.text)).map((line) => line.slice(0, line.indexOf(':'))),
  )
  assert.deepEqual([...fetching].sort(), ['agent/caller.ts', 'cli/call.ts', 'oauth/provider.ts', 'oauth/sign-in.ts'])
})
