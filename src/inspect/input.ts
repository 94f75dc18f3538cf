/** The screening of arguments: every text and every name, judged by what it is for. It states facts and refuses nothing; the law judges them. */
import type { Finding } from '../core/finding.ts'
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { isCovered, type Pattern, parsePattern } from '../core/pattern.ts'
import { type Shape, shapeOf } from './argument-shape.ts'
import { judgeSource } from './code.ts'
import { judgeExpression } from './expression.ts'
import { judgeContent, judgeContentCharacters } from './file-content.ts'
import { judgeHtml } from './html.ts'
import { type ArgumentRule, isContent, type Kind, type Leaf, leafOfName } from './kinds.ts'
import { isStated, type Label, type Level } from './labels.ts'
import { isOtherSpelling, judgeMembers, judgeName, judgePacked } from './names.ts'
import { judgePath } from './path.ts'
import { judgeRecipients } from './recipients.ts'
import { judgeRegex, type Meter } from './regex.ts'
import { judgeArgument, judgeCommand } from './shell.ts'
import { judgeIdentifier, judgeStatement } from './sql.ts'
import { judgeLiteral } from './sql-literal.ts'
import { judgeCharacters, judgeLine, judgeText } from './text.ts'
import { shownPointer } from './told.ts'
import { judgeUrl } from './url.ts'

/** More findings tell an operator nothing that these do not. */
const FINDINGS_MAX = 32
/** Deeper than any parser in front lets through. */
const DEPTH_MAX = 256
/** Names of members that no schema knows, remembered for a tool. */
const NAMES_MAX = 512
/** A name that can only be a name. */
/** A path may begin with a dot, and is none that is plain. */
const PLAIN_NAME = /^(?!__proto__$|\.)[A-Za-z0-9_.-]{1,128}$/

export interface ScreenSettings {
  readonly level: Level
  /** What is said of arguments in `access.tools`, by pattern. Where several match, the later says it. */
  readonly tools: Readonly<Record<string, { readonly arguments?: Readonly<Record<string, ArgumentRule>> }>>
}

export interface ScreenedTool {
  readonly server: string
  readonly name: string
  readonly inputSchema?: JsonValue
}

/** @returns facts, at most 32, in the order in which they stand; empty when there is nothing to say. Never throws. */
export type Screen = (values: JsonObject) => readonly Finding[]

/** How each kind is judged. The first danger is told: one is enough to refuse, and one place is enough to look at. */
const JUDGES: Readonly<Record<Kind, (text: string, leaf: Leaf, meter: Meter) => Label | undefined>> = {
  path: judgePath,
  url: judgeUrl,
  email: judgeRecipients,
  sql: judgeStatement,
  'sql-literal': judgeLiteral,
  'sql-identifier': judgeIdentifier,
  html: judgeHtml,
  shell: judgeCommand,
  'shell-argument': judgeArgument,
  code: judgeSource,
  expression: judgeExpression,
  regex: (text, _, meter) => judgeRegex(text, meter),
  line: judgeLine,
  content: judgeContent,
  text: judgeText,
  opaque: () => undefined,
}

const NOTHING: readonly Finding[] = []

/** Reads the settings once; the function it returns reads a tool's definition once; the function that returns screens calls. */
export function createScreen({ level, tools }: ScreenSettings): (tool: ScreenedTool) => Screen {
  const rules = Object.entries(tools).flatMap(([text, { arguments: written }]) => {
    const pattern = parsePattern(text)
    return pattern === undefined || written === undefined ? [] : [{ pattern, written }]
  })
  return (tool) => {
    if (level === 'off') return () => NOTHING
    const shape = shapeOf(tool.inputSchema, rulesFor(rules, tool))
    const names = new Map<string, Shape>()
    return (values) => {
      const walk = new Walk(level, names)
      walk.value(values, shape, undefined, 0)
      return walk.findings
    }
  }
}

/** What the fields of recipients are called. */
const ADDRESSED =
  'to cc bcc To Cc Bcc CC BCC recipient recipients toRecipients ccRecipients bccRecipients to_recipients cc_recipients bcc_recipients'.split(
    ' ',
  )

interface NamedRules {
  readonly pattern: Pattern
  readonly written: Readonly<Record<string, ArgumentRule>>
}

function rulesFor(rules: readonly NamedRules[], { server, name }: ScreenedTool): Readonly<Record<string, ArgumentRule>> {
  const found = new Map<string, ArgumentRule>()
  for (const { pattern, written } of rules) {
    if (!isCovered(pattern, server, name)) continue
    for (const [argument, rule] of Object.entries(written)) found.set(argument, { ...found.get(argument), ...rule })
  }
  // Mail that may go to some domains only may not go elsewhere by the field that nobody thought of.
  const addressed = [...found.values()].find(({ domains }) => domains !== undefined)
  if (addressed !== undefined) for (const field of ADDRESSED) if (!found.has(field)) found.set(field, addressed)
  return Object.fromEntries(found)
}

/** Where the walk is; a pointer is made of it only when there is something to tell. */
interface Place {
  readonly token: string
  readonly parent: Place | undefined
}

