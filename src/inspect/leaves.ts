/** What of a message can be read by somebody: every text, every name, numbers, and what is packed in base64, each with what was found in it. */
import { isUtf8 } from 'node:buffer'
import type { Body } from '../core/call.ts'
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { type Detector, fullTank, type Hit, type Place } from './detect.ts'
import { glanceAtRuns } from './glance.ts'

type Container = JsonObject | readonly JsonValue[]

/** A place in a message at which something was found, or at which texts meet. */
export interface Leaf {
  readonly container: Container
  readonly token: string
  /** `name`: the name of a member itself. `blob`: base64. `fixed`: it goes back to its server as it is, so it cannot be redacted. */
  readonly kind: 'text' | 'uri' | 'name' | 'number' | 'blob' | 'fixed'
  /** RFC 6901, from the body on; what was found in names is taken out. */
  readonly pointer: string
  /** What was looked at: of a blob, what is packed in it. */
  readonly text: string
  readonly encoding: 'utf8' | 'latin1'
  readonly hits: readonly Hit[]
}

/** Deeper than any parser in front lets through. */
const DEPTH_MAX = 256
/** What a server is given back as it said it. */
export const FIXED = /^\/(?:result\/nextCursor|(?:params|result)\/taskId|result\/task\/taskId|params\/progressToken|params\/requestId)$/
/** Where a person is asked to go, after being told where that is (2025-11-25, client/elicitation, URL mode). */
const ELICITED = /^\/(?:params|(?:params|result)\/inputRequests\/[^/]+\/params)\/url$/
/** Sealed by us before it leaves. */
export const SEALED = '/result/requestState'
const URI_NAMES = new Set(['uri', 'url', 'href', 'icon', 'src'])
/** Members in which clients show one text after another. */
const SHOWN = new Set(['text', 'message', 'data'])
/** A number of so many digits can be that of a card. */
const NUMBER_MIN = 1e9
/** What a server says of its own work, whatever the level: nobody asked for it as an answer. */
const OF_ITSELF = new Set(['notifications/message', 'notifications/progress', 'notifications/tasks/status', 'notifications/tasks'])

/** An error, the answer of a tool or a task that failed, a log message, progress. */
export function tellsOfError({ error, result, method }: Body): boolean {
  return (
    error !== undefined ||
    result?.['isError'] === true ||
    result?.['status'] === 'failed' ||
    (method !== undefined && OF_ITSELF.has(method))
  )
}

/** @returns all leaves with something in them, and those that clients show after one another, in order. */
export function leavesOf(body: Body, detector: Detector): { readonly hit: readonly Leaf[]; readonly shown: readonly Leaf[] } {
  const { result, error, params } = body
  const walk = new Walk(detector, { isError: tellsOfError(body), tank: fullTank() })
  for (const [name, value] of [
    ['result', result],
    ['error', error],
    ['params', params],
  ] as const) {
    if (value !== undefined) walk.value(value as JsonValue, body, name, `/${name}`, 0)
  }
  return walk
}

class Walk {
  readonly hit: Leaf[] = []
  readonly shown: Leaf[] = []
  private readonly detector: Detector
  private readonly place: Place

  constructor(detector: Detector, place: Place) {
    this.detector = detector
    this.place = place
  }

  value(value: JsonValue | undefined, container: Container, token: string, pointer: string, depth: number): void {
    if (typeof value === 'string') this.text(value, container, token, pointer)
    else if (typeof value === 'number') this.number(value, container, token, pointer)
    else if (Array.isArray(value)) {
      if (depth > DEPTH_MAX) return
      for (const [index, item] of value.entries()) this.value(item, value, String(index), `${pointer}/${index}`, depth + 1)
    } else if (isObject(value) && depth <= DEPTH_MAX) this.members(value, pointer, depth)
  }

  private members(object: JsonObject, pointer: string, depth: number): void {
    for (const name of Object.keys(object)) {
      const hits = name.length < NAME_MIN ? NOTHING : this.detector.find(name, this.place)
      const shownName = hits.length === 0 ? name : replaced(name, hits, false)
      if (hits.length > 0)
        this.note({
          container: object,
          token: name,
          kind: 'name',
          pointer: pointerTo(pointer, shownName),
          text: name,
          encoding: 'utf8',
          hits,
        })
      this.value(object[name], object, name, pointerTo(pointer, shownName), depth + 1)
    }
  }

