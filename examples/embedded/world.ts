/** Where the examples beside this file write, and what they ask of whoever writes: ../secure-server has their five tools. */
import { mkdirSync, realpathSync } from 'node:fs'
import { audit, currentPrincipal, requirePermission } from '../../src/index.ts' // in your project: from 'portcullis'
import type { World } from '../secure-server/tools.ts'

const root = process.env['NOTES'] ?? './notes'
mkdirSync(root, { recursive: true })

export const world: World = {
  root: realpathSync(root),
  clock: Date.now,
  beforeWrite: async (path, content) => {
    requirePermission('notes:write') // the configuration asks for it too; a tool that is dear to you can ask for itself
    await audit(`${currentPrincipal().subject} writes ${content.length} characters to ${path}`)
  },
}
