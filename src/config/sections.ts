/** The sections of a configuration as they were read, to tell which of them are written otherwise by now. */
import type { JsonValue } from '../core/json.ts'
import { Secret } from '../core/secret.ts'
import type { Settings } from './schema.ts'

/** What stands at the top of the file, each by its name, secrets included; `access:` and `limits.block` are not there, because they are read again while they are in use. */
export type Sections = ReadonlyMap<string, Secret>

export function sectionsOf({ access: _law, limits: { block: _blocks, ...limits }, ...settings }: Settings): Sections {
  return new Map(Object.entries({ ...settings, limits }).map(([name, value]) => [name, new Secret(JSON.stringify(plain(value)) ?? '')]))
}

/** The names of those that differ, sorted. */
export function differing(running: Sections, written: Sections): readonly string[] {
  const names = new Set([...running.keys(), ...written.keys()])
  return [...names].filter((name) => running.get(name)?.reveal() !== written.get(name)?.reveal()).sort()
}

function plain(value: unknown): JsonValue | undefined {
  if (value instanceof Secret) return value.reveal()
  if (Array.isArray(value)) return value.map((item) => plain(item) ?? null)
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member)]))
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : undefined
}
