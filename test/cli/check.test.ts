import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { install } from './portcullis.ts'

test('init writes a configuration and a policy folder that check accepts, and overwrites nothing', async (t) => {
  const there = install(t)
  assert.equal((await there.run(['init'])).code, 0)
  const written = readFileSync(join(there.folder, 'portcullis.yaml'), 'utf8')
  const checked = await there.run(['check', '--json'])
  assert.equal(checked.code, 0, checked.errors)
  assert.equal(JSON.parse(checked.out).ok, true)
  const again = await there.run(['init'])
  assert.equal(again.code, 1)
  assert.match(again.errors, /portcullis\.yaml.*is not overwritten/)
  assert.equal(readFileSync(join(there.folder, 'portcullis.yaml'), 'utf8'), written)
})

/** Settings of the file that are off, each with the lines that stand deeper below it: by number, from 0. */
function settingsThatAreOff(lines: readonly string[]): readonly (readonly number[])[] {
  const blocks: number[][] = []
  for (const [at, line] of lines.entries()) {
    const [, deeper] = /^ *# (?:( +)|\w)/.exec(line) ?? []
    if (!/^ *# /.test(line)) continue
    if (deeper === undefined) blocks.push([at])
    else blocks.at(-1)?.push(at)
  }
  return blocks
}

test('every setting that init writes as a comment counts once "# " is taken out of its lines, each alone and all together', async (t) => {
  const there = install(t)
  await there.run(['init'])
  const lines = readFileSync(join(there.folder, 'portcullis.yaml'), 'utf8').split('\n')
  const env = { WEATHER_API_KEY: 'w3', AUDIT_SECRET: 'kJ8vQ2mZr5tYwX1nB4cD7fG0hL3pS6uA' }
  const blocks = settingsThatAreOff(lines)
  assert.ok(blocks.length > 20, String(blocks.length))
  // What an editor does to the lines that are selected.
  const without = (off: readonly number[]): string => lines.map((line, at) => (off.includes(at) ? line.replace('# ', '') : line)).join('\n')
  for (const block of [...blocks, blocks.flat()]) {
    there.write('portcullis.yaml', without(block))
    const { code, out, errors } = await there.run(['check', '--json'], { env })
    assert.equal(code, 0, errors)
    const about = JSON.parse(out).warnings.filter(
      (line: string) => !/mcp-server-filesystem is not found|\.sandbox: |tls\/server\.(crt|key): there is no such file/.test(line),
    )
    assert.deepEqual(about, [])
    assert.notDeepEqual(parse(without(block)), parse(lines.join('\n')))
  }
})

test('what init says comes next can be typed as it stands, also where the folder is another', async (t) => {
  const there = install(t)
  const [here, other] = [await there.run(['init']), await there.run(['init', "it's new"])]
  assert.match(here.out, /\n {2}1\. name your servers in portcullis\.yaml\n {2}2\. portcullis check\n/)
  assert.match(other.out, /\n {2}1\. cd 'it'\\''s new'\n {2}2\. name your servers/)
})

test('check tells mistakes of the configuration as file:line:column and ends with 3', async (t) => {
  const there = install(t, 'listen: here\nprofil: strict\n')
  const { code, errors } = await there.run(['check'])
  assert.equal(code, 3)
  assert.match(errors, /portcullis\.yaml:1:9: listen: expected host:port/)
  assert.match(errors, /portcullis\.yaml:2:1: profil: unknown setting, did you mean profile\?/)
  assert.match(errors, /portcullis check/)
})

test('check warns of names that lead nowhere, each with its place and what was meant, and of none that a policy names', async (t) => {
  const there = install(
    t,
    `servers: { files: { url: "https://files.example/mcp" } }
access:
  roles: { reader: { permissions: ["files:read"] } }
  tools:
    fils/read_file: { permission: files:read }
  policies: policy.cedar
limits:
  roles: { raeder: 1/s, auditor: 1/s }
`,
  )
  there.write('policy.cedar', '@id("a") permit (principal in Role::"auditor", action, resource);')
  const { code, out } = await there.run(['check', '--json'])
  assert.equal(code, 0)
  assert.deepEqual(JSON.parse(out).warnings, [
    'portcullis.yaml:5:5: access.tools.fils/read_file: no server is called fils, did you mean files?',
    'portcullis.yaml:8:12: limits.roles.raeder: no role of access.roles is called raeder, did you mean reader?',
  ])
  assert.match((await there.run(['check'])).errors, /^warning: portcullis\.yaml:5:5: /)
})

test('check tells of a role, a server and a tool that a policy names and that lead nowhere, where it stands', async (t) => {
  const there = install(
    t,
    `servers: { files: { command: [/usr/bin/true] } }
access:
  roles: { reader: { permissions: [files:read] } }
  policies: policy.cedar
authentication:
  anonymous: { roles: [visitor] }
`,
  )
  const policies = [
    '@id("slip") permit (principal in Role::"raeder", action == Action::"call", resource in Server::"files");',
    '@id("own") permit (principal in Role::"operations", action == Action::"list", resource == Server::"files");',
    '@id("far") forbid (principal in Role::"visitor", action == Action::"call", resource in Server::"fils");',
    '@id("tool") forbid (principal, action == Action::"call", resource == Tool::"warehouse/drop");',
    '@id("good") forbid (principal, action == Action::"call", resource == Tool::"files/drop");',
  ]
  there.write('policy.cedar', policies.join('\n'))
  const [checked, law] = await Promise.all([there.run(['check', '--json']), there.run(['policy', 'check', '--json'])])
  const told = [
    'policy.cedar:1:1: no role of access.roles is called raeder, did you mean reader?',
    'policy.cedar:3:1: no server is called fils, did you mean files?',
    'policy.cedar:4:1: no server is called warehouse, so this is about nothing',
  ]
  assert.deepEqual([checked.code, law.code], [0, 0])
  assert.deepEqual(JSON.parse(law.out).warnings, told)
  assert.deepEqual(
    JSON.parse(checked.out).warnings.filter((line: string) => line.startsWith('policy.cedar')),
    told,
  )
})

test('check tells mistakes of a policy as file:line:column and ends with 3', async (t) => {
  const there = install(t, 'access: { policies: policy/*.cedar }\n')
  mkdirSync(join(there.folder, 'policy'))
  there.write('policy/a.cedar', '@id("a")\npermit (principal, action, resource)\nwhen { resource.colour == "red" };\n')
  const { code, errors } = await there.run(['check'])
  assert.equal(code, 3)
  assert.match(errors, /policy\/a\.cedar:3:\d+: /)
  const json = await there.run(['policy', 'check', '--json'])
  assert.equal(json.code, 3)
  assert.equal(JSON.parse(json.errors).error.code, 'FAULT_POLICY')
})

test('check tells of policies that no file was found for, and of plain http to other machines, where they stand', async (t) => {
  const there = install(t, 'listen: 0.0.0.0:8200\nadmin: 10.0.0.5:8201\naccess:\n  policies: polic/*.cedar\n')
  const shown = await there.run(['check'])
  assert.equal(shown.code, 0)
  assert.match(shown.errors, /^warning: portcullis\.yaml:1:9: listen: plain http to other machines.*publicUrl/m)
  assert.match(shown.errors, /^warning: portcullis\.yaml:2:8: admin: plain http to other machines, and passwords.*adminUrl/m)
  assert.match(shown.errors, /^warning: portcullis\.yaml:4:13: access\.policies: polic\/\*\.cedar finds no file$/m)
  there.write('portcullis.yaml', 'access: { policies: [law.cedar, "polic/*.cedar"] }\n')
  there.write('law.cedar', '')
  const [checked, policies] = await Promise.all([there.run(['check', '--json']), there.run(['policy', 'check', '--json'])])
  const told = ['portcullis.yaml:1:33: access.policies[1]: polic/*.cedar finds no file']
  assert.deepEqual([JSON.parse(checked.out).warnings, JSON.parse(policies.out).warnings], [told, told])
})

test('check tells of files and folders that serve would not start without, where they are written, and makes none', async (t) => {
  const there = install(
    t,
    `store: data/p.db
keyFile: open.key
servers: { files: { url: "https://files.example/mcp", tls: { ca: their.pem } } }
audit: { file: logs/audit.jsonl }
tls: { certificate: a.pem, key: a.key }
publicUrl: https://localhost
`,
  )
  there.write('data', 'a file')
  there.write('open.key', 'x'.repeat(32))
  chmodSync(join(there.folder, 'open.key'), 0o644)
  const { code, out } = await there.run(['check', '--json'])
  assert.equal(code, 0)
  const told: readonly string[] = JSON.parse(out).warnings
  for (const [place, why] of [
    ['1:8: store', 'data is no folder'],
    ['2:10: keyFile', 'open.key can be read by others (mode 644)'],
    ['3:66: servers.files.tls.ca', 'their.pem: there is no such file'],
    ['4:16: audit.file', 'logs: there is no such folder'],
    ['5:21: tls.certificate', 'a.pem: there is no such file'],
    ['5:33: tls.key', 'a.key: there is no such file'],
  ] as const)
    assert.ok(
      told.some((line) => line.startsWith(`portcullis.yaml:${place}: serve does not start: `) && line.includes(why)),
      `${place} ${why} in ${told.join('\n')}`,
    )
  const started = await there.start(['serve']).ended
  assert.notEqual(started.code, 0)
  assert.deepEqual(readdirSync(there.folder).sort(), ['data', 'open.key', 'portcullis.yaml'])
})

test('check tells nothing of files that serve makes itself', async (t) => {
  const there = install(t, 'store: new/deep/p.db\nservers: { files: { url: "https://files.example/mcp" } }\naudit: { file: audit.jsonl }\n')
  const { out } = await there.run(['check', '--json'])
  assert.deepEqual(JSON.parse(out).warnings, [])
  assert.deepEqual(readdirSync(there.folder), ['portcullis.yaml'])
})

test('without a configuration the next step is told', async (t) => {
  const { code, errors } = await install(t).run(['check'])
  assert.equal(code, 3)
  assert.match(errors, /portcullis\.yaml: there is no such file/)
  assert.match(errors, /portcullis init/)
})

test('check --schema prints the JSON Schema of the configuration', async (t) => {
  const { code, out } = await install(t).run(['check', '--schema'])
  assert.equal(code, 0)
  assert.ok(Object.hasOwn(JSON.parse(out).properties, 'servers'))
})

test('a command line that is not understood ends with 2, help with 0 and the table of exit codes', async (t) => {
  const there = install(t, '')
  const [unknown, missing, help, version] = await Promise.all([
    there.run(['nonsense']),
    there.run(['keys', 'create']),
    there.run(['--help']),
    there.run(['--version']),
  ])
  assert.equal(unknown.code, 2)
  assert.deepEqual(await there.start(['nonsense']).ended, unknown)
  assert.equal(missing.code, 2)
  assert.match(missing.errors, /--name/)
  assert.equal(help.code, 0)
  assert.match(help.out, /Exit codes:/)
  assert.equal(version.code, 0)
  assert.match(version.out, /^\d+\.\d+\.\d+\n$/)
})
