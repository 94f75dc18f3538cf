/** How keys of the store are called in Redis, and which of them lie together: what stands in braces says in which slot of a Cluster. */
import { encodePart } from './keys.ts'

/** Cells of one call are charged together or not at all, so all cells are in one slot. */
const CELLS = 'cells'

export class RedisKeys {
  readonly #prefix: string

  /** @param prefix in front of every key: many installations may share one Redis */
  constructor(prefix: string) {
    this.#prefix = prefix
  }

  /** Which groups of records there are. */
  get groups(): string {
    return `${this.#prefix}groups`
  }

  record(key: string): string {
    return `${this.#prefix}record:{${groupOf(key)}}${key}`
  }

  /** The keys of a group's records, in order. */
  index(group: string): string {
    return `${this.#prefix}index:{${group}}`
  }

  cell(key: string): string {
    return `${this.#prefix}cell:{${CELLS}}${key}`
  }

  /** A stream. */
  log(name: string): string {
    return `${this.#prefix}log:{${encodeTag(name)}}`
  }

  marks(name: string): string {
    return `${this.#prefix}marks:{${encodeTag(name)}}`
  }

  /** The number of the last batch that a writer has brought. */
  last(name: string, writer: string): string {
    return `${this.#prefix}last:{${encodeTag(name)}}${writer}`
  }
}

/** Records of one kind are in one group, those without a kind in one of their own: `key/abc` is in `key`. */
export function groupOf(key: string): string {
  const slash = key.indexOf('/')
  return encodeTag(slash === -1 ? '' : key.slice(0, slash))
}

/** No brace in it, and never empty: Redis takes `{}` for no tag. */
function encodeTag(text: string): string {
  return `.${encodePart(text)}`
}
