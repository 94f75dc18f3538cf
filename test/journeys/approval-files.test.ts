/** The official filesystem server behind the gateway, the official client in both eras: a write is approved once, by the operator or by the page that the client opens. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Client, StreamableHTTPClientTransport, type VersionNegotiationMode } from '@modelcontextprotocol/client'
import { z } from 'zod'
import { main } from '../../src/cli/main.ts'
import { aGateway } from '../fixtures/gateway.ts'
import { ALICE } from './approval-world.ts'

const SERVER = fileURLToPath(import.meta.resolve('@modelcontextprotocol/server-filesystem/dist/index.js'))
const REFUSAL = 'portcullis/refusal'
const refusal = z.object({ code: z.string(), remedies: z.array(z.object({ id: z.string(), url: z.string() })) })
/** As a model reads it, and as a program does. */
const refused = z.object({
  isError: z.literal(true),
  content: z.tuple([z.object({ text: z.string() })]),
  _meta: z.looseObject({ [REFUSAL]: refusal }),
})
const listed = z.array(z.looseObject({ id: z.string(), status: z.string(), arguments: z.looseObject({ path: z.string() }) }))

async function aHouse(t: TestContext) {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'portcullis-files-')))
  const data = join(folder, 'data')
  mkdirSync(data)
  const store = join(folder, 'portcullis.db')
  const yaml = `
admin: 127.0.0.1:0
servers: { files: { command: ${JSON.stringify([process.execPath, SERVER, data])} } }
access: { roles: { agent: { permissions: ["*"] } }, tools: { "*": { permission: files:use }, write_file: { approval: true } } }
`
  const file = join(folder, 'portcullis.yaml')
  writeFileSync(file, `store: ${JSON.stringify(store)}\n${yaml}`)
  const house = await aGateway(yaml, { store })
  t.after(async () => {
    await house[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true })
  })
  const key = await house.key({ roles: ['agent'] })
  const connect = async (mode: VersionNegotiationMode, capabilities: object, onPage?: (url: string) => Promise<void>) => {
    const client = new Client({ name: 'journey', version: '1.0.0' }, { versionNegotiation: { mode }, capabilities })
    if (onPage !== undefined)
      client.setRequestHandler('elicitation/create', async ({ params }) => {
        await onPage(String('url' in params ? params.url : ''))
        return { action: 'accept' }
      })
    await client.connect(new StreamableHTTPClientTransport(new URL(`${house.url}/mcp`), { requestInit: { headers: { 'x-api-key': key } } }))
    t.after(() => client.close())
    return (name: string) => client.callTool({ name: 'write_file', arguments: { path: join(data, name), content: name } })
  }
  /** The operator's command line, in this process. */
  const portcullis = async (...args: readonly string[]): Promise<string> => {
    const [output, errors] = [new PassThrough(), new PassThrough()]
    const code = await main([...args, '-c', file], { input: new PassThrough(), output, errors, clock: Date.now })
    output.end()
    errors.end()
    assert.equal(code, 0, await text(errors))
    return text(output)
  }
  return { house, data, connect, portcullis }
}

async function refusedFor(call: Promise<unknown>): Promise<z.infer<typeof refusal>> {
  const { content, _meta } = refused.parse(await call)
  const { [REFUSAL]: said } = _meta
  const { id, url } = said.remedies[0] ?? {}
  assert.equal(
    content[0].text,
    `A person must approve this call. Ask somebody with the right to approve to open ${url} (approval ${id}). Then make the very same call again, with the same arguments.`,
  )
  return said
}

test('a write is done once in either era: approved by an operator, or on the page that the client opens', async (t) => {
  const { house, data, connect, portcullis } = await aHouse(t)

  const legacy = await connect('legacy', {})
  const { code, remedies } = await refusedFor(legacy('old.txt'))
  // Of either era, where no page is opened.
  assert.equal((await refusedFor((await connect({ pin: '2026-07-28' }, {}))('other.txt'))).code, 'approval_required')
  const id = remedies[0]?.id ?? ''
  assert.deepEqual([code, existsSync(join(data, 'old.txt'))], ['approval_required', false])
  const waiting = listed.parse(JSON.parse(await portcullis('approvals', 'list', '--json'))).filter((one) => one.id === id)
  assert.deepEqual(
    waiting.map((one) => [one.id, one.status, one.arguments.path]),
    [[id, 'pending', join(data, 'old.txt')]],
  )
  assert.match(
    await portcullis('approvals', 'show', id),
    new RegExp(`what +tools/call files/write_file\\n[^]*"path": "${join(data, 'old.txt')}"`),
  )
  assert.equal(await portcullis('approvals', 'approve', id), `${id}: approved\n`)
  await legacy('old.txt')
  assert.equal(readFileSync(join(data, 'old.txt'), 'utf8'), 'old.txt')
  rmSync(join(data, 'old.txt'))
  const replay = await refusedFor(legacy('old.txt'))
  await portcullis('approvals', 'deny', replay.remedies[0]?.id ?? '')
  await assert.rejects(legacy('old.txt'))
  assert.ok(!existsSync(join(data, 'old.txt')))

  const opened: string[] = []
  const modern = await connect({ pin: '2026-07-28' }, { elicitation: { url: {} } }, async (url) => {
    opened.push(url)
    // A person elsewhere, signed in.
    await house.gateway.house.approvals.settle(url.slice(-36), 'approve', ALICE)
  })
  await modern('new.txt')
  assert.equal(readFileSync(join(data, 'new.txt'), 'utf8'), 'new.txt')
  assert.deepEqual([opened.length, opened[0]?.startsWith(`${house.admin}/approvals/`)], [1, true])

  const by = (await house.events())
    .filter(({ type }) => type.startsWith('approval.'))
    .map(({ type, by: who }) => [type, who?.split(':')[0]])
  assert.deepEqual(by, [
    ['approval.requested', undefined],
    ['approval.requested', undefined],
    ['approval.approved', 'cli'],
    ['approval.executed', undefined],
    ['approval.requested', undefined],
    ['approval.denied', 'cli'],
    ['approval.requested', undefined],
    ['approval.approved', 'local#alice'],
    ['approval.executed', undefined],
  ])
})
