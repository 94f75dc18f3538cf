/** keys.ts: variants of member names, where names have a meaning. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkArgumentKeys, checkFilterKeys, checkMetaKeys, checkParamsKeys, checkReferenceKeys } from '../../src/mcp/keys.ts'

test('exact names and unknown ones pass', () => {
  checkParamsKeys({ name: 'a', arguments: {}, _meta: {}, extra: 1, taskId: 'x' })
  checkMetaKeys({ progressToken: 1, 'io.modelcontextprotocol/protocolVersion': 'x', 'com.example/Thing': 1 })
  checkArgumentKeys({ path: 'a', Name: 'b', userId: 'c', adı: 'd' })
})
for (const name of ['Name', 'NAME', 'taskid', 'URI', '_META', 'ur\u0131', 'URİ', '\uff4eame']) {
  test(`${name} is not a parameter`, () => assert.throws(() => checkParamsKeys({ [name]: 1 }), { code: 'malformed' }))
}
test('variants of each other are refused, also beyond ASCII', () => {
  assert.throws(() => checkArgumentKeys({ userId: 1, userid: 2 }), { code: 'malformed' })
  assert.throws(() => checkArgumentKeys({ Äpfel: 1, äpfel: 2 }), { code: 'malformed' })
  assert.throws(() => checkArgumentKeys({ a: 1, userID: 1, userId: 2 }), { code: 'malformed' })
})
test('so is what somebody wants to listen to: a list that is not narrowed must not be another spelling of one that is', () => {
  checkFilterKeys({ resourceSubscriptions: [], taskIds: [], toolsListChanged: true, later: 1 })
  for (const name of ['ResourceSubscriptions', 'TASKIDS', 'task\u0131ds'])
    assert.throws(() => checkFilterKeys({ [name]: [] }), { code: 'malformed' })
})
test('a reference and _meta are read by name too', () => {
  assert.throws(() => checkReferenceKeys({ type: 'ref/prompt', Name: 'x' }), { code: 'malformed' })
  assert.throws(() => checkMetaKeys({ ProgressToken: 1 }), { code: 'malformed' })
})
