import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { Command } from 'commander'
import { GROUPS } from '../../src/cli/commands.ts'
import { main } from '../../src/cli/main.ts'
import { tell } from '../../src/cli/shell.ts'
import { howLong, type Terminal, table, when } from '../../src/cli/terminal.ts'
import { Denial, Fault } from '../../src/core/denial.ts'
import { visible } from '../../src/core/visible.ts'

function createTerminal(): Terminal & { said(): string; told(): string } {
  const output = new PassThrough()
  const errors = new PassThrough()
  const read = (stream: PassThrough): string => String(stream.read(stream.readableLength) ?? '')
  return { input: new PassThrough(), output, errors, clock: () => 0, said: () => read(output), told: () => read(errors) }
}

test('columns are as wide as their widest cell, and colours stay on terminals', () => {
  const terminal = createTerminal()
  table(
    terminal,
    ['A', 'LONG'],
    [
      ['wide cell', { text: 'x', style: 'red' }],
      ['é', 'y'],
    ],
  )
  assert.equal(terminal.said(), 'A          LONG\nwide cell  x\né          y\n')
})

test('what would move the cursor or turn the text is shown as an escape', () => {
  assert.equal(visible('a\u001b[31m\r\n\u202eb\u0085'), 'a\\u001b[31m\\u000d\\u000a\\u202eb\\u0085')
  assert.equal(visible('Grüße ✔'), 'Grüße ✔')
})

test('instants and spans read well', () => {
  assert.equal(when(Date.UTC(2026, 10, 21, 8, 0, 1, 5)), '2026-11-21 08:00:01Z')
  assert.equal(when(undefined), '-')
  assert.deepEqual([0, 999, 61_000, 86_400_000 * 2 + 5_000, 3_600_000].map(howLong), ['0s', '0s', '1m 1s', '2d 5s', '1h'])
})

test('every kind of failure has its exit code', () => {
  const codes = [
    new Fault('FAULT_CONFIG', 'x'),
    new Fault('FAULT_POLICY', 'x'),
    new Fault('FAULT_STORE', 'x'),
    new Denial('forbidden'),
    new Error('x'),
    'x',
  ]
  assert.deepEqual(
    codes.map((error) => tell(createTerminal(), error, false)),
    [3, 3, 1, 1, 1, 1],
  )
})

test('with --json a failure is one line of JSON with the next step', () => {
  const terminal = createTerminal()
  tell(terminal, new Fault('FAULT_CONFIG', 'a.yaml:1:2: x\na.yaml:3:4: y'), true)
  assert.deepEqual(JSON.parse(terminal.told()), {
    error: { code: 'FAULT_CONFIG', message: ['a.yaml:1:2: x', 'a.yaml:3:4: y'], next: 'Correct the file and run "portcullis check".' },
  })
})

/** Every command, by the words that ask for it: groups, and what is in them. */
async function allCommands(): Promise<readonly Command[]> {
  const program = new Command().enablePositionalOptions()
  for (const { load } of GROUPS) (await load())(program, { terminal: createTerminal(), version: '0', finish: () => undefined })
  const within = (command: Command): readonly Command[] => [command, ...command.commands.flatMap(within)]
  return program.commands.flatMap(within)
}

const wordsOf = (command: Command): readonly string[] =>
  command.parent?.parent == null ? [command.name()] : [...wordsOf(command.parent), command.name()]

test('every command has help with examples and a way to answer as JSON', async () => {
  for (const command of await allCommands()) {
    const words = wordsOf(command)
    const terminal = createTerminal()
    assert.equal(await main([...words, '--help'], terminal), 0)
    const help = terminal.said()
    assert.match(help, /Examples:\n {2}\$ /, words.join(' '))
    if (command.commands.length === 0) assert.match(help, /--json/, words.join(' '))
  }
})

test('help tells spans as people write them', async () => {
  for (const command of await allCommands()) {
    const words = wordsOf(command)
    const terminal = createTerminal()
    await main([...words, '--help'], terminal)
    assert.doesNotMatch(terminal.said(), /default:\s+\d{4,}/, words.join(' '))
  }
  const rotate = createTerminal()
  await main(['keys', 'rotate', '--help'], rotate)
  assert.match(rotate.said(), /--overlap <span>[^-]*\(default:\s+1d\)/)
})

test('with --json a command line that is not understood is one line of JSON too', async () => {
  const told = async (...argv: readonly string[]): Promise<readonly [number, unknown]> => {
    const terminal = createTerminal()
    const code = await main([...argv, '--json'], terminal)
    return [code, JSON.parse(terminal.told())]
  }
  const next = 'Add --help for the commands.'
  assert.deepEqual(await told('keys', 'craete'), [
    2,
    { error: { code: 'commander.unknownCommand', message: ["unknown command 'craete'", '(Did you mean create?)'], next } },
  ])
  assert.deepEqual(await told('kyes', 'list'), [
    2,
    { error: { code: 'commander.unknownCommand', message: ["unknown command 'kyes'", '(Did you mean keys?)'], next } },
  ])
  assert.deepEqual(await told('keys'), [
    2,
    { error: { code: 'commander.unknownOption', message: ["unknown option '--json'"], next: 'Add --help for the options.' } },
  ])
  const [code, option] = await told('audit', 'report', '--since', 'yesterday')
  assert.equal(code, 2)
  assert.match(JSON.stringify(option), /Write a span such as 30m, 24h or 90d/)
})

test('help lists every command with what it is for, and each knows itself by that name', async () => {
  const overview = createTerminal()
  assert.equal(await main(['--help'], overview), 0)
  const all = overview.said()
  for (const [name, text] of GROUPS.flatMap(({ says }) => Object.entries(says))) {
    assert.match(all, new RegExp(`^ {2}${name} {2,}${text.split(' ')[0]}`, 'm'))
    const own = createTerminal()
    assert.equal(await main([name, '--help'], own), 0)
    const help = own.said()
    assert.ok(help.startsWith(`Usage: portcullis ${name}`), help)
    assert.ok(help.replaceAll(/\s+/g, ' ').includes(text), help)
  }
})

test('a file adds the commands of the table, and no other', async () => {
  for (const { says, load } of GROUPS) {
    const program = new Command().enablePositionalOptions()
    const add = await load()
    add(program, { terminal: createTerminal(), version: '0', finish: () => undefined })
    assert.deepEqual(
      program.commands.map((command) => command.name()),
      Object.keys(says),
    )
  }
})

test('help and the version are told without the files of the commands', () => {
  const main = pathToFileURL(join(import.meta.dirname, '../../src/cli/main.ts')).href
  const count = `import { registerHooks } from 'node:module'
    const loaded = []
    registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) })
    const { main } = await import(${JSON.stringify(main)})
    await main(['--help'])
    process.stderr.write(JSON.stringify(loaded))`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', count], { encoding: 'utf8' })
  assert.match(stdout, /Exit codes:/)
  const loaded: readonly string[] = JSON.parse(stderr)
  assert.ok(loaded.includes(main))
  assert.ok(loaded.length < 60, `${loaded.length} modules`)
})
