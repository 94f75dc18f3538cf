/** The settings of approvals and of the admin listener. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Config } from '../../src/config/config.ts'
import { parseConfig } from '../../src/config/load.ts'
import { adminUrlOf } from '../../src/config/public-url.ts'
import { Fault } from '../../src/core/denial.ts'

const SECRET = 'hG7tD0sA5zLcEwXiOpKvR2kQ9xW4mN8bT1rY6uJ3f'
const parse = (yaml: string): Config => parseConfig(yaml, { file: 'p.yaml', environment: {} })

function mistakes(yaml: string): readonly string[] {
  try {
    parse(yaml)
  } catch (error) {
    assert.ok(error instanceof Fault)
    return error.message.split('\n')
  }
  return []
}

test('unless written, admins approve within ten minutes, twenty wait for one caller, and there is no admin listener', () => {
  const { approval, admin, adminUrl } = parse('')
  assert.deepEqual(
    [approval, admin, adminUrl],
    [{ expiresMs: 600_000, pending: 20, approvers: ['admin'], fourEyes: false }, undefined, undefined],
  )
})

test('what is written counts, and the secret does not print', () => {
  const { approval, admin } = parse(
    `admin: 127.0.0.1:9090\napproval: { expires: 1h, pending: 3, approvers: [oncall], fourEyes: true, notify: { webhook: "https://hooks.example.com/x", secret: "${SECRET}" } }`,
  )
  assert.deepEqual(
    [approval.expiresMs, approval.pending, approval.approvers, approval.fourEyes, approval.notify?.webhook, approval.notify?.allowPrivate],
    [3_600_000, 3, ['oncall'], true, 'https://hooks.example.com/x', false],
  )
  assert.ok(!JSON.stringify(approval).includes(SECRET))
  assert.equal(adminUrlOf({}, admin ?? { host: '', port: 0 }), 'http://127.0.0.1:9090')
})

test('a secret that could be guessed is refused, and so are pages without https that others are to reach in profile strict', () => {
  assert.match(
    mistakes('approval: { notify: { webhook: "https://x.example", secret: secret } }')[0] ?? '',
    /approval\.notify\.secret: expected at least 32 bytes/,
  )
  assert.match(mistakes('profile: strict\nadmin: 10.0.0.1:9090')[0] ?? '', /p\.yaml:2:8: admin: expected an https:\/\/ adminUrl/)
  assert.deepEqual(mistakes('profile: strict\nadmin: 10.0.0.1:9090\nadminUrl: https://approve.example.com'), [])
  const staff = 'name: Staff, issuer: "https://id.example", clientId: x'
  const roles = 'roles: { claim: groups, map: { staff: admin } }'
  assert.match(mistakes(`adminSignIn: [{ ${staff}, ${roles} }]`)[0] ?? '', /adminSignIn: expected admin beside it/)
  assert.match(mistakes(`admin: 127.0.0.1:9\nadminSignIn: [{ ${staff} }]`)[0] ?? '', /adminSignIn\[0\]: expected roles/)
  const twice = `admin: 127.0.0.1:9\nadminSignIn: [{ ${staff}, ${roles} }, { ${staff}, ${roles} }]`
  assert.match(mistakes(twice)[0] ?? '', /adminSignIn\[1\]\.name: expected a name of its own/)
  assert.match(mistakes('access: { tools: { x: { approval: perhaps } } }')[0] ?? '', /expected true or false/)
})
