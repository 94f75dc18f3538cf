import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { loadConfig, parseConfig, rereading, serverOf } from '../../src/config/load.ts'
import { publicUrlOf } from '../../src/config/public-url.ts'
import { configSchema } from '../../src/config/schema.ts'
import { differing } from '../../src/config/sections.ts'
import { Fault } from '../../src/core/denial.ts'
import { readPolicies } from '../../src/policy/load.ts'

const ENVIRONMENT = { PATH: '/bin', HOME: '/home/x', AWS_SECRET_ACCESS_KEY: 'abc', PORT: '9000', DEPTH: '32', EMPTY: '' }

function parse(text: string, environment: Readonly<Record<string, string>> = ENVIRONMENT) {
  return parseConfig(text, { file: 'portcullis.yaml', environment })
}

function mistakes(text: string, environment = ENVIRONMENT): readonly string[] {
  try {
    parse(text, environment)
  } catch (error) {
    assert.ok(error instanceof Fault)
    assert.equal(error.code, 'FAULT_CONFIG')
    return error.message.split('\n')
  }
  return []
}

test('an empty file is the defaults: loopback, standard, nobody without a key', () => {
  const config = parse('')
  assert.deepEqual(config.listen, { host: '127.0.0.1', port: 8080 })
  assert.equal(publicUrlOf(config), 'http://127.0.0.1:8080')
  assert.equal(config.profile, 'standard')
  assert.equal(config.authentication.anonymous, undefined)
  assert.equal(config.authentication.apiKeys.expiresMs, 90 * 86_400_000)
  assert.equal(config.limits.request.maxBytes, 1024 * 1024)
})

test('spans and sizes are read into milliseconds and bytes, paths into absolute ones', () => {
  const config = parse(`
store: state/p.db
servers:
  files: { command: [./server.js, ./data], timeout: 30s, env: { LOG_LEVEL: info }, cwd: work }
  weather: { url: "https://weather.internal/mcp" }
access: { policies: policy/*.cedar }
audit: { file: stdout, checkpoint: 1m, retain: 90d }
limits: { request: { maxBytes: 64KiB, timeout: 5s } }
`)
  const here = process.cwd()
  assert.equal(config.store, join(here, 'state/p.db'))
  assert.equal(config.keyFile, join(here, 'state/portcullis.key'))
  assert.deepEqual(config.access.policies, [join(here, 'policy/*.cedar')])
  assert.deepEqual(config.audit, { file: 'stdout', checkpointMs: 60_000, retainMs: 7_776_000_000 })
  assert.equal(config.limits.request.maxBytes, 65_536)
  assert.equal(config.limits.request.timeoutMs, 5_000)
  assert.deepEqual(config.servers['weather'], { kind: 'url', url: 'https://weather.internal/mcp', timeoutMs: 60_000 })
  assert.deepEqual(config.servers['files'], {
    kind: 'command',
    program: join(here, 'server.js'),
    arguments: ['./data'],
    env: { PATH: '/bin', HOME: '/home/x', LOG_LEVEL: 'info' },
    cwd: join(here, 'work'),
    timeoutMs: 30_000,
    shared: false,
    roots: false,
    maxProcesses: 32,
    idleMs: 600_000,
  })
})

test('JSON is accepted too', () => {
  assert.equal(parse('{\n\t"listen": "[::1]:0",\n\t"profile": "observe"\n}').listen.host, '::1')
})

