/** JSON as types; its one canonical form (RFC 8785), so that equal things have equal digests. */
import { hash } from 'node:crypto'

/** Whatever JSON can say. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject

/** An object of JSON: values by the names of its members. */
export interface JsonObject {
  readonly [name: string]: JsonValue | undefined
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * The canonical form of RFC 8785: members sorted by UTF-16 code units, no white space, ECMAScript numbers.
 * Members whose value is `undefined` are left out, as `JSON.stringify` does.
 */
export function canonical(value: JsonValue): string {
  // JSON.stringify keeps the order that it finds, and writes many times faster than anything written here.
  return isOrdered(value) ? JSON.stringify(value) : sorted(value)
}

/** Whether the members of every object in it stand as RFC 8785 §3.2.3 wants them. */
function isOrdered(value: JsonValue | undefined): boolean {
  if (typeof value !== 'object' || value === null) return true
  if (Array.isArray(value)) return value.every(isOrdered)
  const object = value as JsonObject
  let before = ''
  for (const name of Object.keys(object)) {
    if (name < before || !isOrdered(object[name])) return false
    before = name
  }
  return true
}

function sorted(value: JsonValue): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(sorted).join(',')}]`
  const object = value as JsonObject
  const members: string[] = []
  for (const name of Object.keys(object).sort()) {
    const member = object[name]
    if (member !== undefined) members.push(`${JSON.stringify(name)}:${sorted(member)}`)
  }
  return `{${members.join(',')}}`
}

/** SHA-256 of the canonical form, base64url. */
export function digest(value: JsonValue): string {
  return hash('sha256', canonical(value), 'base64url')
}
