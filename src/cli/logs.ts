/** `portcullis logs`: what a server said on its standard error. */
import { existsSync, mkdirSync, readFileSync, statSync, watch } from 'node:fs'
import { dirname } from 'node:path'
import type { Command } from 'commander'
import { z } from 'zod'
import { Fault } from '../core/denial.ts'
import { visible } from '../core/visible.ts'
import { loggedServers, serverLogFiles } from '../gateway/server-log.ts'
import { openConfig } from './open.ts'
import { examples, readCount, type Shared, type Shell, shared } from './shell.ts'
import { stopSignal } from './stopping.ts'
import { say, sayJson, type Terminal, when } from './terminal.ts'

const TAIL_LINES = 50

const line = z.object({ at: z.number(), text: z.string() })

interface Options extends Shared {
  readonly follow?: true
  readonly lines: number
}

export function addLogs(program: Command, shell: Shell): void {
  const command = program
    .command('logs')
    .argument('<server>', 'name of the server in the configuration, or the one that "run" gave to a command line')
    .option('-f, --follow', 'go on with what it says from now on')
    .option('-n, --lines <count>', 'how many', readCount, TAIL_LINES)
  examples(shared(command), 'portcullis logs files', 'portcullis logs files -f --json')
  command.action((server: string, options: Options) => logs(server, options, shell))
}

async function logs(server: string, options: Options, { terminal }: Shell): Promise<void> {
  const config = openConfig(options.config)
  const logged = loggedServers(config)
  if (!Object.hasOwn(config.servers, server) && !logged.includes(server)) {
    const names = [...new Set([...Object.keys(config.servers), ...logged])].sort()
    const known = names.length === 0 ? 'and no log of one' : `expected one of ${names.join(', ')}`
    throw new Fault('FAULT_CONFIG', `servers: there is no server ${server}, ${known}`)
  }
  const files = serverLogFiles(config, server)
  if (files === undefined) throw new Fault('FAULT_STORE', 'the store is in memory, beside which no log is kept')
  const [older, newer] = files
  const show = (texts: readonly string[]): void => {
    for (const text of texts) tell(terminal, text, options.json === true)
  }
  const seen = { file: fileOf(newer), bytes: statSync(newer, { throwIfNoEntry: false })?.size ?? 0 }
  show([...linesOf(older), ...linesOf(newer)].slice(-options.lines))
  if (options.follow === true) await follow(newer, seen, show)
}

function tell(terminal: Terminal, text: string, json: boolean): void {
  const read = line.safeParse(parse(text))
  // Half a line, written when the disk was full.
  if (!read.success) return
  if (json) sayJson(terminal, read.data)
  else say(terminal, `${when(read.data.at)}  ${visible(read.data.text)}`)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function linesOf(file: string, from = 0): readonly string[] {
  if (!existsSync(file)) return []
  return readFileSync(file).subarray(from).toString('utf8').split('\n').filter(Boolean)
}

/** Which file it is, for one of the same name may take its place. */
const fileOf = (file: string): number | undefined => statSync(file, { throwIfNoEntry: false })?.ino

async function follow(
  file: string,
  seen: { file: number | undefined; bytes: number },
  show: (texts: readonly string[]) => void,
): Promise<void> {
  const look = (): void => {
    const now = statSync(file, { throwIfNoEntry: false })
    if (now === undefined) return
    if (now.ino !== seen.file) Object.assign(seen, { file: now.ino, bytes: 0 })
    if (now.size === seen.bytes) return
    show(linesOf(file, seen.bytes))
    seen.bytes = now.size
  }
  // Before the server has said anything there is no folder.
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  // From the first line on somebody may have seen enough.
  const stopped = stopSignal()
  const watcher = watch(dirname(file), look)
  try {
    look()
    await stopped
  } finally {
    watcher.close()
  }
}