test('every mistake is told with its line and column', () => {
  const text = `listen: here
profil: strict
servers:
  Files: { command: [x] }
  both: { command: [x], url: "http://a/" }
  neither: {}
  web: { url: "http://a/", shared: true, timeout: 3 }
limits: { request: { maxBytes: 1MB, maxDept: 3, maxDepth: deep } }
allowedOrigins: ["https://a.example/x", "*"]
`
  assert.deepEqual(mistakes(text), [
    'portcullis.yaml:1:9: listen: expected host:port, such as 127.0.0.1:8080 or [::1]:8080',
    'portcullis.yaml:2:1: profil: unknown setting, did you mean profile?',
    'portcullis.yaml:4:3: servers.Files: expected a server name of lower-case letters, digits and "-", at most 64',
    'portcullis.yaml:5:3: servers.both: expected exactly one of command and url',
    'portcullis.yaml:6:3: servers.neither: expected exactly one of command and url',
    'portcullis.yaml:7:51: servers.web.timeout: expected a span from 100ms to 1h, such as 500ms, 30s, 15m, 24h or 90d',
    'portcullis.yaml:8:37: limits.request.maxDept: unknown setting, did you mean maxDepth?',
    'portcullis.yaml:8:59: limits.request.maxDepth: expected a whole number from 4 to 256',
    'portcullis.yaml:9:18: allowedOrigins[0]: expected an origin such as https://chat.example.com, without a path',
    'portcullis.yaml:9:41: allowedOrigins[1]: expected an origin such as https://chat.example.com, without a path',
  ])
})

test('two listeners with one address are a mistake; any free port, and another address of the machine, are none', () => {
  const expected = (setting: string, other: string, port: number) => `${setting}: expected another port, because ${other} has ${port}`
  const told = (text: string) => mistakes(text).map((line) => line.replace(/^portcullis\.yaml:\d+:\d+: /, ''))
  assert.deepEqual(mistakes('listen: 127.0.0.1:9090\nadmin: localhost:9090\n'), [
    `portcullis.yaml:2:8: ${expected('admin', 'listen', 9090)}`,
  ])
  assert.deepEqual(told('admin: 127.0.0.1:8080\n'), [expected('admin', 'listen', 8080)])
  assert.deepEqual(told('listen: 0.0.0.0:80\nadmin: 127.0.0.1:80\n'), [expected('admin', 'listen', 80)])
  assert.deepEqual(told('listen: 127.0.0.1:80\npeers: { listen: "[::]:80", url: "http://10.0.0.1:80" }\n'), [
    expected('peers.listen', 'listen', 80),
  ])
  assert.deepEqual(told('publicUrl: https://a.example\nadmin: 127.0.0.1:81\ntls: { certificate: a, key: b, redirect: "127.0.0.1:81" }\n'), [
    expected('tls.redirect', 'admin', 81),
  ])
  for (const text of [
    'listen: 127.0.0.1:0\nadmin: 127.0.0.1:0',
    'listen: 127.0.0.1:80\nadmin: 127.0.0.2:80',
    'listen: 0.0.0.0:80\nadmin: "[::1]:80"',
  ])
    assert.deepEqual(told(text), [])
})

test('a name written twice is a mistake where it is written again', () => {
  assert.deepEqual(mistakes('listen: 127.0.0.1:1\nprofile: strict\nlisten: 127.0.0.1:2\n'), [
    'portcullis.yaml:3:1: expected each name once, this one was written before',
  ])
})

test('an alias bomb is refused where the first alias stands', () => {
  const bomb = `a: &a [x, x, x, x, x, x, x, x, x, x]
b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]
c: [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]
`
  assert.deepEqual(mistakes(bomb), ['portcullis.yaml:2:8: expected aliases that unfold to at most 100 values'])
})

test('a mistake behind an alias is told where the value stands', () => {
  const text = 'servers:\n  a: &one { url: "http://a/", timeout: never }\n  b: *one\n'
  assert.deepEqual(
    mistakes(text).map((line) => line.split(': ').slice(0, 2).join(': ')),
    ['portcullis.yaml:2:40: servers.a.timeout', 'portcullis.yaml:2:40: servers.b.timeout'],
  )
})

test('the environment fills scalars after parsing, so it cannot inject settings', () => {
  const config = parse(
    `listen: 127.0.0.1:\${PORT}
profile: \${MISSING:-observe}
limits: { request: { maxDepth: "\${DEPTH}" } }
servers: { a: { command: [run, "\${EVIL}", "$\${PORT}", "\${EMPTY:-x}", "\${EMPTY}"] } }`,
    {
      ...ENVIRONMENT,
      EVIL: 'x", url: http://evil/ }\nprofile: observe',
    },
  )
  assert.equal(config.listen.port, 9000)
  assert.equal(config.profile, 'observe')
  assert.equal(config.limits.request.maxDepth, 32)
  const server = config.servers['a']
  assert.deepEqual(server?.kind === 'command' ? server.arguments : [], ['x", url: http://evil/ }\nprofile: observe', `\${PORT}`, 'x', ''])
})