class Walk {
  readonly findings: Finding[] = []
  private readonly level: Level
  private readonly meter: Meter = { spent: 0 }
  /** Shapes of members that no schema knows. */
  private readonly names: Map<string, Shape>

  constructor(level: Level, names: Map<string, Shape>) {
    this.level = level
    this.names = names
  }

  value(value: JsonValue | undefined, shape: Shape, place: Place | undefined, depth: number): void {
    if (typeof value === 'string') this.text(value, shape.leaf, place)
    else if (depth > DEPTH_MAX) this.note('too-long', 'input/depth', place)
    else if (Array.isArray(value)) {
      for (const [index, item] of value.entries())
        this.value(item, placeOf(shape, index, item), { token: String(index), parent: place }, depth + 1)
    } else if (isObject(value)) this.members(value, shape, place, depth)
  }

  private members(object: JsonObject, shape: Shape, place: Place | undefined, depth: number): void {
    const names = Object.keys(object)
    if (shape.leaf.kind !== 'opaque') this.note(judgeMembers(object, names, place?.token ?? ''), 'input/names', place)
    for (const name of names) {
      const inner: Place = { token: name, parent: place }
      if ((shape.names !== undefined || !PLAIN_NAME.test(name)) && shape.leaf.kind !== 'opaque')
        this.name(name, shape.names ?? shape.leaf, inner)
      if (isOtherSpelling(name, shape.members)) this.note('ambiguous-name', 'input/names', inner)
      this.value(object[name], shape.members.get(name) ?? this.other(name, shape), inner, depth + 1)
    }
  }

  /** A name is sent by the caller too: a path among names is a path. */
  private name(name: string, leaf: Leaf, place: Place): void {
    this.note(judgeName(name) ?? judgeCharacters(name), 'input/names', place)
    this.note(JUDGES[leaf.kind](name, leaf, this.meter), `input/${leaf.kind}`, place)
  }

  private text(text: string, leaf: Leaf, place: Place | undefined): void {
    if (leaf.maxBytes !== undefined && text.length * 3 > leaf.maxBytes && Buffer.byteLength(text) > leaf.maxBytes)
      this.note('too-long', 'input/size', place)
    if (leaf.kind === 'opaque') return
    this.note(leaf.kind === 'content' ? judgeContentCharacters(text) : judgeCharacters(text), 'input/characters', place)
    this.note(JUDGES[leaf.kind](text, leaf, this.meter), `input/${leaf.kind}`, place)
    if (leaf.kind === 'text') this.note(judgePacked(text), 'input/names', place)
  }

  /** A member that the schema does not name: as it says of the others, if it does. */
  private other(name: string, shape: Shape): Shape {
    const others = shape.others?.filter(({ takes }) => takes(name)) ?? []
    const said = others.find(({ shape: { leaf } }) => leaf.kind !== 'text') ?? others[0]
    const inferred = this.inferred(name, shape)
    if (said === undefined) return inferred
    const isSaid = said.shape.leaf.kind !== 'text' && shape.isWritten !== true
    if (isSaid) return said.shape
    return { ...said.shape, leaf: inferred.leaf, ...written(inferred) }
  }

  /** What an object is said to be for, its members are for too; but for contents, where the files of a name are told as an object. */
  private inferred(name: string, shape: Shape): Shape {
    if (shape.leaf.kind === 'path' && shape.isWritten !== true && isContent(name, [])) return { leaf: CONTENT, members: NO_MEMBERS }
    if (shape.leaf.kind !== 'text' || shape.isWritten === true) return { leaf: shape.leaf, members: NO_MEMBERS, ...written(shape) }
    const known = this.names.get(name)
    if (known !== undefined) return known
    const made: Shape = { leaf: leafOfName(name), members: NO_MEMBERS }
    if (this.names.size < NAMES_MAX) this.names.set(name, made)
    return made
  }

  private note(label: Label | undefined, detector: string, place: Place | undefined): void {
    if (label === undefined || this.findings.length >= FINDINGS_MAX || !isStated(label, this.level)) return
    this.findings.push({ label, detector, pointer: pointerOf(place) })
  }
}

/** Lists in lists share a shape, so a place that is told by its number is one of what is no list itself, and only where it says what it is for. */
function placeOf(shape: Shape, index: number, item: JsonValue): Shape {
  const told = Array.isArray(item) ? undefined : shape.places?.[index]
  return told === undefined || told.leaf.kind === 'text' ? shape : told
}

const written = ({ isWritten }: Shape): Pick<Shape, 'isWritten'> => (isWritten === true ? { isWritten } : {})

const CONTENT: Leaf = { kind: 'content' }
const NO_MEMBERS: ReadonlyMap<string, Shape> = new Map()
/** Tokens of a pointer are cut: a name may be as long as a message, and findings are written down. */
const TOKEN_MAX_CHARS = 128

function pointerOf(place: Place | undefined): string {
  const tokens: string[] = []
  for (let at = place; at !== undefined; at = at.parent)
    tokens.push(at.token.slice(0, TOKEN_MAX_CHARS).replaceAll('~', '~0').replaceAll('/', '~1'))
  return shownPointer(
    tokens
      .map((token) => `/${token}`)
      .reverse()
      .join(''),
  )
}
