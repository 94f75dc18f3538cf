/** A fact seen in a payload, or in what a server says of its own things. */

/** What was seen in a payload, and where; never the text that was seen. */
export interface Finding {
  /** What it is: `secret`, `path-traversal`. */
  readonly label: string
  readonly detector: string
  /** Where: JSON Pointer (RFC 6901). Never the matched text. */
  readonly pointer: string
  /** How far the definition has names for it, where the rest are names of the caller's own: that much of the pointer may be told to the caller. */
  readonly named?: string
  /** UTF-16 offsets within the string at `pointer`. */
  readonly span?: readonly [start: number, end: number]
  /** What was expected there, in words of ours: `must be string`. Never of the payload; may be told to the caller. */
  readonly rule?: string
  /** It was taken out of what left. */
  readonly isRedacted?: true
}

/** How often something of each label was taken out, as far as findings were kept. */
export function redactions(findings: readonly Finding[] = []): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const { label, isRedacted } of findings) if (isRedacted === true) counts.set(label, (counts.get(label) ?? 0) + 1)
  return counts
}

/** The same for people: `redacted: secret ×2`; undefined where nothing was. */
export function redactedText(findings: readonly Finding[] | undefined): string | undefined {
  const counts = [...redactions(findings)].map(([label, count]) => (count === 1 ? label : `${label} ×${count}`))
  return counts.length === 0 ? undefined : `redacted: ${counts.join(', ')}`
}

/** What is held against the definition of a tool, prompt or resource has a label that begins so. */
export const OF_DEFINITION = 'definition/'

/** What has entered a conversation before the call has a label that begins so. */
export const OF_FLOW = 'flow/'

export function isOfFlow(label: string): boolean {
  return label.startsWith(OF_FLOW)
}

export function isOfDefinition(label: string): boolean {
  return label.startsWith(OF_DEFINITION)
}
