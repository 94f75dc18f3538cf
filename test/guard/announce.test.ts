import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseConfig } from '../../src/config/load.ts'
import { type Announcement, announcementOf } from '../../src/guard/announce.ts'

const said = (authentication: string, issues: boolean): Announcement =>
  announcementOf(
    parseConfig(`store: ":memory:"\nauthentication: ${authentication}\naccess: { roles: { guest: {} } }\n`, { file: 'portcullis.yaml' }),
    issues,
  )

test('what is announced is how callers may be known here, and whether they must', () => {
  const secret = '{ jwtSecret: fM3vQ9xT2bL7kW5pR8sZ4nJ6hC1dG0yA }'
  for (const [authentication, issues, required, types] of [
    ['{}', true, true, ['api-key']],
    [secret, false, true, ['api-key', 'bearer']],
    ['{ issuers: [{ issuer: "https://login.example.com", audience: "https://mcp.example.com" }] }', false, true, ['api-key', 'bearer']],
    ['{ oauth: {} }', true, true, ['api-key', 'bearer']],
    // A guarded server takes no tokens of an authorization server that only the gateway has.
    ['{ oauth: {} }', false, true, ['api-key']],
    ['{ anonymous: { roles: [guest] } }', true, false, ['api-key']],
  ] as const)
    assert.deepEqual(said(authentication, issues), { required, types }, authentication)
})
