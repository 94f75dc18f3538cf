/** Every pin as it is in the store, in memory: found with one look-up, and by what names look like. */
import { lookOf, skeletonOf, soundOf, swappedSkeletons } from '../inspect/skeleton.ts'
import type { Pin, PinnedKind, Thing } from './pins.ts'

export class KnownPins {
  /** By kind, server and name. */
  readonly #pins = new Map<string, Pin>()
  /** Tools by the skeleton of their names. */
  readonly #alike = new Map<string, Set<string>>()
  /** Tools by what their names sound like. */
  readonly #sounding = new Map<string, Set<string>>()
  /** By server. */
  readonly #templates = new Map<string, Set<string>>()
  readonly #counts = new Map<string, number>()

  get(kind: PinnedKind, server: string, name: string): Pin | undefined {
    return this.#pins.get(keyOf(kind, server, name))
  }

  of({ kind, server, name }: Thing): Pin | undefined {
    return this.get(kind, server, name)
  }

  /** Names of templates. */
  templatesOf(server: string): Iterable<string> {
    return this.#templates.get(server) ?? []
  }

  countOf(server: string): number {
    return this.#counts.get(server) ?? 0
  }

  set(pin: Pin): void {
    const key = keyOf(pin.kind, pin.server, pin.name)
    if (!this.#pins.has(key)) {
      this.#counts.set(pin.server, this.countOf(pin.server) + 1)
      if (pin.kind === 'template') addTo(this.#templates, pin.server, pin.name)
      if (pin.kind === 'tool') {
        addTo(this.#alike, skeletonOf(pin.name), key)
        addTo(this.#sounding, soundOf(pin.name), key)
      }
    }
    this.#pins.set(key, pin)
  }

  /** On one server names must differ by more than case and joints; the same name on two servers is usual, one that only looks the same is not. */
  lookAlikes({ kind, server, name }: Thing): readonly string[] {
    if (kind !== 'tool') return []
    const alike = this.#withSkeleton(skeletonOf(name)).flatMap((other) => {
      if (other.server === server && other.name === name) return []
      return other.server === server || lookOf(other.name) === lookOf(name) ? [other.name] : []
    })
    // Whoever names two tools of his own so has mistyped.
    const swapped = [...swappedSkeletons(name)].flatMap((skeleton) => this.#withSkeleton(skeleton))
    const mistaken = [...swapped, ...this.#soundingLike(name)].filter((other) => other.server !== server)
    return [...alike, ...mistaken.map((other) => other.name)]
  }

  #withSkeleton(skeleton: string): readonly Pin[] {
    return this.#at(this.#alike.get(skeleton))
  }

  /** The same name, however it is joined, is nobody's disguise. */
  #soundingLike(name: string): readonly Pin[] {
    const skeleton = skeletonOf(name)
    return this.#at(this.#sounding.get(soundOf(name) ?? '')).filter((other) => skeletonOf(other.name) !== skeleton)
  }

  #at(keys: ReadonlySet<string> = new Set()): readonly Pin[] {
    return [...keys].flatMap((key) => this.#pins.get(key) ?? [])
  }

  /** Whether a tool of this server has a name that differs by no more than case and joints. */
  isOtherSpelling(server: string, name: string): boolean {
    const key = keyOf('tool', server, name)
    return [...(this.#alike.get(skeletonOf(name)) ?? [])].some((other) => other !== key && this.#pins.get(other)?.server === server)
  }
}

function addTo(index: Map<string, Set<string>>, at: string | undefined, key: string): void {
  if (at !== undefined) index.set(at, (index.get(at) ?? new Set()).add(key))
}

/** The name last: no other part can hold a space or a slash. */
function keyOf(kind: PinnedKind, server: string, name: string): string {
  return `${kind} ${server}/${name}`
}
