import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseConfig } from '../../src/config/load.ts'
import { doubtfulNames } from '../../src/config/names.ts'
import { showPath } from '../../src/config/source.ts'

const ROOT = join(import.meta.dirname, '../..')
const SECRET = 'kJ8vQ2mZr5tYwX1nB4cD7fG0hL3pS6uA'

/** Whatever is asked for is there. */
const environmentOf = (text: string): Readonly<Record<string, string>> =>
  Object.fromEntries([...text.matchAll(/\$\{([A-Z_]+)\}/g)].map(([, name = '']) => [name, SECRET]))

function doubts(text: string, named: readonly string[] = []): readonly string[] {
  const config = parseConfig(text, { file: 'portcullis.yaml', environment: environmentOf(text) })
  return doubtfulNames(config, (role) => named.includes(role)).map(({ path, told }) => `${showPath(path)}: ${told}`)
}

const ROLES = 'roles: { guest: {}, reader: { permissions: ["files:read"] }, writer: { inherits: reader, permissions: ["files:write"] } }'
const SERVERS = 'servers: { files: { command: [x] }, weather: { url: "https://weather.example/mcp" } }'

test('a role that is asked for and that nobody can have is doubtful, and so is one that is given and good for nothing', () => {
  assert.deepEqual(
    doubts(`
access: { ${ROLES} }
limits: { roles: { raeder: 1/s, reader: 1/s } }
approval: { approvers: [admn, writer] }
adminServer: [operators]
authentication:
  anonymous: { roles: [gest] }
  issuers: [{ issuer: "https://id.example.com", roles: { claim: groups, map: { staff: [reader, wroter] } } }]
  certificates: { subject: san-uri, roles: { "spiffe://a/*": servce } }
  oauth:
    signIn: [{ name: A, issuer: "https://a.example", clientId: a, roles: { claim: g, map: { x: reeder } } }]
    assertions: [{ issuer: "https://b.example", kind: workload, workloads: [{ subject: s, roles: [bots] }] }]
admin: 127.0.0.1:9090
adminSignIn: [{ name: A, issuer: "https://a.example", clientId: a, roles: { claim: g, map: { x: adnin } } }]
tls: { certificate: a, key: b, clientCa: c }
`),
    [
      'authentication.anonymous.roles[0]: no role of access.roles is called gest, did you mean guest?',
      'authentication.certificates.roles.spiffe://a/*[0]: no role of access.roles is called servce, did you mean service?',
      'authentication.issuers[0].roles.map.staff[1]: no role of access.roles is called wroter, did you mean writer?',
      'adminSignIn[0].roles.map.x[0]: no role of access.roles is called adnin, did you mean admin?',
      'authentication.oauth.signIn[0].roles.map.x[0]: no role of access.roles is called reeder, did you mean reader?',
      'authentication.oauth.assertions[0].workloads[0].roles[0]: no role of access.roles is called bots; if it is meant, write it there',
      'limits.roles.raeder: no role of access.roles is called raeder, did you mean reader?',
      'approval.approvers[0]: no role of access.roles is called admn, did you mean admin?',
      'adminServer[0]: no role of access.roles is called operators; if it is meant, write it there',
    ],
  )
})

test('a role is known that access.roles has, that a policy names, that one part of the file gives and another asks for, and that the house knows', () => {
  const text = `
access: { ${ROLES} }
limits: { roles: { auditor: 1/s } }
approval: { approvers: [admin, boss] }
authentication: { issuers: [{ issuer: "https://id.example.com", roles: { claim: groups, map: { chiefs: boss, machines: service } } }] }
`
  assert.deepEqual(doubts(text, ['auditor']), [])
  assert.equal(doubts(text).length, 1)
})

test('a row about a server that is not there is doubtful; a label only where it looks like a slip, because labels are written ahead', () => {
  assert.deepEqual(
    doubts(`
${SERVERS}
access:
  tools: { fils/read_file: {}, files/x: {}, "wea*/get": {}, get_*: {}, github/read: {} }
  prompts: { wether/today: {} }
  resources: [{ uri: "file:///**", server: flies }, { uri: "file:///**", server: "f*" }]
limits: { tools: { filez/x: 1/s } }
flow:
  labels: { filez/read_*: [confidential], web/fetch: [untrusted] }
  sinks: { mail/send: external, weathr/tell: external }
  stores: { memory: { write: "memory/create_*", read: ["file/read", "memory/read"] } }
handles: { cart: { made: { shop/create: /id }, used: { flies/use: /id } } }
`),
    [
      'access.tools.fils/read_file: no server is called fils, did you mean files?',
      'access.tools.github/read: no server is called github, so this is about nothing',
      'access.prompts.wether/today: no server is called wether, did you mean weather?',
      'limits.tools.filez/x: no server is called filez, did you mean files?',
      'access.resources[0].server: no server is called flies, did you mean files?',
      'flow.labels.filez/read_*: no server is called filez, did you mean files?',
      'flow.sinks.weathr/tell: no server is called weathr, did you mean weather?',
      'flow.stores.memory.read[0]: no server is called file, did you mean files?',
      'handles.cart.used.flies/use: no server is called flies, did you mean files?',
    ],
  )
})

test('where no server is written, a program names it: nothing is doubtful then', () => {
  assert.deepEqual(doubts(`adminServer: [admin]\naccess: { ${ROLES}, tools: { notes/read: { permission: "files:read" } } }\n`), [])
})

test('a permission that no role has opens nothing', () => {
  assert.deepEqual(
    doubts(`
access:
  roles: { reader: { permissions: ["files:*"] }, writer: { permissions: ["notes:write"] } }
  tools: { a: { permission: "files:wriet" }, b: { permission: "note:write" }, c: { permission: "mail:send" } }
  prompts: { d: { permission: "notes:wriet" } }
`),
    [
      'access.tools.b.permission: no role has note:write, did you mean notes:write?',
      'access.tools.c.permission: no role has mail:send, so it opens this to nobody',
      'access.prompts.d.permission: no role has notes:wriet, did you mean notes:write?',
    ],
  )
})

test('an approval for which there is no page is doubtful, and so more than ever is one that nobody can give', () => {
  const tools = 'access: { tools: { a: {}, b: { approval: true }, c: { approval: true } } }\n'
  assert.match(
    doubts(tools).join(),
    /^access\.tools\.b\.approval: without "admin" there is no page.*portcullis approvals approve[^,]*, on a machine with this file$/,
  )
  assert.match(doubts(`store: ":memory:"\n${tools}`).join(), /^access\.tools\.b\.approval: nobody can ever say yes/)
  assert.deepEqual(doubts(`admin: 127.0.0.1:9090\n${tools}`), [])
})

test('nothing is doubtful in what is shipped and written down as an example', () => {
  const files = [
    'README.md',
    ...globSync(['docs/*.md', 'examples/*/portcullis.yaml', 'deploy/portcullis.yaml', 'src/cli/init/*.yaml'], { cwd: ROOT }),
  ]
  const texts = files.flatMap((file) => {
    const text = readFileSync(join(ROOT, file), 'utf8')
    return file.endsWith('.md') ? [...text.matchAll(/^```yaml\n(.*?)^```/gms)].map(([, block = '']) => block) : [text]
  })
  const whole = texts.filter((text) => {
    try {
      return doubts(text).length >= 0
    } catch {
      // A part of a file that is none by itself.
      return false
    }
  })
  assert.ok(whole.length > texts.length - 5, `${whole.length} of ${texts.length}`)
  for (const text of whole) assert.deepEqual(doubts(text), [], text)
})