  private text(text: string, container: Container, token: string, pointer: string): void {
    if (pointer === SEALED) return
    if (isPacked(container, token)) {
      if (this.blob(text, container, token, pointer) || isLongBase64(text)) return
    }
    const kind = kindOf(token, pointer, text)
    const seen = this.detector.find(text, this.place)
    const found = ELICITED.test(pointer) ? seen.filter(({ label }) => label !== 'data-link') : seen
    const named = found.length === 0 ? this.underName(text, container, token, pointer) : undefined
    const hits = named === undefined ? found : [named]
    const leaf: Leaf = { container, token, kind, pointer, text, encoding: 'utf8', hits }
    if (SHOWN.has(token) && !isPacked(container, token)) this.shown.push(leaf)
    if (hits.length > 0) this.note(leaf)
  }

  /** `{ "password": "…" }`, `{ "name": "DB_PASSWORD", "value": "…" }`, and `{ "password": { "value": "…" } }`. */
  private underName(text: string, container: Container, token: string, pointer: string): Hit | undefined {
    if (Array.isArray(container)) return undefined
    const told = token === 'value' || token === 'Value' ? (nameBeside(container as JsonObject) ?? pointer.split('/').at(-2)) : undefined
    return this.detector.underName(told ?? token, text)
  }

  private number(value: number, container: Container, token: string, pointer: string): void {
    if (value < NUMBER_MIN || !Number.isSafeInteger(value)) return
    const text = String(value)
    const hits = this.detector.find(text, this.place)
    if (hits.length > 0) this.note({ container, token, kind: 'number', pointer, text, encoding: 'utf8', hits })
  }

  /** @returns whether something was found in it. */
  private blob(packed: string, container: Container, token: string, pointer: string): boolean {
    const bytes = Buffer.from(packed, 'base64')
    const encoding = isUtf8(bytes) ? 'utf8' : 'latin1'
    // A picture has signs of every kind by chance, and long words by none.
    if (encoding === 'latin1' && !glanceAtRuns(bytes)) return false
    const text = bytes.toString(encoding)
    // Of what is no text only that counts which has a form of its own.
    const hits = this.detector.find(text, encoding === 'utf8' ? this.place : { isJoined: true })
    if (hits.length > 0) this.note({ container, token, kind: 'blob', pointer, text, encoding, hits })
    return hits.length > 0
  }

  private note(leaf: Leaf): void {
    this.hit.push(leaf)
  }
}

/** What should be base64 and is not, or is no longer than a credential may be, is looked at as it stands too. */
function isLongBase64(text: string): boolean {
  return text.length > PACKED_MIN && /^[A-Za-z0-9+/]+={0,2}$/.test(text)
}

const PACKED_MIN = 4_096
const NOTHING: readonly Hit[] = []
/** No credential and no personal data is shorter. */
const NAME_MIN = 6

function nameBeside(object: JsonObject): string | undefined {
  for (const name of ['name', 'key', 'Name', 'Key']) if (typeof object[name] === 'string') return object[name]
  return undefined
}

/** `blob` of a resource, `data` of a picture or a sound (2025-11-25 and 2026-07-28, schema: BlobResourceContents, ImageContent, AudioContent). */
function isPacked(container: Container, token: string): boolean {
  if (token === 'blob') return true
  if (token !== 'data' || Array.isArray(container)) return false
  const type = (container as JsonObject)['type']
  return type === 'image' || type === 'audio'
}

export function pointerTo(parent: string, token: string): string {
  return `${parent}/${token.includes('~') || token.includes('/') ? token.replaceAll('~', '~0').replaceAll('/', '~1') : token}`
}

/** What is to be minded where a text is written anew. */
export function kindOf(token: string, pointer: string, text: string): 'fixed' | 'uri' | 'text' {
  return FIXED.test(pointer) ? 'fixed' : URI_NAMES.has(token) && URL.canParse(text) ? 'uri' : 'text'
}

/** A text with what stands there instead of what was found. */
export function replaced(text: string, hits: readonly Hit[], isUri: boolean): string {
  let written = ''
  let kept = 0
  for (const { label, start, end, instead } of hits) {
    written += text.slice(kept, start) + (instead ?? (isUri ? `%5Bredacted:${label}%5D` : `[redacted:${label}]`))
    kept = end
  }
  return written + text.slice(kept)
}
