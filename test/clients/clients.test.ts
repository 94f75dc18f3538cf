/** `npm start`, then real clients against the endpoints that it printed, with the key that it printed: they see and do what it may, no more. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { ListRootsRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { z } from 'zod'
import { CLIENTS, type Conversation, namesOf, overStdio } from './clients.ts'
import { type Quickstart, startQuickstart } from './quickstart.ts'

const answer = z.object({ result: z.unknown() })
/** A line pasted into a shell. */
const paste = (line: string) => promisify(execFile)('/bin/sh', ['-c', line])
const isCurlThere = existsSync('/usr/bin/curl') || existsSync('/bin/curl')
/** Loudly where somebody reads it; in CI it is installed, so there its absence is a failure. */
const CURL = !isCurlThere && process.env['CI'] === undefined ? 'curl is not installed (apt-get install curl)' : false

let quickstart: Quickstart
const keys = { user: '', guest: '', narrow: '', admin: '' }

before(async () => {
  quickstart = await startQuickstart()
  keys.user = quickstart.printed.key
  const { createKey } = quickstart
  const narrow = createKey({ roles: ['admin'], allow: ['files/read_*', 'secure/echo'] })
  const made = await Promise.all([createKey({ roles: ['guest'] }), createKey({ roles: ['admin'] }), narrow])
  ;[keys.guest, keys.admin, keys.narrow] = made
})
after(() => quickstart?.stop())

const endpoint = (server: string): string => quickstart.printed.endpoints[server] ?? assert.fail(`no endpoint of ${server} was printed`)

const READERS = [
  'directory_tree',
  'get_file_info',
  'list_allowed_directories',
  'list_directory',
  'list_directory_with_sizes',
  'read_file',
  'read_media_file',
  'read_multiple_files',
  'read_text_file',
  'search_files',
]

for (const client of CLIENTS) {
  describe(client.name, { concurrency: false }, () => {
    const converse = async (server: string, key: string, body: (conversation: Conversation) => Promise<void>): Promise<void> => {
      const conversation = await client.connect(endpoint(server), key)
      try {
        await body(conversation)
      } finally {
        await conversation.close()
      }
    }

    test('a user sees and uses the readers of the files server', () =>
      converse('files', keys.user, async (conversation) => {
        assert.deepEqual(await conversation.tools(), READERS)
        const read = await conversation.call('read_text_file', { path: join(quickstart.data, 'recipes/bread.md') })
        assert.equal(read.kind, 'answered')
        assert.match(read.text, /500 g flour/)
      }))

    test('a user is refused what it may not do, and nothing happens', () =>
      converse('files', keys.user, async (conversation) => {
        const path = join(quickstart.data, `written-by-${client.name.replace(/\W/g, '-')}.txt`)
        const refused = await conversation.call('write_file', { path, content: 'x' })
        assert.equal(refused.kind, 'refused')
        assert.match(refused.text, /Unknown tool|not found/i)
        assert.equal(existsSync(path), false)
      }))

    test('the tools of the example server are those of the role', () =>
      converse('secure', keys.user, async (conversation) => {
        assert.deepEqual(await conversation.tools(), ['echo', 'get_time', 'get_weather', 'write_file'])
        assert.deepEqual(await conversation.call('echo', { text: 'héllo' }), { kind: 'answered', text: 'héllo' })
        assert.equal((await conversation.call('list_users', {})).kind, 'refused')
      }))

    test('the allow-list of a key is a ceiling over its role', () =>
      converse('secure', keys.narrow, async (conversation) => {
        assert.deepEqual(await conversation.tools(), ['echo'])
        assert.equal((await conversation.call('list_users', {})).kind, 'refused')
      }))

    test('without a key, and with a wrong one, nobody gets in', async () => {
      const url = endpoint('secure')
      await assert.rejects(client.connect(url, undefined))
      await assert.rejects(client.connect(url, `${keys.user.slice(0, -7)}0000000`))
    })
  })
}

test('a guest sees no file and an administrator lists users', async () => {
  const client = CLIENTS[0]
  assert.ok(client)
  const guest = await client.connect(endpoint('files'), keys.guest)
  assert.deepEqual(await guest.tools(), [])
  await guest.close()
  const admin = await client.connect(endpoint('secure'), keys.admin)
  assert.match((await admin.call('list_users', {})).text, /Ada Lovelace/)
  await admin.close()
})

