/** What an operator has written of arguments, on its way to the places that it is about. */
import type { ArgumentRule } from './kinds.ts'
import { stepsOf } from './pointer.ts'

/** A rule for what lies so far below the place that is looked at. */
interface Pending {
  readonly rule: ArgumentRule
  /** `edits.path`, whose dots may also be in names; or steps, where a pointer was written. */
  readonly rest: string | readonly string[]
  readonly index: number
}

export class Rules {
  readonly #pending: readonly Pending[]

  private constructor(pending: readonly Pending[]) {
    this.#pending = pending
  }

  static of(written: Readonly<Record<string, ArgumentRule>>): Rules {
    const pending = Object.entries(written).map(([name, rule], index) => ({
      rule,
      rest: name.startsWith('/') ? stepsOf(name) : name,
      index,
    }))
    return new Rules(pending)
  }

  /** Of the very place: where several are written, the later says it, part by part. */
  here(): ArgumentRule | undefined {
    const rules = this.#pending.filter(({ rest }) => rest.length === 0).map(({ rule }) => rule)
    return rules.length === 0 ? undefined : Object.assign({}, ...rules)
  }

  /** What is left of them for a member. */
  within(member: string): Rules {
    if (this.#pending.length === 0) return this
    return new Rules(
      this.#pending.flatMap((pending) => {
        const rest = restOf(pending.rest, member)
        return rest === undefined ? [] : [{ ...pending, rest }]
      }),
    )
  }

  /** Members that they may be about: of `a.b` both `a` and `a.b`. */
  members(): readonly string[] {
    return this.#pending.flatMap(({ rest }) => {
      if (typeof rest !== 'string') return rest.slice(0, 1)
      const parts = rest.split('.')
      return rest === '' ? [] : parts.map((_, at) => parts.slice(0, at + 1).join('.'))
    })
  }

  /** The same for the same rules at the same depth. */
  get key(): string {
    return this.#pending.map(({ index, rest }) => `${index}:${rest.length}`).join()
  }
}

function restOf(rest: Pending['rest'], member: string): Pending['rest'] | undefined {
  if (typeof rest !== 'string') return rest[0] === member ? rest.slice(1) : undefined
  if (rest === '') return undefined
  if (rest === member) return ''
  return rest.startsWith(`${member}.`) ? rest.slice(member.length + 1) : undefined
}