test('a variable that is not set, and a reference that is not closed, are mistakes with their places', () => {
  assert.deepEqual(mistakes(`profile: standard\npublicUrl: "http://\${HOST_NAME}/"\nstore: "\${oops"\n`), [
    'portcullis.yaml:2:12: expected the environment variable HOST_NAME, which is not set',
    'portcullis.yaml:3:8: expected a variable name and } after ${; a literal ${ is written $${',
  ])
})

test('a mistake never repeats the value, which may be a secret', () => {
  const told = mistakes(`publicUrl: "\${AWS_SECRET_ACCESS_KEY}"\n`).join()
  assert.match(told, /publicUrl: expected an http/)
  assert.doesNotMatch(told, /abc/)
})

test('roles that inherit what is not there, or themselves, are mistakes', () => {
  const text = 'access:\n  roles:\n    a: { inherits: b }\n    b: { inherits: [a] }\n    c: { inherits: nobody }\n'
  assert.deepEqual(mistakes(text), [
    'portcullis.yaml:3:20: access.roles.a.inherits: expected no circle, this role inherits itself',
    'portcullis.yaml:4:10: access.roles.b.inherits: expected no circle, this role inherits itself',
    'portcullis.yaml:5:20: access.roles.c.inherits: expected a role of access.roles, there is no "nobody"',
  ])
})

test('a rule about URIs names roles that there are, or principals', () => {
  const text = 'access:\n  roles: { a: {} }\n  resources:\n    - { uri: "file:///**", read: [a, "key#1", b], subscribe: [c] }\n'
  assert.deepEqual(mistakes(text), [
    'portcullis.yaml:4:47: access.resources[0].read[2]: expected a role of access.roles, or a principal as issuer#subject',
    'portcullis.yaml:4:63: access.resources[0].subscribe[0]: expected a role of access.roles, or a principal as issuer#subject',
  ])
})

test('strict takes no anonymous callers and no plain http beyond this machine', () => {
  assert.deepEqual(
    mistakes(
      'profile: strict\nlisten: 0.0.0.0:80\npublicUrl: http://mcp.example.com\nauthentication: { anonymous: { roles: [guest] } }\n',
    ).map((line) => line.split(': ')[1]),
    ['publicUrl', 'authentication.anonymous'],
  )
  const servers = 'servers: { near: { url: "http://127.0.0.1:9/" }, far: { url: "http://tools.internal/mcp" } }\n'
  assert.deepEqual(
    mistakes(`profile: strict\n${servers}`).map((line) => line.split(': ')[1]),
    ['servers.far.url'],
  )
  assert.deepEqual(mistakes(`profile: standard\n${servers}`), [])
  assert.deepEqual(mistakes('profile: strict\n'), [])
})

test('strict takes no listener for a local one that listens everywhere, unless its URL is written', () => {
  for (const host of ['0.0.0.0', '[::]', '[0:0:0:0:0:0:0:0]', '[::ffff:0.0.0.0]', '0', '0.0', '10.0.0.5']) {
    const text = `profile: strict\nlisten: "${host}:80"\nadmin: "${host}:81"\n`
    assert.deepEqual(
      mistakes(text).map((line) => line.split(': ')[1]),
      ['listen', 'admin'],
      host,
    )
    assert.deepEqual(mistakes(text.replace('strict', 'standard')), [])
  }
  const behind = 'publicUrl: https://mcp.example\nadminUrl: http://localhost:81\n'
  assert.deepEqual(mistakes(`profile: strict\nlisten: 0.0.0.0:80\nadmin: 0.0.0.0:81\n${behind}`), [])
})

test("a server's environment cannot be given the caller's credential", () => {
  assert.deepEqual(
    mistakes('servers: { a: { command: [x], env: { MCP_API_KEY: y } } }').map((line) => line.split(': ')[1]),
    ['servers.a.env.MCP_API_KEY'],
  )
})

