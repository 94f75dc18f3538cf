/** The style sheet, the script and the sign: files of ours, the same for everybody. */
import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import type { Route } from './parts.ts'

const TYPES = { 'page.css': 'text/css', 'live.js': 'text/javascript', 'icon.svg': 'image/svg+xml' } as const
const YEAR_S = 31_536_000

type Name = keyof typeof TYPES

const FILES = new Map(
  (['page.css', 'live.js', 'icon.svg'] as const).map((name) => {
    const bytes = readFileSync(join(import.meta.dirname, name))
    return [name, { bytes, version: hash('sha256', bytes, 'hex').slice(0, 16) }]
  }),
)

/** Its address changes with what is in it, so that it may be kept for ever. */
export function assetUrl(name: Name): string {
  return `/assets/${name}?v=${FILES.get(name)?.version ?? ''}`
}

export function assetRoutes(): readonly Route[] {
  return [...FILES].map(([name, { bytes }]) => ({
    path: new RegExp(`^/assets/${name.replace('.', '\\.')}$`),
    who: 'anybody',
    get: ({ response }) => send(response, TYPES[name], bytes),
  }))
}

function send(response: ServerResponse, type: string, bytes: Buffer): void {
  response
    .writeHead(200, {
      'content-type': `${type}; charset=utf-8`,
      'content-length': bytes.length,
      'cache-control': `public, max-age=${YEAR_S}, immutable`,
      'cross-origin-resource-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
    })
    .end(bytes)
}
