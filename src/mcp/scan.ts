/** What JSON.parse forgives, found in one pass over the bytes: duplicate keys, depth, numbers that change, lone surrogates. */
import { isAscii, isUtf8 } from 'node:buffer'
import { Denial } from '../core/denial.ts'
import { survives } from './number.ts'

export interface ScanRules {
  /** Nested objects and arrays, the outermost counted as one. */
  readonly maxDepth: number
  /** Members of all objects together. */
  readonly maxMembers: number
  /** Whether a number must keep its value in a double; answers of a server are only held to the grammar. */
  readonly exactNumbers: boolean
}

/** Deeper than any schema in the field; recursion here is bounded by it. */
export const DEPTH_MAX = 64

/** A body of a mebibyte may hold ten times as many: by then it is an attack on whoever builds the objects. */
export const MEMBERS_MAX = 10_000

/** Up to here a linear comparison of hashes is faster than a Set. */
const LINEAR_MAX = 24

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a

/** Case folding (Go, CVE-2026-27896) reads U+017F as `s` and U+212A as `k`. */
const FOLDS_TO_ASCII = /[\u017f\u212a]/

/**
 * The text of the bytes, its structure walked and held to the rules. Literals and escapes are left to JSON.parse, which must follow.
 * @throws Denial `unparseable` (not JSON, not UTF-8), `malformed` (JSON that two readers may read differently, or too much of it).
 */
export function scan(bytes: Uint8Array, rules: ScanRules): string {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const ascii = isAscii(buffer)
  if (!ascii && !isUtf8(buffer)) throw new Denial('unparseable', { detail: 'the body is not UTF-8' })
  if (buffer[0] === 0xef) throw new Denial('unparseable', { detail: 'the body begins with a byte order mark' })
  new Scanner(buffer, rules).document()
  return buffer.toString(ascii ? 'latin1' : 'utf8')
}

const broken = (detail: string): Denial => new Denial('unparseable', { detail })
const refused = (detail: string): Denial => new Denial('malformed', { detail })

class Scanner {
  readonly #bytes: Buffer
  readonly #rules: ScanRules
  #at = 0
  #members = 0
  /** Start, end and hash of the keys of every open object, innermost last; up to `#top`, for shrinking an array is slow. */
  readonly #keys: number[] = []
  #top = 0
  // Of the key read last.
  #hash = 0
  #escaped = false
  #wide = false

  constructor(bytes: Buffer, rules: ScanRules) {
    this.#bytes = bytes
    this.#rules = rules
  }