test('a private key of the gateway is one in PKCS#8, of its algorithm', () => {
  const pemOf = (namedCurve: string, type: 'pkcs8' | 'sec1' = 'pkcs8'): string =>
    generateKeyPairSync('ec', { namedCurve }).privateKey.export({ type, format: 'pem' }).toString()
  const said = (pem: string, algorithm = 'ES256'): readonly (string | undefined)[] => {
    const client = JSON.stringify({ tokenUrl: 'https://login.example/token', clientId: 'gw', algorithm, privateKey: pem })
    return mistakes(`servers: { a: { url: "https://a.example/mcp", credential: { clientCredentials: ${client} } } }`)
  }
  assert.deepEqual(said(pemOf('P-256')), [])
  assert.deepEqual(said(pemOf('P-384'), 'ES384'), [])
  for (const [pem, algorithm] of [
    ['no key', 'ES256'],
    [pemOf('P-384'), 'ES256'],
    [pemOf('P-256'), 'EdDSA'],
    [pemOf('P-256', 'sec1'), 'ES256'],
  ] as const) {
    const [told = ''] = said(pem, algorithm)
    assert.match(told, /servers\.a\.credential\.clientCredentials\.privateKey: expected a private key in PEM \(PKCS#8/)
    assert.ok(!told.includes(pem))
  }
})

test("the caller's credential on stdio comes from the variable that is named, and does not print", () => {
  const config = parse('authentication: { environment: MY_KEY }', { MY_KEY: 'mcp_secret' })
  assert.equal(config.authentication.environment.value?.reveal(), 'mcp_secret')
  assert.doesNotMatch(JSON.stringify(config), /mcp_secret/)
})

test('a file that is not there is told by name', () => {
  assert.throws(() => loadConfig('no/such.yaml'), { code: 'FAULT_CONFIG', message: 'no/such.yaml: there is no such file' })
})

test('what everybody may write is neither configuration nor law', { skip: process.platform === 'win32' }, (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const [config, policy] = [join(folder, 'p.yaml'), join(folder, 'a.cedar')]
  for (const file of [config, policy]) {
    writeFileSync(file, '')
    chmodSync(file, 0o646)
  }
  assert.throws(() => loadConfig(config, {}), {
    code: 'FAULT_CONFIG',
    message: `${config}: everybody may write it; run "chmod o-w ${config}"`,
  })
  assert.throws(() => readPolicies([policy]), {
    code: 'FAULT_POLICY',
    message: `${policy}: everybody may write it; run "chmod o-w ${policy}"`,
  })
})

test('a file is read, and its folder is what paths are relative to', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-'))
  t.after(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'p.yaml'), 'store: ":memory:"\naudit: { file: audit.jsonl }\n')
  const config = loadConfig(join(folder, 'p.yaml'), {})
  assert.equal(config.store, ':memory:')
  assert.equal(config.keyFile, undefined)
  assert.equal(config.audit.file, join(folder, 'audit.jsonl'))
  assert.equal(config.file, join(folder, 'p.yaml'))
})

test('a server may be a command line, with an environment as clean as any', () => {
  assert.deepEqual(serverOf(['node', 'a.js'], '/srv/x', { PATH: '/bin', SECRET: 'x' }).env, { PATH: '/bin' })
})

test('the JSON Schema allows no unknown setting anywhere', () => {
  const open: string[] = []
  const walk = (node: unknown, path: string): void => {
    if (typeof node !== 'object' || node === null) return
    if ('properties' in node && !('additionalProperties' in node && node.additionalProperties === false)) open.push(path)
    for (const [name, child] of Object.entries(node)) walk(child, `${path}/${name}`)
  }
  walk(configSchema(), '')
  assert.deepEqual(open, [])
})

test('arguments are inspected by the standard, strictly in profile strict, and as it is written where it is', () => {
  assert.equal(parse('').inspect.input, 'standard')
  assert.equal(parse('profile: observe').inspect.input, 'standard')
  assert.equal(parse('profile: strict').inspect.input, 'strict')
  assert.equal(parse('profile: strict\ninspect: { input: standard }').inspect.input, 'standard')
  assert.equal(parse('inspect: { input: off }').inspect.input, 'off')
  assert.deepEqual(mistakes('inspect: { input: paranoid }'), ['portcullis.yaml:1:19: inspect.input: expected off, standard or strict'])
})