describe('what npm start prints', () => {
  test('is an endpoint for each server, and a key', () => {
    const { endpoints, key } = quickstart.printed
    assert.deepEqual(Object.keys(endpoints), ['files', 'secure'])
    for (const [name, url] of Object.entries(endpoints)) assert.match(url, new RegExp(`^http://127\\.0\\.0\\.1:[1-9]\\d*/mcp/${name}$`))
    assert.match(key, /^mcp_[0-9A-Za-z]{12}_[0-9A-Za-z]{38}$/)
  })

  test('is where the dashboard is, which asks who comes', async () => {
    const page = await fetch(quickstart.printed.dashboard)
    assert.equal(page.status, 200)
    assert.match(await page.text(), /<input[^>]+type="password"/)
  })

  test('the line for curl lists tools when it is pasted', { skip: CURL }, async () => {
    const { stdout } = await paste(quickstart.printed.curl)
    assert.deepEqual(namesOf(answer.parse(JSON.parse(stdout)).result), ['echo', 'get_time', 'get_weather', 'write_file'])
  })

  test('the lines for Claude Code say to a shell what a client needs: transport, name, URL and header', async () => {
    // Claude Code itself is not here: what a shell would hand to it is.
    const told = quickstart.printed.claude.map((line) => paste(`claude() { printf '%s\\n' "$@"; }; ${line}`))
    const words = (await Promise.all(told)).map(({ stdout }) => stdout.trimEnd().split('\n'))
    const { endpoints, key } = quickstart.printed
    assert.deepEqual(
      words,
      Object.entries(endpoints).map(([name, url]) => ['mcp', 'add', '--transport', 'http', name, url, '--header', `X-API-Key: ${key}`]),
    )
  })

  test('the entry for Claude Desktop starts a server that its key may read from and not write to', async () => {
    const entry = quickstart.printed.desktop['files'] ?? assert.fail('no entry of files was printed')
    const conversation = await overStdio(entry)
    try {
      assert.deepEqual(await conversation.tools(), READERS)
      const read = await conversation.call('read_text_file', { path: join(quickstart.data, 'recipes/bread.md') })
      assert.match(read.text, /500 g flour/)
      const path = join(quickstart.data, 'written-over-stdio.txt')
      assert.equal((await conversation.call('write_file', { path, content: 'x' })).kind, 'refused')
      assert.equal(existsSync(path), false)
    } finally {
      await conversation.close()
    }
  })

  test('without its key the entry for Claude Desktop starts nothing that answers', async () => {
    const entry = quickstart.printed.desktop['files'] ?? assert.fail('no entry of files was printed')
    await assert.rejects(overStdio({ ...entry, env: {} }), /A credential is needed/)
  })
})

test('a caller that declares a folder of the machine as its root reads nothing there', async () => {
  const outside = await realpath(await mkdtemp(join(tmpdir(), 'portcullis-outside-')))
  await writeFile(join(outside, 'secret.txt'), 'not for callers')
  const client = new Client({ name: 'roots', version: '1.0.0' }, { capabilities: { roots: { listChanged: true } } })
  client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: `file://${outside}` }] }))
  const transport = new StreamableHTTPClientTransport(new URL(endpoint('files')), { requestInit: { headers: { 'x-api-key': keys.user } } })
  // The SDK's own types do not hold under exactOptionalPropertyTypes (sessionId).
  await client.connect(transport as Transport)
  try {
    // The filesystem server would take them for the folders that it may show.
    await client.sendRootsListChanged()
    for (let attempt = 0; attempt < 5; attempt++) {
      const read = await client.callTool({ name: 'read_text_file', arguments: { path: join(outside, 'secret.txt') } })
      assert.equal(read.isError, true)
      assert.doesNotMatch(JSON.stringify(read.content), /not for callers/)
    }
    const still = await client.callTool({ name: 'read_text_file', arguments: { path: join(quickstart.data, 'welcome.md') } })
    assert.notEqual(still.isError, true)
  } finally {
    await client.close()
    await rm(outside, { recursive: true, force: true })
  }
})
