import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { floatingOf } from '../../src/config/floating.ts'
import { parseConfig } from '../../src/config/load.ts'
import { Fault } from '../../src/core/denial.ts'

const ENVIRONMENT = { PATH: '/bin', HOME: '/home/x', LANG: 'C', TMPDIR: '/var/tmp' }

const parse = (text: string) => parseConfig(text, { file: 'portcullis.yaml', environment: ENVIRONMENT })
const server = (sandbox: string, command = '[x]') => {
  const found = parse(`servers: { files: { command: ${command}${sandbox === '' ? '' : `, sandbox: ${sandbox}`} } }`).servers['files']
  if (found?.kind !== 'command') throw new Error('no command')
  return found
}
function mistakes(text: string): readonly string[] {
  try {
    parse(text)
  } catch (error) {
    if (error instanceof Fault) return error.message.split('\n')
    throw error
  }
  return []
}

test('a sandbox is read with its defaults: nothing but the package, no network, and bounds on all else', () => {
  assert.deepEqual(server('{}').sandbox, {
    read: [],
    write: [],
    network: 'none',
    memoryBytes: 1024 ** 3,
    processes: 128,
    files: 1024,
  })
  const here = process.cwd()
  assert.deepEqual(
    server(
      '{ read: [./data], write: [/srv/out], network: [API.example.com, "[2001:db8::1]:8443"], memory: 512MiB, processes: 16, cpu: 2, files: 64 }',
    ).sandbox,
    {
      read: [join(here, 'data')],
      write: ['/srv/out'],
      network: ['api.example.com', '[2001:db8::1]:8443'],
      memoryBytes: 512 * 1024 ** 2,
      processes: 16,
      cpu: 2,
      files: 64,
    },
  )
})

test('a server in a sandbox inherits PATH and LANG alone, because the home of whoever started it is not there', () => {
  assert.deepEqual(server('{}').env, { PATH: '/bin', LANG: 'C' })
  assert.deepEqual(server('off').env, ENVIRONMENT)
  assert.equal(server('off').sandbox, 'off')
  assert.equal(server('').sandbox, undefined)
})

test('a sandbox that is written wrongly is told, with what was expected', () => {
  const wrong = {
    'servers: { a: { command: [x], sandbox: on } }': /sandbox: expected off, or a map/,
    'servers: { a: { command: [x], sandbox: { reed: [x] } } }': /sandbox\.reed: unknown setting, did you mean read\?/,
    'servers: { a: { command: [x], sandbox: { network: all } } }': /sandbox\.network: expected none, or a list of hosts/,
    'servers: { a: { command: [x], sandbox: { network: ["*.example.com"] } } }': /expected a host such as/,
    'servers: { a: { command: [x], sandbox: { network: ["https://example.com"] } } }': /expected a host such as/,
    'servers: { a: { command: [x], sandbox: { memory: 1MiB } } }': /expected a size from 64MiB/,
    'servers: { a: { url: "https://x.example", sandbox: {} } }': /sandbox: expected only beside command/,
  }
  for (const [text, why] of Object.entries(wrong)) assert.match(mistakes(text).join('\n'), why, text)
})

test('profile strict takes no command without a word on its sandbox, and none of a floating version', () => {
  assert.deepEqual(mistakes('profile: strict\nservers: { a: { command: [npx, -y, thing@latest] } }'), [
    'portcullis.yaml:2:12: servers.a: expected a sandbox in profile strict, or sandbox: off',
    'portcullis.yaml:2:17: servers.a.command: expected an exact version of thing@latest in profile strict, not whichever is the newest',
  ])
  assert.deepEqual(mistakes('profile: strict\nservers: { a: { command: [npx, -y, thing@1.2.3], sandbox: off } }'), [])
})

test('a version that floats is seen, however the command is written', () => {
  const floating = {
    'npx thing': 'thing',
    'npx -y @scope/thing@latest': '@scope/thing@latest',
    'npx --yes thing@^1.2.3': 'thing@^1.2.3',
    '/usr/bin/npx -p thing -- run': 'thing',
    'npx --package=thing run': 'thing',
    'npx.cmd thing': 'thing',
    'npx github:a/b': 'github:a/b',
    'pnpm dlx thing@1': 'thing@1',
    'bunx thing': 'thing',
    'uvx thing': 'thing',
    'uvx --python 3.12 thing': 'thing',
    'uvx --from thing>=1 run': 'thing>=1',
    'uv tool run thing@latest': 'thing@latest',
    'pipx run thing': 'thing',
    'docker run -i --rm mcp/fetch': 'mcp/fetch',
    'docker run -i --rm -e KEY --name x mcp/fetch:latest': 'mcp/fetch:latest',
    'podman run --env=A=b host:5000/fetch': 'host:5000/fetch',
  }
  for (const [text, name] of Object.entries(floating)) assert.equal(floatingOf(text.split(' ')), name, text)
  const fixed = [
    'npx -y @scope/thing@1.2.3 --flag thing',
    'npx -y thing@1.2.3-rc.1',
    'npx ./local',
    `npx github:a/b#${'a'.repeat(40)}`,
    'uvx thing==1.2.3',
    'uvx thing@2025.4',
    'uvx --from thing==1.2 run',
    'docker run -i --rm mcp/fetch:1.0.2',
    `docker run -i mcp/fetch@sha256:${'a'.repeat(64)}`,
    'docker ps',
    'npm start',
    'node server.js latest',
    'mcp-server-filesystem ./data',
  ]
  for (const text of fixed) assert.equal(floatingOf(text.split(' ')), undefined, text)
})
