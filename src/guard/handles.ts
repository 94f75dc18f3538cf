/** Handles: a server's name for what it keeps for a caller is good for whoever was given it, and for nobody who guessed or overheard it (2026-07-28, security best practices). */
import type { Config } from '../config/config.ts'
import type { Keyring } from '../config/keyfile.ts'
import type { Call, Message } from '../core/call.ts'
import type { Finding } from '../core/finding.ts'
import { canonical, isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { isCovered, type Pattern, parsePattern } from '../core/pattern.ts'
import type { Principal } from '../core/principal.ts'
import { createKeyedHash } from '../core/secret.ts'
import type { Clock } from '../core/time.ts'
import { KEYS } from '../store/keys.ts'
import type { Store } from '../store/store.ts'
import { personOf } from './flow-record.ts'
import type { Stations } from './guard.ts'

interface HandleParts {
  readonly config: Config
  readonly store: Store
  readonly clock: Clock
  readonly keyring: Keyring
}

interface Place {
  readonly handle: string
  readonly pattern: Pattern
  readonly path: readonly string[]
  readonly rememberMs: number
}

/** An answer that gives more, or a call that brings more, is of another kind than was meant. */
const HANDLES_MAX = 1_000
/** Texts of an answer that are read as JSON, characters. */
const TEXT_MAX_CHARS = 1_048_576

export function withHandles(stations: Stations, { config, store, clock, keyring }: HandleParts): Stations {
  const [made, used] = [placesOf(config, 'made'), placesOf(config, 'used')]
  if (made.length + used.length === 0) return stations
  // Handles may be as good as credentials: only their hash is kept.
  const hash = createKeyedHash(keyring.key('handles'))
  const keyOf = ({ handle }: Place, { resource }: Call, value: JsonValue): string =>
    KEYS.handle(resource.server, handle, hash(typeof value === 'string' ? value : canonical(value)))

  /** What is not known to be theirs is not, whether it is somebody else's or was never given: the caller is told the same. */
  const foreign = async (call: Call, principal: Principal, places: readonly Place[]): Promise<readonly Finding[]> => {
    const owner = personOf(principal).name
    const found = await Promise.all(
      places.map(async (place): Promise<readonly Finding[]> => {
        const values = valuesAt(call.arguments, place.path)
        const owners =
          values.length > HANDLES_MAX ? [undefined] : await Promise.all(values.map((value) => store.get(keyOf(place, call, value))))
        const pointer = place.path.map((token) => `/${token.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
        return owners.every((one) => one === owner) ? NOTHING : [{ label: 'foreign-handle', detector: `handle/${place.handle}`, pointer }]
      }),
    )
    return found.flat()
  }

  /** Written down before the answer leaves. Whose it was first it stays: a server that gives one thing to two gives it to one. */
  const give = async (message: Message, call: Call, principal: Principal, places: readonly Place[]): Promise<Message> => {
    const { name } = personOf(principal)
    const said = saidIn(message.body.result ?? {})
    const given = places.flatMap((place) =>
      said.flatMap((one) => valuesAt(one, place.path).slice(0, HANDLES_MAX)).map((value) => ({ place, value })),
    )
    await Promise.all(
      given.map(({ place, value }) =>
        store.put(keyOf(place, call, value), name, { expiresAt: clock() + place.rememberMs, onlyIfAbsent: true }),
      ),
    )
    return message
  }

  return {
    ...stations,
    inspect: (call, principal, forward) => {
      const carried = stations.inspect(call, principal, forward)
      const places = placesFor(used, call)
      if (places.length === 0) return carried
      return Promise.all([carried, foreign(call, principal, places)]).then(([findings, more]) =>
        more.length === 0 ? findings : [...findings, ...more],
      )
    },
    release: (message, principal, call) => {
      const released = stations.release(message, principal, call)
      const places = placesFor(made, call)
      if (places.length === 0 || message.body.result === undefined || message.body.result['isError'] === true) return released
      return Promise.resolve(released).then((shown) =>
        shown === undefined ? undefined : give(message, call, principal, places).then(() => shown),
      )
    },
  }
}

const NOTHING: readonly Finding[] = []

function placesOf({ handles }: Config, which: 'made' | 'used'): readonly Place[] {
  return Object.entries(handles).flatMap(([handle, { remember, ...written }]) =>
    Object.entries(written[which]).flatMap(([text, pointer]) => {
      const pattern = parsePattern(text)
      const path = pointer
        .slice(1)
        .split('/')
        .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
      return pattern === undefined ? [] : [{ handle, pattern, path, rememberMs: remember }]
    }),
  )
}

function placesFor(places: readonly Place[], { method, resource: { server, name } }: Call): readonly Place[] {
  return method === 'tools/call' ? places.filter(({ pattern }) => isCovered(pattern, server, name)) : []
}

/** Own members alone; a list is each of its items, also at the end. */
function valuesAt(root: JsonValue, path: readonly string[]): readonly JsonValue[] {
  if (Array.isArray(root)) return root.flatMap((item: JsonValue) => valuesAt(item, path))
  const [name, ...rest] = path
  if (name === undefined) return [root]
  const value = isObject(root) && Object.hasOwn(root, name) ? root[name] : undefined
  return value === undefined ? [] : valuesAt(value, rest)
}

/** What an answer says as data: its structured content, else the texts that are JSON. */
function saidIn({ structuredContent, content }: JsonObject): readonly JsonValue[] {
  if (structuredContent !== undefined) return [structuredContent]
  if (!Array.isArray(content)) return []
  return content.flatMap((item: JsonValue) => {
    const text = isObject(item) ? item['text'] : undefined
    if (typeof text !== 'string' || text.length > TEXT_MAX_CHARS) return []
    try {
      return [JSON.parse(text) as JsonValue]
    } catch {
      return []
    }
  })
}