test('history leaves this machine sealed or not at all, and the name of our own server is taken once it is on', () => {
  const config = parse(`
admin: "[::1]:9090"
adminServer: [admin]
servers: { files: { url: "https://files.internal/mcp" } }
audit:
  webhook: { url: "https://siem.example.com/in", secret: 0Q8xk2nZ5uVw9yB3rT6mJ1pL4sF7hD0a }
  otlp: http://127.0.0.1:4318
  syslog: tls://logs.example.com:6514
telemetry: { traces: "http://localhost:4318" }
`)
  assert.deepEqual(config.admin, { host: '::1', port: 9090 })
  assert.deepEqual(config.servers['portcullis'], { kind: 'admin', roles: ['admin'] })
  assert.equal(config.audit.syslog, 'tls://logs.example.com:6514')
  assert.deepEqual(config.telemetry, { traces: 'http://localhost:4318/' })

  assert.deepEqual(
    mistakes(`
adminServer: [admin]
servers: { portcullis: { url: "https://files.internal/mcp" } }
audit:
  webhook: { url: "https://siem.example.com/in", secret: changeme }
  otlp: http://collector.internal:4318
  syslog: logs.example.com
telemetry: { traces: "http://127.0.0.1.evil.example/" }
`).map((line) => line.replace(/^portcullis.yaml:(\d+):\d+: (\S+):.*$/, '$1 $2')),
    ['5 audit.webhook.secret', '6 audit.otlp', '7 audit.syslog', '8 telemetry.traces'],
  )
  assert.match(
    mistakes('adminServer: [a]\nservers: { portcullis: { url: "https://x.internal/" } }').join(),
    /2:\d+: servers\.portcullis: expected another name/,
  )
})

test('definitions are pinned at first sight unless told otherwise, and in profile strict only by an operator', () => {
  const settled = (text: string): unknown => parse(text).inspect.definitions
  assert.deepEqual(settled(''), { pin: true, quarantine: false })
  assert.deepEqual(settled('profile: strict'), { pin: true, quarantine: true })
  assert.deepEqual(settled('profile: strict\ninspect: { definitions: { quarantine: false } }'), { pin: true, quarantine: false })
  assert.deepEqual(settled('profile: strict\ninspect: { definitions: { pin: false } }'), { pin: false, quarantine: false })
  assert.match(mistakes('inspect: { definitions: { pin: false, quarantine: true } }')[0] ?? '', /no quarantine where nothing is pinned/)
})

test('what a file says otherwise by now is told by section, secrets too, but not access, and not another spelling', () => {
  const text = (secret: string, role: string): string =>
    `authentication: { jwtSecret: ${secret} }\naccess: { roles: { ${role}: {} } }\nlimits: { drain: 60s }\n`
  const [one, other] = ['4f1b9c2d7a8e6350b1c4d7e9f0a2b3c5', '9f1b9c2d7a8e6350b1c4d7e9f0a2b3c6']
  const before = parse(text(one, 'a'))
  assert.deepEqual(differing(before.sections, parse(text(one, 'b').replace('60s', '1m')).sections), [])
  assert.deepEqual(differing(before.sections, parse(`${text(other, 'a')}node: here\n`).sections), ['authentication', 'node'])
  assert.doesNotMatch(inspect(before, { depth: 9 }), new RegExp(one))
})

test('a file is read again as it was read, but not when there is nothing in it, and not what came through a pipe', () => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-again-'))
  const file = join(folder, 'portcullis.yaml')
  writeFileSync(file, `profile: \${PROFILE}\n`)
  const before = loadConfig(file, { PROFILE: 'observe' })
  const again = rereading(file, { PROFILE: 'strict' })
  assert.equal(again?.(before).profile, 'strict')
  writeFileSync(file, '\n')
  assert.throws(() => again?.(before), { code: 'FAULT_CONFIG', message: `${file}: there is nothing in it` })
  assert.equal(rereading('/dev/null'), undefined)
  rmSync(folder, { recursive: true })
})
