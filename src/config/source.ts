/** The text of a configuration (YAML or JSON), and where each part of it stands. */
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument, visit } from 'yaml'

/** Larger than any configuration a person keeps. */
const SOURCE_MAX_CHARS = 1024 * 1024
/** How many nodes aliases may unfold to: a file that needs more is an alias bomb. */
const ALIAS_MAX = 100
const REFERENCE = /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{/g

export type Path = readonly PropertyKey[]
export type Environment = Readonly<Record<string, string | undefined>>

/** Something wrong in the file: what was expected, and where. Lines and columns count from 1. */
export interface Mistake {
  readonly line: number
  readonly column: number
  /** `servers.files.timeout`; empty for the file as a whole. */
  readonly path: string
  readonly expected: string
}

export interface Source {
  readonly value: unknown
  readonly mistakes: readonly Mistake[]
  /** A mistake at `path`; `isKey` when the name itself is wrong, not its value. */
  mistake(path: Path, expected: string, isKey?: boolean): Mistake
}

/**
 * Reads the text and puts the environment in, in that order, so that no value can be read as syntax.
 * @param environment absent: what refers to it stays as it is written.
 */
export function parseSource(text: string, environment?: Environment): Source {
  const counter = new LineCounter()
  const isTooLong = text.length > SOURCE_MAX_CHARS
  const document = parseDocument(isTooLong ? '' : text, { lineCounter: counter, prettyErrors: false, stringKeys: true })
  const at = (offset: number, path: Path, expected: string): Mistake => {
    const { line, col } = counter.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1), path: showPath(path), expected }
  }
  const mistakes = [...document.errors, ...document.warnings].map((error) => at(error.pos[0], [], syntax(error.code, error.message)))
  if (isTooLong) mistakes.push(at(0, [], `expected at most ${SOURCE_MAX_CHARS} characters`))
  if (mistakes.length === 0 && environment !== undefined)
    mistakes.push(...substitute(document, environment).map(({ offset, expected }) => at(offset, [], expected)))
  let value: unknown
  if (mistakes.length === 0) {
    try {
      value = document.toJS({ maxAliasCount: ALIAS_MAX }) ?? {}
    } catch {
      mistakes.push(at(firstAlias(document), [], `expected aliases that unfold to at most ${ALIAS_MAX} values`))
    }
  }
  return { value, mistakes, mistake: (path, expected, isKey = false) => at(locate(document, path, isKey), path, expected) }
}

/** `servers.files.command[1]` */
export function showPath(path: Path): string {
  return path.map((part, index) => (typeof part === 'number' ? `[${part}]` : `${index === 0 ? '' : '.'}${String(part)}`)).join('')
}

function syntax(code: string, message: string): string {
  switch (code) {
    case 'DUPLICATE_KEY':
      return 'expected each name once, this one was written before'
    case 'MULTIPLE_DOCS':
      return 'expected one document'
    case 'TAG_RESOLVE_FAILED':
      return 'expected no tags'
    default:
      return `not valid YAML: ${message}`
  }
}

interface Flaw {
  readonly offset: number
  readonly expected: string
}

/** Puts the environment into the scalars of the document; names are left alone. */
function substitute(document: Document, environment: Environment): readonly Flaw[] {
  const flaws: Flaw[] = []
  visit(document, {
    Scalar(key, node) {
      if (key === 'key') {
        if (node.value === '__proto__') flaws.push({ offset: node.range?.[0] ?? 0, expected: 'expected another name than __proto__' })
        return
      }
      if (typeof node.value !== 'string' || !node.value.includes('${')) return
      const missing = (expected: string): string => {
        flaws.push({ offset: node.range?.[0] ?? 0, expected })
        return ''
      }
      node.value = node.value.replace(REFERENCE, (found: string, name: string | undefined, fallback: string | undefined) => {
        if (found === '$${') return '${'
        if (name === undefined) return missing('expected a variable name and } after ${; a literal ${ is written $${')
        const value = environment[name]
        if (fallback !== undefined) return value === undefined || value === '' ? fallback : value
        return value ?? missing(`expected the environment variable ${name}, which is not set`)
      })
    },
  })
  return flaws
}

function firstAlias(document: Document): number {
  let offset = 0
  visit(document, {
    Alias(_key, node) {
      offset = node.range?.[0] ?? 0
      return visit.BREAK
    },
  })
  return offset
}

/** Where the value at `path` stands; of what is not there, or is a collection, the name it belongs to. */
function locate(document: Document, path: Path, isKey: boolean): number {
  let node: unknown = document.contents
  let offset = document.contents?.range?.[0] ?? 0
  for (const [index, part] of path.entries()) {
    if (isAlias(node)) node = node.resolve(document)
    if (isMap(node)) {
      const pair: Pair | undefined = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(part))
      if (pair === undefined) return offset
      const isName = isKey && index === path.length - 1
      offset = isName || !isScalar(pair.value) ? start(pair.key, offset) : start(pair.value, offset)
      node = pair.value
    } else if (isSeq(node)) {
      node = node.items[Number(part)]
      offset = start(node, offset)
    } else return offset
  }
  return offset
}

interface Edit {
  readonly from: number
  readonly to: number
  readonly value: string
}

/** The text with other values at some places, as `showPath` writes them: everything else stays as it is, comments too. */
export function rewrite(text: string, values: ReadonlyMap<string, string>): string {
  const edits: Edit[] = []
  const visitNode = (node: unknown, path: Path): void => {
    if (isMap(node)) {
      for (const { key, value } of node.items) if (isScalar(key)) visitNode(value, [...path, String(key.value)])
    } else if (isSeq(node)) {
      for (const [index, item] of node.items.entries()) visitNode(item, [...path, index])
    } else if (isScalar(node)) {
      const value = values.get(showPath(path))
      if (value !== undefined && node.range) edits.push(editOf(text, node.range, value))
    }
  }
  visitNode(parseDocument(text, { stringKeys: true }).contents, [])
  let written = text
  for (const { from, to, value } of edits.sort((left, right) => right.from - left.from))
    written = written.slice(0, from) + value + written.slice(to)
  return written
}

/** Quoted as it was; a block scalar becomes one line. JSON's quotes are YAML's, too. */
function editOf(text: string, [from, to]: readonly [number, number, number], value: string): Edit {
  const isBlock = text[from] === '|' || text[from] === '>'
  const quote = text[from] === "'" ? "'" : '"'
  return { from, to, value: quote + value + quote + (isBlock && text[to - 1] === '\n' ? '\n' : '') }
}

function start(node: unknown, otherwise: number): number {
  return (node as Node | null)?.range?.[0] ?? otherwise // items of a parsed document are nodes or null
}
