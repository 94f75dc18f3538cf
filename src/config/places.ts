/** Settings by where they stand: which there are, and which of them hold a secret. */
import type { Path } from './source.ts'

/** What is read of the JSON Schema of the file. */
export interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly additionalProperties?: SchemaNode | boolean
  readonly items?: SchemaNode | boolean
  readonly anyOf?: readonly SchemaNode[]
  /** Of a secret (JSON Schema 2020-12, Validation §9.4): it is given, and never shown. */
  readonly writeOnly?: boolean
}

/** A text of a configuration, and whether a secret is expected where it stands. */
export interface Written {
  readonly path: Path
  readonly text: string
  readonly isSecret: boolean
}

/** All that may be written at a place: where a setting has several forms, each of them. */
function formsOf(node: SchemaNode): readonly SchemaNode[] {
  return [node, ...(node.anyOf ?? []).flatMap(formsOf)]
}

function below(nodes: readonly SchemaNode[], part: PropertyKey): readonly SchemaNode[] {
  const found = nodes.map((node) =>
    typeof part === 'number' ? node.items : (node.properties?.[String(part)] ?? node.additionalProperties),
  )
  return found.flatMap((node) => (typeof node === 'object' ? formsOf(node) : []))
}

/** The forms of the setting at a path; none where there is no such setting. */
export function settingsAt(schema: SchemaNode, path: Path): readonly SchemaNode[] {
  let nodes = formsOf(schema)
  for (const part of path) nodes = below(nodes, part)
  return nodes
}

export const takesSecret = (nodes: readonly SchemaNode[]): boolean => nodes.some(({ writeOnly }) => writeOnly === true)

/** No setting lies deeper. */
export const DEPTH_MAX = 16

/** Every text of a configuration. */
export function textsOf(schema: SchemaNode, value: unknown): readonly Written[] {
  const found: Written[] = []
  const visit = (nodes: readonly SchemaNode[], at: unknown, path: Path): void => {
    // Deeper than any setting: an alias that leads into itself.
    if (path.length > DEPTH_MAX) return
    if (typeof at === 'string') found.push({ path, text: at, isSecret: takesSecret(nodes) })
    else if (typeof at === 'object' && at !== null)
      for (const [name, inner] of Object.entries(at)) {
        const part = Array.isArray(at) ? Number(name) : name
        visit(below(nodes, part), inner, [...path, part])
      }
  }
  visit(formsOf(schema), value, [])
  return found
}

/** `servers.crm.env.TOKEN`, `authentication.issuers[0].issuer`: as mistakes are told. Undefined: it is no path. */
export function parsePath(text: string): Path | undefined {
  const path: PropertyKey[] = []
  const part = /(?:^|\.)([^.[\]]+)|\[(\d{1,6})\]/y
  while (part.lastIndex < text.length) {
    const found = part.exec(text)
    if (found === null) return undefined
    path.push(found[1] ?? Number(found[2]))
  }
  return path.length === 0 ? undefined : path
}
