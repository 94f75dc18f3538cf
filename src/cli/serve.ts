/** `portcullis serve`: the gateway, until it is told to stop. */
import { setFlagsFromString } from 'node:v8'
import type { Command } from 'commander'
import { DEFAULT_FILE, rereading } from '../config/load.ts'
import { Fault } from '../core/denial.ts'
import { visible } from '../core/visible.ts'
import type { Endpoints, Gateway } from '../gateway/gateway.ts'
import type { LawOptions } from '../guard/watch.ts'
import { lackOf } from './lacks.ts'
import { openConfig } from './open.ts'
import { examples, type Shared, type Shell, shared } from './shell.ts'
import { Halting, stopSignal } from './stopping.ts'
import { note, sayJson, styled, type Terminal } from './terminal.ts'
import { doubtfulListeners, tellDoubts } from './warnings.ts'

export function addServe(program: Command, shell: Shell): void {
  const command = program.command('serve')
  examples(shared(command), 'portcullis serve', 'portcullis serve -c /etc/portcullis/portcullis.yaml')
  command.addHelpText(
    'after',
    '\nSIGTERM and SIGINT let what is under way end first; SIGHUP reads the law (access and policies) and the certificates again.',
  )
  command.addHelpText('after', 'SIGHUP also opens audit.file again, for who has moved it away.')
  command.action((options: Shared) => serve(options, shell))
}

async function serve(options: Shared, { terminal, version }: Shell): Promise<void> {
  using hangups = new Hangups()
  terminal.last?.()
  const config = openConfig(options.config)
  if (Object.keys(config.servers).length === 0) {
    throw new Fault('FAULT_CONFIG', `${options.config ?? config.file}: servers: expected at least one, there is nothing to guard`)
  }
  for (const [name, server] of Object.entries(config.servers)) {
    const lack = server.kind === 'command' ? lackOf(server) : undefined
    if (lack !== undefined) warn(terminal, new Fault('FAULT_START', `servers.${name}.${lack.setting}: ${lack.told}`))
  }
  // V8 may learn at start that what each call makes lives long, and makes it in its old generation from then on: 20 MB a second until the next
  // full collection, in four starts of twelve. It is told not to, before there is code that was made for it.
  setFlagsFromString('--no-allocation-site-pretenuring')
  // Loaded only here: the other commands start in half the time without it.
  const [{ createGateway }, { doubtfulPolicies }] = await Promise.all([import('../gateway/gateway.ts'), import('../guard/law.ts')])
  tellDoubts(terminal, options.config ?? DEFAULT_FILE, [...doubtfulListeners(config), ...doubtfulPolicies(config)])
  const gateway = createGateway(config, { version, ...lawOptions(terminal, options.config) })
  using halting = new Halting(gateway)
  try {
    const endpoints = await gateway.listen()
    // Before anybody is told that it listens: whoever is told may stop it, or have it read again, at once.
    const stopped = untilStopped(gateway, terminal, stopSignal(), hangups)
    if (options.json === true) sayJson(terminal, endpoints)
    else announce(terminal, version, endpoints, config.profile)
    await stopped
    halting.arm()
    note(terminal, 'stopping; once more to stop at once')
    await gateway.retire()
  } finally {
    await gateway.close()
  }
}

/** To standard error: standard output may be carrying the audit log. */
function announce(terminal: Terminal, version: string, { url, admin, servers }: Endpoints, profile: string): void {
  note(terminal, `${styled(terminal.errors, 'bold', 'portcullis')} ${version} listens on ${url}, profile ${profile}`)
  for (const [name, endpoint] of Object.entries(servers)) note(terminal, `  ${name}  ${endpoint}`)
  if (admin !== undefined) note(terminal, `  dashboard  ${admin}`)
}

/** The law is read again while it is in force, and it is told what came of it. */
export function lawOptions(terminal: Terminal, file: string = DEFAULT_FILE): LawOptions {
  return { onFault: (fault) => warn(terminal, fault), onLaw: (sentence) => note(terminal, sentence), reread: rereading(file) }
}

function warn(terminal: Terminal, fault: Fault): void {
  for (const line of fault.message.split('\n')) note(terminal, `${styled(terminal.errors, 'yellow', 'warning')}: ${visible(line)}`)
}

async function untilStopped(gateway: Gateway, terminal: Terminal, stopped: Promise<void>, hangups: Hangups): Promise<void> {
  const reload = (): void => {
    gateway.reload().then(
      (isTaken) => {
        const rest = isTaken ? '' : ', and not all of it was taken'
        note(terminal, `the law and the certificates were read again${rest}; in force is the law of revision ${gateway.house.law.revision}`)
      },
      (error: unknown) => note(terminal, `warning: ${visible(String(error))}`),
    )
  }
  hangups.heed(reload)
  await stopped
  hangups.heed(() => undefined)
}

/** SIGHUP from the first line to the last: by itself it ends a process. What is asked during the start is done after it. */
class Hangups implements Disposable {
  #act: (() => void) | undefined
  #isAsked = false

  constructor() {
    process.on('SIGHUP', this.#heard)
  }

  heed(act: () => void): void {
    this.#act = act
    if (this.#isAsked) act()
    this.#isAsked = false
  }

  [Symbol.dispose](): void {
    process.off('SIGHUP', this.#heard)
  }

  readonly #heard = (): void => {
    if (this.#act === undefined) this.#isAsked = true
    else this.#act()
  }
}
