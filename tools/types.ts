/** Reads the types of the package as somebody does who has installed it and none of its optional peers: every declaration must be whole. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const root = join(import.meta.dirname, '..')
const manifest: { readonly dependencies: object; readonly exports: object } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

const folder = mkdtempSync(join(tmpdir(), 'portcullis-types-'))
try {
  const modules = join(folder, 'node_modules')
  for (const name of [...Object.keys(manifest.dependencies), '@types/node']) {
    mkdirSync(dirname(join(modules, name)), { recursive: true })
    symlinkSync(join(root, 'node_modules', name), join(modules, name))
  }
  // Copied: what lies in a checkout finds there what an installation has not.
  cpSync(join(root, 'dist'), join(modules, 'portcullis/dist'), { recursive: true, filter: (from) => !from.endsWith('.js') })
  cpSync(join(root, 'package.json'), join(modules, 'portcullis/package.json'))
  const entries = Object.keys(manifest.exports).filter((entry) => !entry.endsWith('.json'))
  const lines = entries.map((entry, index) => `export * as entry${index} from 'portcullis${entry.slice(1)}'`)
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(folder, 'index.ts'), `${lines.join('\n')}\n`)
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: { module: 'nodenext', target: 'es2024', strict: true, noEmit: true, skipLibCheck: false, types: ['node'] },
    }),
  )
  const { status } = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder], { stdio: 'inherit' })
  process.exitCode = status ?? 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
