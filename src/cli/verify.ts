/** `portcullis audit verify`: the proof that the journal is whole, or the first bad record. */
import { createPublicKey } from 'node:crypto'
import { statSync } from 'node:fs'
import { type Command, Option } from 'commander'
import { FORMATS, type Format } from '../audit/formats.ts'
import { fileSource, storeSource, type Verdict, verifyJournal } from '../audit/verify.ts'
import { Fault } from '../core/denial.ts'
import { createKeyedHash } from '../core/secret.ts'
import { visible } from '../core/visible.ts'
import { openConfig, withExisting } from './open.ts'
import { examples, type Shared, type Shell, shared } from './shell.ts'
import { EXIT, say, sayJson, styled, type Terminal, when } from './terminal.ts'

const DAY_MS = 86_400_000

interface Options extends Shared {
  readonly file?: string
  readonly partial?: true
  readonly against?: string
  readonly format: Format
}

export function addVerify(audit: Command, shell: Shell): void {
  const command = audit
    .command('verify')
    .description('prove that nothing was changed, removed, added or moved; exit code 1 names the first bad record')
    .option('--file <file>', 'verify these lines (audit.file, audit export) instead of the store')
    .addOption(new Option('--format <format>', 'of the file, as audit export wrote it').choices(FORMATS).default('jsonl'))
    .option('--partial', 'the file is one of several: chains may begin before it and end behind it')
    .option('--against <file>', 'also believe the checkpoints in these lines: shows a store that was cut or rolled back')
  examples(
    shared(command),
    'portcullis audit verify',
    'portcullis audit verify --against /mnt/elsewhere/audit.jsonl',
    'portcullis audit verify --file audit.jsonl.1 --partial --json',
  )
  command.action((options: Options) => verify(options, shell))
}

async function verify(options: Options, { terminal, finish }: Shell): Promise<void> {
  for (const file of [options.file, options.against]) if (file !== undefined) checkFile(file)
  const verdict = await withExisting(openConfig(options.config), terminal, ({ store, keyring }) => {
    const source = options.file === undefined ? storeSource(store) : fileSource(options.file, options.format)
    return verifyJournal(source, createPublicKey(keyring.signingKey()), {
      isPartial: options.partial === true,
      headHash: createKeyedHash(keyring.key('journal-head')),
      ...(options.against === undefined ? {} : { anchors: fileSource(options.against) }),
    })
  })
  if (options.json === true) sayJson(terminal, verdict)
  else print(verdict, terminal)
  finish(verdict.isSound ? EXIT.ok : EXIT.refused)
}

/** It is read more than once: what can be read but once would be empty the second time. @throws Fault `FAULT_FILE` */
function checkFile(file: string): void {
  const found = statSync(file, { throwIfNoEntry: false })
  if (found === undefined) throw new Fault('FAULT_FILE', `${file}: there is no such file`)
  if (!found.isFile())
    throw new Fault(
      'FAULT_FILE',
      `${file}: it is no file; what comes through a pipe is written to one first, because it is read more than once`,
    )
}

function print({ isSound, events, checkpoints, chains, cut, flaw }: Verdict, terminal: Terminal): void {
  if (isSound) {
    const counts = `${events} events in ${chains.length} chains, ${checkpoints} checkpoints`
    say(terminal, `${styled(terminal.output, 'green', 'ok')} the journal is whole: ${counts}`)
    if (cut === undefined) return
    const policy = `retention (${cut.retainMs / DAY_MS} days), on ${when(cut.at)} for the last time`
    say(terminal, `   verified from ${when(cut.before)} on: ${cut.removed} older events are removed by ${policy}`)
  }
  if (flaw === undefined) return
  say(terminal, `${styled(terminal.output, 'red', 'broken')} ${flaw.reason}: ${visible(flaw.detail)}`)
  if (flaw.position === '') return
  const id = flaw.id === '' ? '' : `, id ${visible(flaw.id)}`
  say(terminal, `  first bad record: position ${visible(flaw.position)}, chain ${visible(flaw.node)}, event ${flaw.seq}${id}`)
}
