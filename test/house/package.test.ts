/** What is packed is whole: its documents, its two doors, and a sentence on every name behind them. */
import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { test } from 'node:test'
import { parseConfig } from '../../src/config/load.ts'

const ROOT = join(import.meta.dirname, '../..')
const SRC = join(ROOT, 'src')
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

const MANIFEST: { readonly files: readonly string[]; readonly exports: object; readonly sideEffects: boolean } = JSON.parse(
  read('package.json'),
)
/** npm packs these whatever `files` says. */
const ALWAYS = ['README.md', 'LICENSE', 'package.json']
const isPacked = (path: string): boolean => [...ALWAYS, ...MANIFEST.files].some((entry) => path === entry || path.startsWith(`${entry}/`))

test('what the documents of the package lead to is in the package', () => {
  const documents = globSync(['*.md', 'docs/*.md'], { cwd: ROOT }).filter(isPacked)
  assert.ok(documents.length > 10)
  const dead = documents.flatMap((document) =>
    [...read(document).matchAll(/\]\(([^)\s#]+)[^)]*\)|\b(?:src|srcset|href)="([^"]+)"/g)]
      .map((match) => match[1] ?? match[2] ?? '')
      .filter((target) => target !== '' && !/^[a-z]+:/.test(target))
      .map((target) => normalize(join(dirname(document), target)))
      .filter((target) => !isPacked(target) || !existsSync(join(ROOT, target)))
      .map((target) => `${document}: ${target}`),
  )
  assert.deepEqual(dead, [])
})

test('what the README shows of sign-in and tokens is a configuration', () => {
  const shown = [...read('README.md').matchAll(/^```yaml\n(authentication:\n[\s\S]*?)^```$/gm)].map(([, text = '']) =>
    parseConfig(text, { file: 'README.md' }),
  )
  assert.deepEqual(
    shown.map(({ authentication: { issuers, oauth } }) => [issuers.map(({ issuer }) => issuer), oauth?.assertions.length ?? 0]),
    [
      [['https://login.example.com'], 0],
      [[], 2],
    ],
  )
})

interface Public {
  readonly name: string
  /** Relative to src/. */
  readonly file: string
}

/** The names that a file hands on, and where each is declared. */
function namesOf(file: string): readonly Public[] {
  const text = readFileSync(join(SRC, file), 'utf8')
  const at = (path: string): string => relative(SRC, join(SRC, dirname(file), path))
  const whole = [...text.matchAll(/^export \* from '([^']+)'/gm)].flatMap(([, path = '']) => namesOf(at(path)))
  const named = [...text.matchAll(/^export (?:type )?\{([^}]*)\} from '([^']+)'/gm)].flatMap(([, names = '', path = '']) =>
    names
      .split(',')
      .map((name) => name.trim().replace(/^type /, ''))
      .filter((name) => name !== '')
      .map((name) => ({ name, file: at(path) })),
  )
  return [...whole, ...named]
}

test('every name that the package hands out has a sentence that an editor shows', () => {
  const names = namesOf('index.ts')
  assert.ok(names.length > 100)
  const bare = names.filter(({ name, file }) => {
    const declared = new RegExp(`(?<said>[^\\n]*\\*/)?\\nexport (?:async )?(?:interface|type|class|function|const) ${name}\\b`)
    return declared.exec(readFileSync(join(SRC, file), 'utf8'))?.groups?.['said'] === undefined
  })
  assert.deepEqual(bare, [])
})

test('an example needs nothing of the inside, which the package does not show', () => {
  const inside = globSync('examples/{embedded,secure-server}/*.ts', { cwd: ROOT }).filter((file) => /\bguard\.house\b/.test(read(file)))
  assert.deepEqual(inside, [])
})

test('whoever takes portcullis/agent loads the agent side alone', () => {
  const seen = new Set<string>()
  const packages = new Set<string>()
  const walk = (file: string): void => {
    if (seen.has(file)) return
    seen.add(file)
    const text = readFileSync(join(SRC, file), 'utf8').replaceAll(/^(?:import|export) type [^']*'[^']+'/gm, '')
    for (const [, from = ''] of text.matchAll(/(?:\bfrom |^import |\bimport\()'([^']+)'/gm)) {
      if (from.startsWith('.')) walk(relative(SRC, join(SRC, dirname(file), from)))
      else if (!from.startsWith('node:')) packages.add(from)
    }
  }
  walk('agent.ts')
  assert.deepEqual([...packages].sort(), ['jose', 'oauth4webapi', 'openid-client', 'undici', 'zod'])
  const rooms = [...new Set([...seen].map((file) => (file.includes('/') ? dirname(file) : '')))]
  assert.deepEqual(rooms.sort(), ['', 'agent', 'core', 'mcp', 'net', 'store', 'trust'])
  assert.deepEqual(Object.keys(MANIFEST.exports), ['.', './agent', './package.json'])
})

test('no file does anything when it is imported, as package.json says', () => {
  assert.equal(MANIFEST.sideEffects, false)
  const doing = globSync('**/*.ts', { cwd: SRC }).filter((file) =>
    /^(?:import '|await |[\w.]+\(|[\w.]+ = )/m.test(readFileSync(join(SRC, file), 'utf8').replaceAll(/`[^`]*`/g, '``')),
  )
  assert.deepEqual(doing, [])
})
