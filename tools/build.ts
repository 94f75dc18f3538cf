/** Builds what is published: dist/ with JavaScript, declarations, and every file of src/ that is not TypeScript. */
import { execFileSync } from 'node:child_process'
import { cpSync, rmSync } from 'node:fs'
import { extname, join } from 'node:path'

const root = join(import.meta.dirname, '..')

rmSync(join(root, 'dist'), { recursive: true, force: true })
execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
})
cpSync(join(root, 'src'), join(root, 'dist'), { recursive: true, filter: (from) => extname(from) !== '.ts' })
