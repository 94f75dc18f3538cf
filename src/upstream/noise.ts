/** What a server says beside the protocol: counted, capped and made harmless before anybody sees it. */
import { StringDecoder } from 'node:string_decoder'
import type { Clock } from '../core/time.ts'

/** Free text kept for one window; a server that logs more is silenced until the next (ST-14: the rate of stderr is capped). */
const TEXT_MAX_BYTES = 64 * 1024
const WINDOW_MS = 60_000
/** Of one piece of text, no more than this is shown. */
const PIECE_MAX_CHARS = 4096

/** Printable ASCII and letters stay; controls, escapes and direction marks are shown as `\u{…}` so that no terminal obeys them. */
export function escapeText(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (char) =>
    char === '\n' || char === '\t' ? char : `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`,
  )
}

/** Lets free text through to `sink`, a line at a time, redacted and escaped, up to a budget a minute. */
export class Muffler {
  readonly #sink: (line: string) => void
  readonly #clock: Clock
  readonly #redact: (text: string) => string
  readonly #decoder = new StringDecoder('utf8')
  /** The beginning of a line whose end has not come: a secret is not to be cut in two. */
  #begun = ''
  #windowAt: number
  #left = TEXT_MAX_BYTES

  constructor(sink: (line: string) => void, clock: Clock, redact: (text: string) => string = (text) => text) {
    this.#sink = sink
    this.#clock = clock
    this.#redact = redact
    this.#windowAt = clock()
  }

  say(chunk: Buffer): void {
    const now = this.#clock()
    if (now - this.#windowAt >= WINDOW_MS) {
      this.#windowAt = now
      this.#left = TEXT_MAX_BYTES
    }
    if (this.#left <= 0) return
    const kept = chunk.subarray(0, this.#left)
    this.#left -= chunk.length
    const lines = (this.#begun + this.#decoder.write(kept)).split('\n')
    this.#begun = lines.pop() ?? ''
    for (const line of lines) this.#tell(line)
    if (this.#begun.length >= PIECE_MAX_CHARS || this.#left <= 0) this.end()
    if (this.#left <= 0) this.#sink('(more was said and is not kept)')
  }

  /** Nothing more comes: what was begun is told as it is. */
  end(): void {
    const begun = this.#begun
    this.#begun = ''
    this.#tell(begun)
  }

  #tell(line: string): void {
    const text = this.#redact(line).trimEnd()
    for (let from = 0; from < text.length; from += PIECE_MAX_CHARS) this.#sink(escapeText(text.slice(from, from + PIECE_MAX_CHARS)))
  }
}

/** Counts what was dropped, and tells of the 1st, 10th, 100th, … of each kind: an event that a server can cause must not become a flood. */
export class Quarantine {
  readonly #counts = new Map<string, number>()
  readonly #tell: (detail: string) => void

  constructor(tell: (detail: string) => void) {
    this.#tell = tell
  }

  /** @param kind one of a few constants, never the server's own words. */
  drop(kind: string): void {
    const count = (this.#counts.get(kind) ?? 0) + 1
    this.#counts.set(kind, count)
    if (isPowerOfTen(count)) this.#tell(`${kind}: ${count} dropped`)
  }

  count(kind: string): number {
    return this.#counts.get(kind) ?? 0
  }
}

function isPowerOfTen(count: number): boolean {
  return Number.isInteger(Math.log10(count))
}
