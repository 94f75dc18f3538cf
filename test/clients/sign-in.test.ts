/** mcp-remote and the MCP Inspector sign in at a gateway by themselves: nobody tells them anything but its URL. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { aSignInHouse, aToken, type SignInHouse } from '../fixtures/sign-in.ts'
import { type Home, newHome } from './clients.ts'
import { inspector, mcpRemote, type SignedIn } from './programs.ts'

let house: SignInHouse
let home: Home

before(async () => {
  house = await aSignInHouse()
  home = await newHome()
})
after(async () => {
  await house[Symbol.asyncDispose]()
  await home.remove()
})

const clientOf = ({ opened }: SignedIn): string | null => new URL(opened[0] ?? '').searchParams.get('client_id')

async function listsAndCalls(program: SignedIn): Promise<void> {
  assert.deepEqual(await program.tools(), ['echo', 'purge'])
  assert.deepEqual(await program.call('echo', { message: 'hello' }), { kind: 'answered', text: 'hello' })
}

describe('mcp-remote', { concurrency: false }, () => {
  test('registers, signs in, lists and calls; a call that needs more scopes asks for all of them once, and succeeds', async () => {
    const program = await mcpRemote(house.endpoint, home)
    try {
      await listsAndCalls(program)
      assert.equal(program.opened.length, 1)
      assert.deepEqual(await program.call('purge', {}), { kind: 'answered', text: 'purged' })
      const scopes = new URL(program.opened[1] ?? '').searchParams.get('scope')?.split(' ').sort()
      assert.deepEqual([program.opened.length, scopes], [2, ['tools:audit', 'tools:read', 'tools:write']])
    } finally {
      await program.close()
    }
  })

  test('comes back without a browser, on what it kept', async () => {
    const program = await mcpRemote(house.endpoint, home)
    try {
      await listsAndCalls(program)
      assert.deepEqual(program.opened, [])
    } finally {
      await program.close()
    }
  })

  test('is known by a metadata document where it is told one', async () => {
    const other = await newHome()
    const program = await mcpRemote(house.endpoint, other, '--client-metadata-url', house.document)
    try {
      await listsAndCalls(program)
      assert.equal(clientOf(program), house.document)
    } finally {
      await program.close()
      await other.remove()
    }
  })

  test('signs in by the device grant where there is no browser at all', async () => {
    const other = await newHome()
    const program = await mcpRemote(house.endpoint, other, '--device-code')
    try {
      await listsAndCalls(program)
      assert.match(program.opened[0] ?? '', /\/device\?user_code=/)
    } finally {
      await program.close()
      await other.remove()
    }
  })
})

describe('MCP Inspector CLI', { concurrency: false }, () => {
  for (const era of ['legacy', 'modern']) {
    test(`era ${era}: registers, signs in, lists, and calls on what it kept`, async () => {
      const own = await newHome()
      const program = inspector(house.endpoint, own, '--protocol-era', era, '--callback-url', 'http://127.0.0.1:0/oauth/callback')
      await listsAndCalls(program)
      assert.equal(program.opened.length, 1)
      await own.remove()
    })
  }

  test('is known by a metadata document where it is told one', async () => {
    const own = await newHome()
    const more = ['--client-metadata-url', house.document, '--callback-url', 'http://127.0.0.1:0/oauth/callback']
    const program = inspector(house.endpoint, own, ...more)
    await listsAndCalls(program)
    assert.equal(clientOf(program), house.document)
    await own.remove()
  })

  test('lists and calls with a token that it is handed', async () => {
    const { token } = await aToken(house)
    const program = inspector(house.endpoint, home, '--header', `Authorization: Bearer ${token}`)
    await listsAndCalls(program)
    assert.deepEqual(program.opened, [])
  })
})

test('every sign-in and every registration is in history, and no token is', async () => {
  const events = await house.events()
  for (const type of ['oauth.registered', 'oauth.signed_in', 'oauth.issued'])
    assert.ok(
      events.some((event) => event.type === type),
      type,
    )
  assert.doesNotMatch(JSON.stringify(events), /eyJ[\w-]+\.eyJ/)
})
