import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { POLICY_FILE_MAX_BYTES, parsePolicies, readPolicies } from '../../src/policy/load.ts'

const parse = (text: string) => parsePolicies({ path: 'policy/a.cedar', text })
const PERMIT = 'permit (principal, action, resource);'

test('policies keep the order of their file', () => {
  const ids = Array.from({ length: 12 }, (_, index) => `p${index}`)
  const policies = parse(ids.map((id) => `@id("${id}") ${PERMIT}`).join('\n'))

  assert.deepEqual(
    policies.map(({ id }) => id),
    ids,
  )
})

test('a policy without @id is named by file and line', () => {
  const policies = parse(`// one\n\n${PERMIT} ${PERMIT.replace('permit', 'forbid')}\n`)

  assert.deepEqual(
    policies.map(({ id }) => id),
    ['policy/a.cedar:3', 'policy/a.cedar:3'],
  )
})

test('semicolons, quotes and slashes within strings and comments end nothing', () => {
  const policies = parse(`// a; "b\n@id("x;\\"//") permit (principal, action, resource) when { "//;" == "\\\\" }; // c;\n${PERMIT}\r\n//;`)

  assert.equal(policies.length, 2)
  assert.equal(policies[0]?.id, 'x;"//')
})

test('a syntax error is told as file:line:column, counted in characters', () => {
  const text = `// ünïcödé 🙂\n${PERMIT}\npermit (principal, acton, resource);`

  assert.throws(() => parse(text), { code: 'FAULT_POLICY', message: /^policy\/a\.cedar:3:20: / })
})

test('the column is right behind characters of several bytes', () => {
  const text = `permit (principal, action, resource) when { "é🙂" == principal.kind and true };`

  assert.throws(() => parse(text), { code: 'FAULT_POLICY', message: new RegExp(`^policy/a\\.cedar:1:${text.indexOf('and') + 1}: `) })
})

test('templates are refused', () => {
  assert.throws(() => parse('permit (principal == ?principal, action, resource);'), { code: 'FAULT_POLICY', message: /template/ })
})

test('an empty file holds no policies', () => {
  assert.deepEqual(parse('// nothing here\n'), [])
})

test('files are read as they are, and what is not UTF-8, too large or absent is a fault', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'policy-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const write = (name: string, bytes: Uint8Array | string) => {
    writeFileSync(join(directory, name), bytes)
    return join(directory, name)
  }

  assert.equal(readPolicies([write('a.cedar', PERMIT)])[0]?.text, PERMIT)
  assert.throws(() => readPolicies([write('b.cedar', Uint8Array.of(0xff))]), { code: 'FAULT_POLICY', message: /b\.cedar: / })
  assert.throws(() => readPolicies([write('c.cedar', ' '.repeat(POLICY_FILE_MAX_BYTES + 1))]), {
    code: 'FAULT_POLICY',
    message: /larger than/,
  })
  assert.throws(() => readPolicies([join(directory, 'none.cedar')]), { code: 'FAULT_POLICY', message: /none\.cedar: ENOENT/ })
})
