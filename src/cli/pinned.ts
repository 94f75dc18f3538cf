/** What the commands about definitions share: which one is meant, what is withheld of it, and how strangers' text is shown. */
import { Fault } from '../core/denial.ts'
import { nameThing, type Pin, type PinnedKind, Pins, type Thing, type Withheld } from '../guard/pins.ts'
import type { Records } from '../guard/records.ts'
import { hasDisguisedWord } from '../inspect/skeleton.ts'
import { openConfig, withRecords } from './open.ts'
import type { Shared } from './shell.ts'
import type { Terminal } from './terminal.ts'

export interface OneOptions extends Shared {
  readonly kind?: PinnedKind
  readonly digest?: string
}

/** What waits for a decision. */
export function lastHeld(pin: Pin): Withheld | undefined {
  return pin.held.findLast(({ why }) => why !== 'rejected')
}

export function withPins<T>(options: Shared, terminal: Terminal, use: (pins: Pins, records: Records) => Promise<T>): Promise<T> {
  return withRecords(openConfig(options.config), terminal, (records) => use(new Pins(records.store, terminal.clock), records))
}

export async function find(pins: Pins, thing: Thing): Promise<Pin> {
  const pin = await pins.get(thing)
  if (pin === undefined) throw new Fault('FAULT_PIN', `${nameThing(thing)}: no server has shown this`)
  return pin
}

/** The name of a server has no slash in it, that of a thing may. */
export function readThing(text: string, kind: PinnedKind = 'tool'): Thing {
  const slash = text.indexOf('/')
  if (slash === -1) return { server: text, kind: 'server', name: text }
  return { server: text.slice(0, slash), kind, name: text.slice(slash + 1) }
}

/** Everything that has no shape of its own, or changes that of others, as an escape; and where letters pose as others, all that is not ASCII. */
export function shown(text: string): string {
  return hasDisguisedWord(text) ? text.replace(/[^ -~]/gu, asEscape) : escaped(text).replace(/\n/g, '\\n')
}

function escaped(text: string): string {
  return text.replace(/[^\P{C}\n]|[\p{Zl}\p{Zp}\p{Variation_Selector}\u00a0\u2000-\u200a]/gu, asEscape)
}

function asEscape(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`
}
