/** A gateway that was started by the command, as operators and clients meet it: a first key, and the list of tools. */
import { z } from 'zod'
import { META } from '../fixtures/gateway.ts'
import type { Installation } from './portcullis.ts'

/** What `serve --json` says first. */
export const listening = z.object({ url: z.string(), servers: z.record(z.string(), z.string()) })
const issued = z.looseObject({ key: z.string(), id: z.string() })

export async function createKey(there: Installation, ...args: readonly string[]): Promise<z.infer<typeof issued>> {
  return issued.parse(JSON.parse((await there.run(['keys', 'create', '--name', 'x', ...args, '--json'])).out))
}

export function listTools(url: string, headers: Readonly<Record<string, string>>): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/list',
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta: META } }),
  })
}
