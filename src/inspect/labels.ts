/** Every fact that the screening of arguments can state, and from which level on it is stated. The law judges them by these names. */

/** `off` looks at nothing; `strict` also states what is unusual rather than dangerous. */
export type Level = 'off' | 'standard' | 'strict'

export const LABELS = {
  // Anywhere.
  'control-characters': 'standard',
  'terminal-escape': 'standard',
  'bidi-override': 'standard',
  'hidden-text': 'standard',
  'zero-width': 'strict',
  'too-long': 'standard',
  // In text: what acts by being stored, logged or opened.
  'lookup-injection': 'standard',
  'formula-injection': 'standard',
  deserialization: 'standard',
  'external-entity': 'standard',
  'query-injection': 'standard',
  'server-directive': 'standard',
  'header-injection': 'standard',
  'template-injection': 'standard',
  // In names and objects.
  'prototype-pollution': 'standard',
  'nosql-injection': 'standard',
  'nosql-operator': 'strict',
  'ambiguous-name': 'standard',
  // Of a kind.
  recipient: 'standard',
  'path-traversal': 'standard',
  'path-form': 'standard',
  'sensitive-file': 'standard',
  'absolute-path': 'strict',
  'private-address': 'standard',
  'url-scheme': 'standard',
  'url-form': 'standard',
  'url-host': 'standard',
  'url-port': 'standard',
  'sql-injection': 'standard',
  'sql-identifier': 'standard',
  'sql-write': 'standard',
  'sql-stacked': 'standard',
  'sql-function': 'standard',
  'sql-unreadable': 'standard',
  script: 'standard',
  'active-markup': 'standard',
  'unlisted-markup': 'strict',
  'command-injection': 'standard',
  'argument-injection': 'standard',
  'dangerous-command': 'standard',
  'network-command': 'standard',
  'code-injection': 'standard',
  'dangerous-code': 'standard',
  'expensive-code': 'standard',
  'catastrophic-pattern': 'standard',
} as const satisfies Readonly<Record<string, Exclude<Level, 'off'>>>

export type Label = keyof typeof LABELS

export function isStated(label: Label, level: Level): boolean {
  return level === 'strict' || (level === 'standard' && LABELS[label] === 'standard')
}