  document(): void {
    this.#value(this.#skip(), 0, false)
    if (this.#skip() !== -1) throw broken('something follows the JSON value')
  }

  /** The first byte that is not white space, not yet taken; -1 at the end. */
  #skip(): number {
    const bytes = this.#bytes
    for (let at = this.#at; ; at++) {
      const byte = bytes[at] ?? -1
      if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) continue
      this.#at = at
      return byte
    }
  }

  #value(byte: number, depth: number, inConstructor: boolean): void {
    if (byte === QUOTE) {
      this.#at++
      this.#string()
      return
    }
    if (byte === 0x7b || byte === 0x5b) {
      if (depth >= this.#rules.maxDepth) throw refused('the body is nested too deeply')
      this.#at++
      if (byte === 0x7b) this.#object(depth + 1, inConstructor)
      else this.#array(depth + 1)
      return
    }
    if (byte === 0x2d || (byte >= 0x30 && byte <= 0x39)) this.#number()
    else if (byte === 0x74 || byte === 0x66 || byte === 0x6e) this.#word()
    else throw broken('a value is expected')
  }

  #array(depth: number): void {
    let byte = this.#skip()
    if (byte === 0x5d) {
      this.#at++
      return
    }
    for (;;) {
      this.#value(byte, depth, false)
      byte = this.#skip()
      this.#at++
      if (byte === 0x5d) return
      if (byte !== COMMA) throw broken('an array is not closed')
      byte = this.#skip()
    }
  }

  #object(depth: number, inConstructor: boolean): void {
    const base = this.#top
    let seen: Set<string> | undefined
    let byte = this.#skip()
    if (byte === 0x7d) {
      this.#at++
      return
    }
    for (;;) {
      if (byte !== QUOTE) throw broken('a member name is expected')
      const start = ++this.#at
      this.#key()
      const end = this.#at - 1
      if (++this.#members > this.#rules.maxMembers) throw refused('the body has too many members')
      if (this.#escaped || this.#top - base >= LINEAR_MAX * 3) seen ??= this.#seen(base)
      if (seen === undefined) this.#compare(base, start, end)
      const name = seen === undefined && !this.#wide ? undefined : this.#name(start, end)
      if (name !== undefined && FOLDS_TO_ASCII.test(name)) throw refused('a member name folds to ASCII')
      if (seen !== undefined && name !== undefined) {
        if (seen.has(name)) throw refused('a member name occurs twice')
        seen.add(name)
      }
      const trap = this.#trap(name, start, end, inConstructor)
      if (this.#skip() !== COLON) throw broken('a colon is expected')
      this.#at++
      this.#value(this.#skip(), depth, trap)
      byte = this.#skip()
      this.#at++
      if (byte === 0x7d) break
      if (byte !== COMMA) throw broken('an object is not closed')
      byte = this.#skip()
    }
    this.#top = base
  }

  /** Adds a key without escapes to the open object. */
  #compare(base: number, start: number, end: number): void {
    const keys = this.#keys
    const hash = this.#hash
    const top = this.#top
    for (let at = base; at < top; at += 3) {
      if (keys[at + 2] === hash && this.#isSame(keys[at] ?? 0, keys[at + 1] ?? 0, start, end)) throw refused('a member name occurs twice')
    }
    keys[top] = start
    keys[top + 1] = end
    keys[top + 2] = hash
    this.#top = top + 3
  }

  #isSame(leftStart: number, leftEnd: number, rightStart: number, rightEnd: number): boolean {
    if (leftEnd - leftStart !== rightEnd - rightStart) return false
    for (let left = leftStart, right = rightStart; left < leftEnd; left++, right++) {
      if (this.#bytes[left] !== this.#bytes[right]) return false
    }
    return true
  }

  /** The keys of the open object so far, as texts. */
  #seen(base: number): Set<string> {
    const seen = new Set<string>()
    for (let at = base; at < this.#top; at += 3) seen.add(this.#bytes.toString('utf8', this.#keys[at] ?? 0, this.#keys[at + 1] ?? 0))
    return seen
  }

  #name(start: number, end: number): string {
    const text = this.#bytes.toString('utf8', start, end)
    if (!this.#escaped) return text
    try {
      return String(JSON.parse(`"${text}"`))
    } catch {
      throw broken('an escape is not valid')
    }
  }

  /**
   * Member names that are not data to every reader: `__proto__` never, `prototype` only right under `constructor`,
   * the other way to reach a prototype. Either alone is an ordinary word. Answers whether this is `constructor`.
   */
  #trap(name: string | undefined, start: number, end: number, inConstructor: boolean): boolean {
    const length = name === undefined ? end - start : name.length
    if (length !== 9 && length !== 11) return false
    const text = name ?? this.#bytes.toString('latin1', start, end)
    if (text === '__proto__') throw refused('a member is named __proto__')
    if (inConstructor && text === 'prototype') throw refused('a member reaches for a prototype')
    return text === 'constructor'
  }

  /** To the closing quote of a member name, with its hash (FNV-1a). */
  #key(): void {
    const bytes = this.#bytes
    let at = this.#at
    let hash = 0x811c9dc5
    this.#escaped = false
    this.#wide = false
    for (;;) {
      const byte = bytes[at++] ?? -1
      if (byte === QUOTE) break
      if (byte < 0x20) throw broken('a member name is not closed')
      if (byte === BACKSLASH) {
        this.#at = at
        this.#escape()
        at = this.#at
        this.#escaped = true
      } else if (byte > 0x7f) this.#wide = true
      hash = Math.imul(hash ^ byte, 0x01000193)
    }
    this.#at = at
    this.#hash = hash
  }

  /** To the closing quote of a string. */
  #string(): void {
    const bytes = this.#bytes
    let at = this.#at
    for (;;) {
      const byte = bytes[at++] ?? -1
      if (byte === QUOTE) break
      if (byte === BACKSLASH) {
        this.#at = at
        this.#escape()
        at = this.#at
      } else if (byte < 0x20) throw broken('a string is not closed')
    }
    this.#at = at
  }

  /** Past what follows a backslash. A surrogate must come in its pair (RFC 8259 §8.2). */
  #escape(): void {
    if (this.#bytes[this.#at++] !== 0x75) return
    const unit = this.#unit()
    if (unit < 0xd800 || unit > 0xdfff) return
    const paired = unit < 0xdc00 && this.#bytes[this.#at] === BACKSLASH && this.#bytes[this.#at + 1] === 0x75
    if (!paired) throw refused('a surrogate stands alone')
    this.#at += 2
    const low = this.#unit()
    if (low < 0xdc00 || low > 0xdfff) throw refused('a surrogate stands alone')
  }

  /** Four hex digits. */
  #unit(): number {
    const text = this.#bytes.toString('latin1', this.#at, this.#at + 4)
    if (!/^[0-9a-fA-F]{4}$/.test(text)) throw broken('an escape is not valid')
    this.#at += 4
    return Number.parseInt(text, 16)
  }

  #number(): void {
    const bytes = this.#bytes
    const start = this.#at
    let at = start
    let digits = 0
    let exponent = false
    for (; ; at++) {
      const byte = bytes[at] ?? -1
      if (byte >= 0x30 && byte <= 0x39) digits++
      else if (byte === 0x65 || byte === 0x45) exponent = true
      else if (byte !== 0x2e && byte !== 0x2d && byte !== 0x2b) break
    }
    this.#at = at
    // Fifteen decimal digits always survive a double (DBL_DIG).
    if ((digits <= 15 && !exponent) || !this.#rules.exactNumbers) return
    if (!survives(bytes.toString('latin1', start, at))) throw refused('a number does not survive being read; a string does')
  }

  /** Past a literal; JSON.parse says whether it is one. */
  #word(): void {
    for (;;) {
      const byte = this.#bytes[this.#at] ?? -1
      if (byte < 0x61 || byte > 0x7a) return
      this.#at++
    }
  }
}
