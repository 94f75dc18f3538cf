/** Real clients against a real gateway in front of both servers of the quickstart: they see and do what their key may, no more. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { CLIENTS, type Conversation } from './clients.ts'
import { type Quickstart, startQuickstart } from './quickstart.ts'

let quickstart: Quickstart
const keys = { user: '', guest: '', narrow: '', admin: '' }

before(async () => {
  quickstart = await startQuickstart()
  const create = async (roles: readonly string[], allow: readonly string[] = []): Promise<string> =>
    (await quickstart.gateway.createKey({ roles, allow })).key
  keys.user = await create(['user'])
  keys.guest = await create(['guest'])
  keys.admin = await create(['admin'])
  keys.narrow = await create(['admin'], ['files/read_*', 'secure/echo'])
})
after(() => quickstart?.stop())

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
      const conversation = await client.connect(`${quickstart.gateway.url}/mcp/${server}`, key)
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
      const url = `${quickstart.gateway.url}/mcp/secure`
      await assert.rejects(client.connect(url, undefined))
      await assert.rejects(client.connect(url, `${keys.user.slice(0, -7)}0000000`))
    })
  })
}

test('a guest sees no file and an administrator lists users', async () => {
  const client = CLIENTS[0]
  assert.ok(client)
  const guest = await client.connect(`${quickstart.gateway.url}/mcp/files`, keys.guest)
  assert.deepEqual(await guest.tools(), [])
  await guest.close()
  const admin = await client.connect(`${quickstart.gateway.url}/mcp/secure`, keys.admin)
  assert.match((await admin.call('list_users', {})).text, /Ada Lovelace/)
  await admin.close()
})
