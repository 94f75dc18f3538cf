/** What the commands about definitions share: which one is meant, what is withheld of it, and how strangers' text is shown. */
import type { Config } from '../config/config.ts'
import { absent } from '../config/names.ts'
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

/** That nothing waits for a decision; and what was decided, where that keeps something back. */
export function nothingHeld(pins: readonly Pin[]): string {
  const rejected = pins.filter((pin) => pin.pinned === undefined && pin.held.length > 0)
  if (rejected.length === 0) return 'nothing is withheld'
  const names = rejected.map((pin) => shown(nameThing(pin))).join(', ')
  return `nothing is withheld but what was rejected: ${names}; "portcullis catalog show" has the digest with which it is approved after all`
}

export function withPins<T>(
  options: Shared,
  terminal: Terminal,
  use: (pins: Pins, records: Records, config: Config) => Promise<T>,
): Promise<T> {
  const config = openConfig(options.config)
  return withRecords(config, terminal, (records) => use(new Pins(records.store, terminal.clock), records, config))
}

/** Everything of a server, or of all. @throws Fault `FAULT_PIN` where there is neither anything nor such a server. */
export async function listOf(pins: Pins, server: string | undefined, { servers }: Config): Promise<readonly Pin[]> {
  const found = await pins.list(server)
  const names = Object.keys(servers)
  if (server !== undefined && found.length === 0 && names.length > 0 && !names.includes(server))
    throw new Fault('FAULT_PIN', `there is no server ${server}${absent(server, names)}`)
  return found
}

/** As `catalog show` writes it, or bare. */
export function readDigest(text: string): string {
  return text.startsWith('sha256:') ? text.slice('sha256:'.length) : text
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
