/** `portcullis catalog approve` and `reject`: a person's word on what a server says. */
import { nameThing, pinEntry, type Thing } from '../guard/pins.ts'
import { operator } from './open.ts'
import { lastHeld, listOf, nothingHeld, type OneOptions, readThing, shown, withPins } from './pinned.ts'
import { misuse, type Shell } from './shell.ts'
import { note, say, sayJson } from './terminal.ts'

export interface ApproveOptions extends OneOptions {
  readonly all?: string
}

export async function approveMany(texts: readonly string[], options: ApproveOptions, { terminal }: Shell): Promise<void> {
  const { all, digest } = options
  if (texts.length > 0 === (all !== undefined)) throw misuse('Name what to approve, or a server with --all, not both.')
  if (digest !== undefined && texts.length !== 1) throw misuse('With --digest, name one thing.')
  await withPins(options, terminal, async (pins, records, config) => {
    const named = texts.map((text) => readThing(text, options.kind))
    const listed = all === undefined ? [] : await listOf(pins, all, config)
    const things: readonly Thing[] = all === undefined ? named : listed.filter((pin) => lastHeld(pin) !== undefined)
    if (things.length === 0) note(terminal, `${all ?? ''}: ${nothingHeld(listed)}`)
    for (const thing of things) {
      const pin = await pins.approve(thing, operator(), digest)
      await records.journal.write(pinEntry('definition.approved', thing, pin.pinned?.digest, operator()))
      if (options.json === true) sayJson(terminal, pin)
      else say(terminal, `${shown(nameThing(thing))} may be used`)
    }
  })
}

export async function rejectOne(text: string, options: OneOptions, { terminal }: Shell): Promise<void> {
  const thing = readThing(text, options.kind)
  await withPins(options, terminal, async (pins, records) => {
    const pin = await pins.reject(thing, options.digest)
    const digest = pin.held.at(-1)?.digest ?? ''
    await records.journal.write(pinEntry('definition.rejected', thing, digest, operator()))
    if (options.json === true) return sayJson(terminal, pin)
    say(terminal, `${shown(nameThing(thing))} is rejected${pin.pinned === undefined ? '' : '; as it was approved it may be used'}`)
    const kind = options.kind === undefined ? '' : ` --kind ${options.kind}`
    note(terminal, `  to take that back: portcullis catalog approve ${shown(text)}${kind} --digest ${digest}`)
  })
}
