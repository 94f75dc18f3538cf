/** Style sheets, scripts and the sign: files of ours, and of the library that draws charts, the same for everybody. */
import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Route } from './parts.ts'

const TYPES = {
  'page.css': 'text/css',
  'live.js': 'text/javascript',
  'plots.js': 'text/javascript',
  'icon.svg': 'image/svg+xml',
  'uplot.css': 'text/css',
  'uplot.js': 'text/javascript',
} as const
/** uPlot as it is published, from where it is installed: no step in between that could change it. */
const KEPT: Readonly<Partial<Record<Name, string>>> = {
  'uplot.css': import.meta.resolve('uplot/dist/uPlot.min.css'),
  'uplot.js': import.meta.resolve('uplot/dist/uPlot.iife.min.js'),
}
const YEAR_S = 31_536_000

type Name = keyof typeof TYPES
const NAMES = Object.keys(TYPES) as readonly Name[] // its own literal

const FILES = new Map(
  NAMES.map((name) => {
    const kept = KEPT[name]
    const bytes = readFileSync(kept === undefined ? join(import.meta.dirname, name) : fileURLToPath(kept))
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
