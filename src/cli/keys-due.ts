/** `portcullis keys rotate-due`: every key whose secret has grown old gets a new one, put where its holder reads it. Made to be run by a timer. */
import { randomBytes } from 'node:crypto'
import { renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { Fault } from '../core/denial.ts'
import { visible } from '../core/visible.ts'
import type { Records } from '../guard/records.ts'
import type { IssuedKey } from '../identity/api-key.ts'
import { type KeyView, keyEntry } from '../identity/key-record.ts'
import { openConfig, operator, withRecords } from './open.ts'
import { examples, readSpan, type Shared, type Shell, shared } from './shell.ts'
import { say, sayJson, when } from './terminal.ts'

/** A holder that reads its file once a day has read it by then. */
const OVERLAP = '48h'
const OWNER_ALONE = 0o600
/** More than the longest secret has. */
const ROOM_BYTES = 256

interface Options extends Shared {
  readonly older: number
  readonly overlap: number
  readonly into: string
}

export function addRotateDue(keys: Command, shell: Shell): void {
  const command = keys
    .command('rotate-due')
    .description('give a new secret to every key whose secret is older than a span; each goes into a file of its own, by the id of the key')
    .requiredOption('--older <span>', 'how old a secret may be', readSpan)
    .requiredOption('--into <folder>', 'where the new secrets are put, each in FOLDER/ID, for the owner of the folder alone')
    .option('--overlap <span>', 'how long both secrets work', readSpan, readSpan(OVERLAP))
  examples(
    shared(command),
    'portcullis keys rotate-due --older 30d --into /run/keys',
    'portcullis keys rotate-due --older 30d --overlap 7d --into keys --json',
  )
  command.action((options: Options) => rotateDue(options, shell))
}

async function rotateDue({ older, overlap, into, config, json }: Options, { terminal }: Shell): Promise<void> {
  checkFolder(into)
  const rotated = await withRecords(openConfig(config), terminal, async (records) => {
    const due = (await records.keys.list()).filter(
      (key) => key.status === 'active' && (key.rotatedAt ?? key.createdAt) <= terminal.clock() - older,
    )
    const done: Rotated[] = []
    for (const { id } of due) done.push(await rotateInto(records, id, overlap, into))
    return done
  })
  if (json === true) {
    sayJson(terminal, rotated)
    return
  }
  for (const { id, name, overlapUntil, expiresAt, endedOverlap } of rotated) {
    say(
      terminal,
      `${join(into, id)}: ${visible(name)}, until ${when(expiresAt)}; the secret before it ${overlapUntil === undefined ? 'has ended' : `works until ${when(overlapUntil)}`}`,
    )
    if (endedOverlap !== undefined) say(terminal, `  the one before that, which was to work until ${when(endedOverlap)}, has ended`)
  }
  if (rotated.length === 0) say(terminal, 'no secret is so old')
}

type Rotated = KeyView & Pick<IssuedKey, 'endedOverlap'>

/** There is a place for the secret, with room for it, before there is a secret: what cannot be put anywhere is not made. The file is whole or not there. */
async function rotateInto({ keys, journal }: Records, id: string, overlapMs: number, into: string): Promise<Rotated> {
  const aside = join(into, `.${id}.${randomBytes(6).toString('hex')}`)
  try {
    writeFileSync(aside, ' '.repeat(ROOM_BYTES), { mode: OWNER_ALONE, flag: 'wx' })
    const { key, text, endedOverlap } = await keys.rotate(id, overlapMs)
    // Where the room is, not anew: on a disk that has filled up meanwhile there would be none.
    writeFileSync(aside, `${text.reveal()}\n`, { flag: 'r+' })
    truncateSync(aside, Buffer.byteLength(text.reveal()) + 1)
    renameSync(aside, join(into, id))
    await journal.write(keyEntry('key.rotated', key, operator()))
    return { ...key, ...(endedOverlap === undefined ? {} : { endedOverlap }) }
  } catch (cause) {
    rmSync(aside, { force: true })
    throw cause instanceof Fault ? cause : new Fault('FAULT_FOLDER', `${into}: the secret of key ${id} cannot be put there`, { cause })
  }
}

function checkFolder(into: string): void {
  const found = statSync(into, { throwIfNoEntry: false })
  if (found?.isDirectory() !== true) throw new Fault('FAULT_FOLDER', `${into}: there is no such folder`)
  if (process.platform !== 'win32' && (found.mode & 0o002) !== 0)
    throw new Fault('FAULT_FOLDER', `${into}: everybody may write there; run "chmod o-w ${into}"`)
}
